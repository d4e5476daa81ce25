"""The entry point ``pcbm``: the list of commands, and the one place where a run ends."""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pcbm._version import __version__
from pcbm.cli import (
    audit,
    bank,
    check,
    compare,
    counterfactual,
    demo,
    edit,
    embed,
    env,
    errors,
    evaluate,
    explain,
    export,
    fit,
    predict,
    report,
    suggest,
    transfer,
)
from pcbm.cli.entry import was_interrupted
from pcbm.cli.options import command
from pcbm.cli.output import Result, on_terminal
from pcbm.cli.plans import with_undo_count
from pcbm.errors import InputError, near


class Group(TyperGroup):
    """A group of commands that offers near matches for a command it does not have."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command named by the first argument; see the base class."""
        name = args[0]
        if name not in self.commands and not name.startswith("-") and not ctx.resilient_parsing:
            raise InputError(
                f"{ctx.command_path}: there is no command {name!r}: {near(name, self.commands)}"
            )
        return super().resolve_command(ctx, args)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"pcbm {__version__}")
        raise typer.Exit


def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    """Post-hoc concept-bottleneck models: readable, correctable classifiers on any backbone."""
    _help_when_alone(context)


def _help_when_alone(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        help_text = context.get_help()  # drawn with rich, it is on the terminal already
        if help_text:
            print(help_text)


SUGGEST = "edit suggest"  # one word to typer, because pcbm edit takes a RUN there
COMMANDS: dict[str, Callable[..., Result]] = {
    "demo": demo.demo,
    "embed": embed.embed,
    "fit": fit.fit,
    "evaluate": evaluate.evaluate,
    "predict": predict.predict,
    "explain": explain.explain,
    "check": check.check,
    "counterfactual": counterfactual.counterfactual,
    "compare": compare.compare,
    "edit": edit.edit,
    SUGGEST: suggest.suggest,
    "audit": audit.audit,
    "report": report.report,
    "export": export.export,
    "env": env.env,
}
BANK_COMMANDS: dict[str, Callable[..., Result]] = {
    "text": bank.text,
    "cav": bank.cav,
    "show": bank.show,
    "merge": bank.merge,
    "filter": bank.filter_,
}
GROUPS: dict[str, tuple[ModuleType, dict[str, Callable[..., Result]]]] = {
    "bank": (bank, BANK_COMMANDS),
    "transfer": (transfer, transfer.COMMANDS),
}


def build(*, rich: bool) -> typer.Typer:
    """Return the application; ``rich`` draws help with frames and colours."""
    settings: dict[str, Any] = {
        "cls": Group,
        "rich_markup_mode": "rich" if rich else None,
        "add_completion": False,
        "invoke_without_command": True,
        "context_settings": {"help_option_names": ["-h", "--help"]},
    }
    app = typer.Typer(callback=_root, **settings)
    for name, function in COMMANDS.items():
        app.command(name)(command(function))
    for name, (module, functions) in GROUPS.items():
        text = _sentence(module.__doc__)
        group = typer.Typer(callback=_help_when_alone, help=text, **settings)
        for inner, function in functions.items():
            group.command(inner)(command(function))
        app.add_typer(group, name=name)
    return app


@functools.cache
def application(*, rich: bool) -> Any:
    """Return what runs an argument list: the application, put together once in a process."""
    return typer.main.get_command(build(rich=rich))


def _sentence(doc: str | None) -> str:
    """Return what a module says after the name of its command."""
    text = (doc or "").partition(": ")[2]
    return text[:1].upper() + text[1:]


def joined_name(arguments: Sequence[str]) -> list[str]:
    """Make one word of a command whose name has two; a RUN called suggest is ./suggest.

    >>> joined_name(["edit", "suggest", "run"])
    ['edit suggest', 'run']
    """
    words = SUGGEST.split()
    if list(arguments[:2]) == words:
        return [SUGGEST, *arguments[2:]]
    return list(arguments)


def run(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; see `pcbm.cli.errors` for the codes."""
    arguments = with_undo_count(joined_name(sys.argv[1:] if argv is None else argv))
    debug = "--debug" in arguments
    try:
        app = application(rich=on_terminal(sys.stdout))
        code = app.main(arguments, prog_name="pcbm", standalone_mode=False)
        if code == errors.INTERRUPTED:  # typer turns Ctrl-C into this code without a word
            raise KeyboardInterrupt
    except SystemExit:  # typer's answer to a reader that went away, as in  pcbm ... | head
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        return errors.OTHER
    except BaseException as error:
        # Libraries turn an interruption into errors of their own.
        ended = KeyboardInterrupt() if was_interrupted() else error
        return errors.report(ended, debug=debug)
    return int(code or 0)


if __name__ == "__main__":
    sys.exit(run())
