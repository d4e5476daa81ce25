"""Small tables for notebooks: escaped HTML from plain values, without styles that leave it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

LONGEST = 160  # characters of a cell; the whole text is its tooltip
NAME = 24  # of a name among several in a cell
# What HTML cannot hold: control characters and single surrogates.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
CELL = "padding:2px 10px 2px 0;text-align:left;vertical-align:top"


def text(value: object, longest: int = LONGEST) -> str:
    """Return a value as escaped HTML text, shortened, with the whole of it as its tooltip.

    A name stands in an element of its own, so that its direction ends with it.

    >>> text("<b>")
    '<bdi>&lt;b&gt;</bdi>'
    """
    whole = UNPRINTABLE.sub("\ufffd", str(value))
    if len(whole) <= longest:
        return f"<bdi>{escape(whole)}</bdi>"
    return f'<bdi title="{escape(whole)}">{escape(whole[: longest - 1])}…</bdi>'


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], note: str = ""
) -> str:
    """Return a titled table; every cell, title and note is escaped here.

    >>> table("T", ["a"], [[1]]).count("<td")
    1
    """
    head = "".join(f'<th style="{CELL}">{text(name)}</th>' for name in columns)
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{text(cell)}</td>' for cell in row) + "</tr>"
        for row in rows
    )
    below = f"<p>{text(note, 400)}</p>" if note else ""
    return (
        f'<div class="pcbm"><p><b>{text(title, 200)}</b></p>'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}</div>"
    )


def weighted(names: Sequence[str], values: Sequence[float], most: int = 5) -> str:
    """Return the names with the largest values, signed, in one line.

    >>> weighted(["fur", "wet"], [0.5, -1.25])
    'wet −1.25, fur +0.50'
    """
    order = sorted(range(len(values)), key=lambda j: -abs(values[j]))
    used = [j for j in order if values[j] != 0]
    told = ", ".join(f"{_brief(names[j])} {signed(values[j])}" for j in used[:most])
    return told + (f" and {len(used) - most} more" if len(used) > most else "")


def _brief(name: str) -> str:
    return name if len(name) <= NAME else name[: NAME - 1] + "…"


def signed(value: float) -> str:
    """Return a number with its sign and two decimals.

    >>> signed(-0.25)
    '−0.25'
    """
    return f"{value:+.2f}".replace("-", "\u2212")
