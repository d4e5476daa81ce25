"""The options that every command takes, and the shell that every command runs in."""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli import errors
from pcbm.cli.config import use_config
from pcbm.cli.output import Result, emit
from pcbm.cli.progress import Callback, progress
from pcbm.errors import InputError

SHARED = "Shared options"
DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_device(device: str) -> str:
    """Refuse a device that is none of auto, cpu, cuda, cuda:N, mps."""
    if not DEVICE.fullmatch(device):
        raise InputError(f"--device was given as {device!r}: it is auto, cpu, cuda, cuda:N or mps")
    return device


@dataclass(frozen=True)
class Common:
    """The shared options of a run."""

    json: bool = False
    seed: int = 0
    device: str = "auto"
    quiet: bool = False
    debug: bool = False

    def progress(self, title: str) -> AbstractContextManager[Callback | None]:
        """Return a context that draws progress on stderr, unless ``--quiet``."""
        return progress(title, quiet=self.quiet)

    def note(self, message: str) -> None:
        """Write one line to stderr, unless ``--quiet``."""
        if not self.quiet:
            errors.tell(message)


JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document, not tables.", rich_help_panel=SHARED),
]
SeedOption = Annotated[
    int,
    typer.Option("--seed", min=0, help="Seed of everything random.", rich_help_panel=SHARED),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICE",
        callback=check_device,
        help="Where the backbone runs: auto, cpu, cuda, cuda:N or mps.",
        rich_help_panel=SHARED,
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option("--quiet", help="No notes and no progress on stderr.", rich_help_panel=SHARED),
]
DebugOption = Annotated[
    bool,
    typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=SHARED),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE.toml",
        is_eager=True,
        callback=use_config,
        help="Options from a TOML file; a flag beats the file.",
        rich_help_panel=SHARED,
    ),
]


def _shared(
    json: JsonOption = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    debug: DebugOption = False,
    config: ConfigOption = None,
) -> None:
    """Carry the signature of the shared options; `command` adds it to each command's own."""


def command(function: Callable[..., Result]) -> Callable[..., None]:
    """Return a command for typer: the function's own parameters, then the shared options.

    The function's first parameter is the `Common` of the run; it returns a `Result`, which is
    printed here, so that nothing reaches stdout when the function fails.
    """
    shared = inspect.signature(_shared, eval_str=True).parameters
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

    @functools.wraps(function)
    def wrapper(**values: Any) -> None:
        config = {name: values.pop(name) for name in shared}
        config.pop("config")
        common = Common(**config)
        with _one_line_warnings(common):
            result = function(common, **values)
        emit(result, as_json=common.json)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*own, *shared.values())]
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapper


@contextmanager
def _one_line_warnings(common: Common) -> Iterator[None]:
    """Write Python warnings as one line each, once; developers' kinds only with ``--debug``."""
    told: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: object = None,
        line: str | None = None,
    ) -> None:
        text = f"warning: {message}"
        if text not in told:
            told.add(text)
            common.note(text)

    with warnings.catch_warnings():
        if not common.debug:
            for kind in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
                warnings.simplefilter("ignore", kind)
        warnings.showwarning = show
        yield
