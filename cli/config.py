"""``--config FILE.toml``: options from a file. A flag beats the file, the file beats the default.

Keys are the long names of options or the names of arguments, as in ``concepts-per-class = 10``.
Keys at the top are for the command that runs; a table named like a command, ``[fit]`` or
``[bank.text]``, is read by that command alone.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import typer

from pcbm.errors import InputError, near

NOT_IN_FILES = ("config", "debug", "help")


def use_config(context: typer.Context, path: Path | None) -> Path | None:
    """Read the file and make its values the defaults of the running command."""
    if path is not None and not context.resilient_parsing:
        context.default_map = config_defaults(path, context)
    return path


def config_defaults(path: Path, context: Any) -> dict[str, Any]:
    """Return the values of a file by parameter name, checked against the command's own."""
    top = _read(path)
    root = context.find_root().command
    words = _words(context)
    values = {key: value for key, value in top.items() if not isinstance(value, dict)}
    _check_tables(top, root, path)
    table: Any = top
    for word in words:
        table = table.get(word, {})
    values |= {key: value for key, value in table.items() if not isinstance(value, dict)}

    parameters = {_key(p): p for p in context.command.params if p.name not in NOT_IN_FILES}
    defaults = {}
    for key, value in values.items():
        parameter = parameters.get(key.replace("_", "-"))
        if parameter is None:
            raise InputError(
                f"{path} holds the key {key!r}, which  pcbm {' '.join(words)}  does not know: "
                f"{near(key, parameters)}"
            )
        as_list = getattr(parameter, "multiple", False) and not isinstance(value, list)
        defaults[parameter.name] = [value] if as_list else value
    return defaults


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"the --config file {path} does not exist: check the path") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"the --config file {path} is not TOML: {error}") from None


def _check_tables(table: dict[str, Any], group: Any, path: Path) -> None:
    """Refuse tables that name no command, at every level."""
    commands = getattr(group, "commands", {})
    for name, value in table.items():
        if not isinstance(value, dict):
            continue
        if name not in commands:
            raise InputError(
                f"{path} holds the table [{name}], which is no command: {near(name, commands)}"
            )
        _check_tables(value, commands[name], path)


def _words(context: Any) -> list[str]:
    words: list[str] = []
    while context.parent is not None:
        words.insert(0, context.info_name)
        context = context.parent
    return words


def _key(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.name)
    return max(parameter.opts, key=len).removeprefix("--")
