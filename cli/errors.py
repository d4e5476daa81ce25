"""Every error becomes one line on stderr and an exit code.

0 done; 2 the user's input is wrong; 130 interrupted; 1 anything else.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import typer

from pcbm.cli.output import write
from pcbm.cli.text import one_line
from pcbm.errors import InputError, near

WRONG_INPUT, INTERRUPTED, OTHER = 2, 130, 1
PATH_ERRORS = (FileNotFoundError, FileExistsError, PermissionError, NotADirectoryError)
SHARED_OPTIONS = ("--json", "--seed", "--device", "--quiet", "--debug", "--config")


def report(error: BaseException, *, debug: bool) -> int:
    """Write the line of an error to stderr and return the exit code."""
    code, message = explain(error)
    if debug and code != INTERRUPTED:
        write(sys.stderr, "".join(traceback.format_exception(error)))
    tell(message)
    return code


def tell(message: str) -> None:
    """Write one line to stderr, as every line of the command line looks."""
    line = one_line(message)
    write(sys.stderr, f"{line}\n" if line.startswith("pcbm") else f"pcbm: {line}\n")


def explain(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the sentence for an error."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"
    if isinstance(error, InputError):
        return WRONG_INPUT, str(error)
    if isinstance(error, typer.TyperException):
        return WRONG_INPUT, usage_message(error)
    if isinstance(error, IsADirectoryError):
        return WRONG_INPUT, f"{error.filename} is a folder where a file is expected"
    if isinstance(error, PATH_ERRORS) and error.filename is not None:
        reason = (error.strerror or "cannot be used").lower()
        return WRONG_INPUT, f"{error.filename}: {reason}: check the path and its permissions"
    if isinstance(error, OSError) and error.strerror:
        place = f" ({error.filename})" if error.filename else ""
        return OTHER, f"the system refused: {error.strerror.lower()}{place}"
    if isinstance(error, MemoryError):
        return OTHER, f"out of memory ({str(error) or 'no details'}): use fewer rows or concepts"
    return OTHER, (
        f"unexpected {type(error).__name__}: {error} - this looks like a bug: "
        "repeat the command with --debug for the traceback"
    )


def usage_message(error: Any) -> str:
    """Return the sentence for an error that the option parser raised.

    The parser's error classes are not public; they are told apart by what they carry.
    """
    context = getattr(error, "ctx", None)
    path = _command_words(context) if context is not None else "pcbm"
    option = getattr(error, "option_name", None)
    parameter = getattr(error, "param", None)
    if option is not None and hasattr(error, "possibilities"):
        return f"{path}: there is no option {option}: {_near_option(option, context)}"
    if parameter is not None and type(error).__name__ == "MissingParameter":
        kind = "argument" if parameter.param_type_name == "argument" else "option"
        return f"{path}: the {kind} {_label(parameter)} is missing: see  {path} --help"
    if parameter is not None:
        return f"{path}: {_label(parameter)}{_given(error, context)}: {error.message}"
    hint = f": see  {path} --help" if context is not None else ""
    return f"{path}: {error.format_message().rstrip('.')}{hint}"


def _command_words(context: Any) -> str:
    words = []
    while context is not None:
        words.append(context.info_name)
        context = context.parent
    return " ".join(reversed(words))


def _label(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return max(parameter.opts, key=len)


def _near_option(option: str, context: Any) -> str:
    options = [name for p in context.command.params for name in p.opts if name.startswith("--")]
    if option in SHARED_OPTIONS and option not in options:
        return f"it goes after the command, as in  pcbm COMMAND {option}"
    return near(option, options)


def _given(error: Any, context: Any) -> str:
    """Return what the user gave, and whether a configuration file gave it."""
    cause = error.__cause__
    errors = cause.errors() if hasattr(cause, "errors") else []
    given = f" was given as {errors[0]['input']!r}" if errors else " was refused"
    source = context.get_parameter_source(error.param.name) if context is not None else None
    from_file = source is not None and source.name == "DEFAULT_MAP"
    return given + (" in the --config file" if from_file else "")
