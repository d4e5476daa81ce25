"""What a command prints on stdout: one JSON document, or blocks of lines and tables."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from pcbm.cli.text import number, shown

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Line:
    """One sentence of the result; ``style`` is a rich style, used on a terminal only."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the result. Numbers are right-aligned; texts are printed with `shown`."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    title: str = ""


Block = Line | Table


@dataclass(frozen=True)
class Result:
    """What a command found: the JSON document, and how to tell it to a person.

    ``then`` is called when that was printed, by commands that go on until they are interrupted.
    """

    document: Mapping[str, Any]
    view: Callable[[], Sequence[Block]]
    then: Callable[[], None] | None = None


def warning_lines(warnings: Sequence[str]) -> list[Block]:
    """Return one line a warning, for the top of a result."""
    return [Line(f"warning: {text}", "yellow") for text in warnings]


def plain(value: Any) -> Any:
    """Return a value as JSON has it; numbers that are not finite were not measured: null.

    >>> plain({"a": (1, float("nan")), "b": Path("x/y")})
    {'a': [1, None], 'b': 'x/y'}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


def json_text(document: Mapping[str, Any]) -> str:
    """Return the document as JSON in ASCII, so that it survives any terminal encoding."""
    return json.dumps(plain(document), indent=2, allow_nan=False)


def emit(result: Result, *, as_json: bool) -> None:
    """Write a result to stdout, whole: everything is laid out before the first byte goes."""
    if as_json:
        text = json_text(result.document) + "\n"
    elif on_terminal(sys.stdout):
        text = rich_text(result.view())
    else:
        text = plain_text(result.view())
    write(sys.stdout, text)


def write(stream: TextIO, text: str) -> None:
    """Write text to a stream in its own encoding; characters it lacks become escapes."""
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def on_terminal(stream: TextIO) -> bool:
    """Return whether colours, frames and moving bars make sense on a stream."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def plain_text(blocks: Sequence[Block]) -> str:
    """Lay out blocks as plain text: no frames, no colours, columns aligned by blanks."""
    parts: list[str] = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        if isinstance(before, Table):
            parts.append("")
        if isinstance(block, Line):
            parts.append(shown(block.text))
            continue
        cells = [[_cell(value) for value in row] for row in block.rows]
        lines = [[shown(name) for name in block.columns], *cells]
        widths = [max(len(line[j]) for line in lines) for j in range(len(block.columns))]
        right = _right_aligned(block)
        if block.title:
            parts.append(shown(block.title))
        for line in lines:
            padded = (
                text.rjust(width) if is_right else text.ljust(width)
                for text, width, is_right in zip(line, widths, right, strict=True)
            )
            parts.append("  ".join(padded).rstrip())
    return "".join(f"{part}\n" for part in parts)


def rich_text(blocks: Sequence[Block]) -> str:
    """Lay out blocks for a terminal; NO_COLOR is honoured by rich."""
    console = _console()
    with console.capture() as capture:
        for block in blocks:
            if isinstance(block, Line):
                console.print(shown(block.text), style=block.style or None, markup=False)
            else:
                console.print(_rich_table(block))
    return capture.get()


def _console() -> Console:
    from rich.console import Console

    return Console(file=sys.stdout, highlight=False, soft_wrap=False)


def _rich_table(table: Table) -> Any:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        title=Text(shown(table.title), style="bold") if table.title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for name, is_right in zip(table.columns, _right_aligned(table), strict=True):
        drawn.add_column(Text(shown(name)), justify="right" if is_right else "left")
    for row in table.rows:
        drawn.add_row(*(Text(_cell(value)) for value in row))
    return drawn


def _cell(value: Any) -> str:
    return number(value.item() if hasattr(value, "item") else value)


def _right_aligned(table: Table) -> list[bool]:
    return [
        all(row[j] is None or not isinstance(row[j], str) for row in table.rows)
        for j in range(len(table.columns))
    ]
