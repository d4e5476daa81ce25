"""How figures look: one style of their own, colours that all eyes tell apart, names made safe.

Nothing of a user's matplotlib settings gets in, and pyplot is never touched.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from pcbm.errors import need

EXTRA = "plots"
WIDTH = 6.3  # inches: the width of text on A4 and on letter paper
FONT = "DejaVu Sans"  # comes with matplotlib, so that every machine draws the same
LONGEST = 40  # characters of a name beside an axis
JOINERS = "\u200c\u200d"  # part of the spelling of Persian, of Indic scripts and of emoji
HOLE = "\u25a1"  # for what the font lacks

# Okabe and Ito (2008): told apart with every kind of colour blindness; dark enough for print.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#6E6E6E"
PALE = "#C9C9C9"
ROLES = {
    "model": (BLUE, "o"),
    "random": (RED, "D"),
    "probe": (GREEN, "s"),
    "base": (GREY, "v"),
}
# Two states differ in colour and in their mark, for those who print in grey.
SERIES = ((RED, "o", "white"), (BLUE, "o", BLUE))

STYLE = {
    "font.family": FONT,
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "lines.linewidth": 1.2,
    "figure.dpi": 100.0,
    "savefig.dpi": 300.0,
    "svg.fonttype": "path",
    "svg.hashsalt": "pcbm",
    "pdf.fonttype": 42,
}


@contextmanager
def own_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and `STYLE` within the block, whatever the user has set.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed.
    """
    style = need("matplotlib.style", EXTRA)
    with style.context(["default", STYLE]):
        yield


def figure(width: float, height: float) -> Any:
    """Return an empty figure in inches that lays itself out; it belongs to no window."""
    return need("matplotlib.figure", EXTRA).Figure(figsize=(width, height), layout="constrained")


def label(text: object, longest: int = LONGEST) -> str:
    r"""Return a name as a figure can show it: `short`, and no dollar of it begins a formula.

    >>> label("price $x_1$")
    'price \\$x_1\\$'
    """
    return literal(short(text, longest))


def literal(text: str) -> str:
    """Return text that matplotlib does not read as a formula."""
    return text.replace("$", "\\$")


def short(text: object, longest: int = LONGEST) -> str:
    """Return a name as one line, without control and direction characters.

    What the font lacks becomes a box, and the middle of a long name goes.

    >>> short("fur"), short("a" * 30 + "b" * 30, 9)
    ('fur', 'aaaa…bbbb')
    """
    flat = " ".join("".join(map(_plain, str(text))).split())
    if len(flat) <= longest:
        return flat
    head = longest // 2
    return f"{flat[:head]}…{flat[len(flat) - (longest - head - 1) :]}"


def labels(names: Sequence[object], longest: int = LONGEST) -> list[str]:
    """Return the names of one axis, numbered where they would look the same.

    >>> labels(["a", "b", "a"])
    ['a', 'b', 'a (2)']
    """
    seen: dict[str, int] = {}
    shown = []
    for name in names:
        text = label(name, longest)
        seen[text] = seen.get(text, 0) + 1
        shown.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    return shown


def _plain(character: str) -> str:
    kind = unicodedata.category(character)
    if character.isspace() or kind in ("Zl", "Zp"):
        return " "
    if kind.startswith("C") and character not in JOINERS:
        return "" if kind == "Cf" else " "
    return character if ord(character) in _drawable() else HOLE


@cache
def _drawable() -> frozenset[int]:
    """Return the code points that the font has a glyph for."""
    fonts = need("matplotlib.font_manager", EXTRA)
    return frozenset(fonts.get_font(fonts.findfont(FONT)).get_charmap())


def as_percent(value: float, _: object = None) -> str:
    """Return a share as a tick shows it.

    >>> as_percent(0.925)
    '92.5 %'
    """
    return f"{100 * value:.4g} %".replace("-", "\u2212")
