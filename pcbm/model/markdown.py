"""Markdown that shows names and texts from outside as they are, whatever they hold."""

from __future__ import annotations

import re
from collections.abc import Sequence

JOINERS = "\u200c\u200d"  # part of the spelling of Persian, of Indic scripts and of emoji
ACTIVE = frozenset("\\`*_{}[]<>#|&~$")


def plain(text: object) -> str:
    r"""Return one line of text that Markdown shows as it is.

    >>> plain("*bold* | <b>")
    '\\*bold\\* \\| \\<b\\>'
    """
    return "".join(f"\\{c}" if c in ACTIVE else c for c in one_line(text))


def code(text: object) -> str:
    r"""Return a name between backticks, where no platform finds mentions or links in it.

    >>> code("fur"), code("a`b|c"), code("@someone")
    ('`fur`', '``a`b\\|c``', '`@someone`')
    """
    flat = one_line(text)
    fence = _fence(flat, 1)
    space = " " if not flat or flat[0] in "` " or flat[-1] in "` " else ""
    # A table ends a cell at a bar even between backticks.
    return f"{fence}{space}{flat}{space}{fence}".replace("|", "\\|")


def block(lines: Sequence[str], language: str = "") -> list[str]:
    """Return a block of code that nothing in its lines can end."""
    fence = _fence("\n".join(lines), 3)
    return [fence + language, *lines, fence]


def _fence(text: str, least: int) -> str:
    """Return more backticks than any run of them in a text."""
    return "`" * max(least, 1 + max(map(len, re.findall("`+", text)), default=0))


def one_line(text: object) -> str:
    """Return text without line breaks, controls and characters that change its direction."""
    kept = (c if c.isprintable() or c in JOINERS else " " for c in str(text))
    return " ".join("".join(kept).split())


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table; cells are Markdown already.

    >>> table(["a", "b"], [["1", "2"]])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    lines = [f"| {' | '.join(cells)} |" for cells in (columns, *rows)]
    return [lines[0], "|" + "---|" * len(columns), *lines[1:]]
