"""The options that every command takes, and the shell that every command runs in."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli import errors
from pcbm.cli.config import use_config
from pcbm.cli.output import Result, emit, on_terminal
from pcbm.cli.progress import Callback, progress
from pcbm.errors import InputError

SHARED = "Shared options"
BACKBONE = "Backbone"
BACKBONE_FORMS = (
    "open_clip:MODEL/PRETRAINED, timm:NAME, torchvision:NAME/WEIGHTS, transformers:NAME, "
    "sentence_transformers:NAME, python:FILE.py:FACTORY, demo:tiny-clip"
)
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


def _common(
    json: JsonOption = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    quiet: QuietOption = False,
    debug: DebugOption = False,
    config: ConfigOption = None,
) -> Common:
    """Build the `Common` of a run from the options every command takes."""
    return Common(json=json, seed=seed, device=device, quiet=quiet, debug=debug)


@dataclass(frozen=True)
class BackboneChoice:
    """What the user said about the backbone; None leaves it to what was recorded."""

    spec: str | None = None
    layer: str | None = None
    pool: str | None = None
    dtype: str = "float32"
    batch_size: int = 64
    skip_unreadable: bool = False


SpecOption = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        metavar="B",
        help=f"{BACKBONE_FORMS} or none. Default: what the data, bank or run recorded.",
        rich_help_panel=BACKBONE,
    ),
]
LayerOption = Annotated[
    str | None,
    typer.Option("--layer", help="A named module, not the output.", rich_help_panel=BACKBONE),
]
PoolOption = Annotated[
    str | None,
    typer.Option("--pool", help="mean, cls or flatten.", rich_help_panel=BACKBONE),
]
DtypeOption = Annotated[
    str,
    typer.Option(
        "--dtype", help="float32; on a GPU float16 or bfloat16.", rich_help_panel=BACKBONE
    ),
]
BatchOption = Annotated[
    int,
    typer.Option("--batch-size", min=1, help="Inputs that run at once.", rich_help_panel=BACKBONE),
]
SkipOption = Annotated[
    bool,
    typer.Option(
        "--skip-unreadable",
        help="Leave out images that cannot be read, and count them.",
        rich_help_panel=BACKBONE,
    ),
]


def _backbone(
    backbone: SpecOption = None,
    layer: LayerOption = None,
    pool: PoolOption = None,
    dtype: DtypeOption = "float32",
    batch_size: BatchOption = 64,
    skip_unreadable: SkipOption = False,
) -> BackboneChoice:
    """Build the `BackboneChoice` of the commands that run a backbone."""
    return BackboneChoice(backbone, layer, pool, dtype, batch_size, skip_unreadable)


GROUPS: dict[Any, Callable[..., Any]] = {Common: _common, BackboneChoice: _backbone}


def command(function: Callable[..., Result]) -> Callable[..., None]:
    """Return a command for typer from a function that returns a `Result`.

    A parameter annotated with one of `GROUPS` becomes the options of that group, and is built
    from them. The result is printed here, so that nothing reaches stdout when the function fails.
    """
    own: list[inspect.Parameter] = []
    grouped: dict[str, tuple[Callable[..., Any], list[inspect.Parameter]]] = {}
    for parameter in inspect.signature(function, eval_str=True).parameters.values():
        if parameter.annotation in GROUPS:
            build = GROUPS[parameter.annotation]
            options = inspect.signature(build, eval_str=True).parameters
            grouped[parameter.name] = (build, list(options.values()))
        else:
            own.append(parameter)

    @functools.wraps(function)
    def wrapper(**values: Any) -> None:
        built = {
            name: build(**{option.name: values.pop(option.name) for option in options})
            for name, (build, options) in grouped.items()
        }
        common = next(value for value in built.values() if isinstance(value, Common))
        if common.quiet or not on_terminal(sys.stderr):
            os.environ.setdefault("TQDM_DISABLE", "1")  # the bars of libraries that load weights
        # What a user's own backbone file prints must not end up in the result.
        with _one_line_warnings(common), contextlib.redirect_stdout(sys.stderr):
            result = function(**built, **values)
        emit(result, as_json=common.json)
        if result.then is not None:
            result.then()

    last = sorted(grouped.values(), key=lambda item: item[0] is _common)
    every = [*own, *(option for _, options in last for option in options)]
    every = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in every]
    wrapper.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in every}
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
