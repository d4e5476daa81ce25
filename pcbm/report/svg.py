"""The few parts that charts are drawn with: escaped SVG elements, a scale, ticks.

Horizontal places are percentages and vertical ones pixels, so that one drawing fits a phone and a
desk without its text growing or shrinking. Colours come from the page's style sheet through
classes, so that it also serves the light page, the dark one and the printed one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup, escape


def element(name: str, *children: str | Markup, **attributes: str | float | None) -> Markup:
    """Return one element; text and attribute values are escaped.

    A trailing underscore is dropped from attribute names (``class_``), others become hyphens;
    attributes that are None are left out.

    >>> element("text", "a < b", class_="tick", text_anchor="end", y=1.0)
    Markup('<text class="tick" text-anchor="end" y="1">a &lt; b</text>')
    """
    parts = [
        f'{key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"'
        for key, value in attributes.items()
        if value is not None
    ]
    opening = " ".join([name, *parts])
    body = Markup("").join(escape(child) for child in children)
    # Every part was escaped above, so the whole is safe to mark as such.
    return Markup(f"<{opening}>{body}</{name}>") if body else Markup(f"<{opening}/>")


def drawing(height: float, label: str, *children: Markup, class_: str = "chart") -> Markup:
    """Return an SVG picture of full width, with a text for those who do not see it."""
    return element(
        "svg",
        element("title", label),
        *children,
        width="100%",
        height=height,
        role="img",
        class_=class_,
    )


@dataclass(frozen=True)
class Across:
    """A horizontal scale: data in [low, high] to percentages of the width, after ``bend``.

    >>> Across(0.0, 0.5)(0.25)
    '50%'
    """

    low: float
    high: float
    bend: Callable[[float], float] = float

    def __call__(self, value: float) -> str:
        """Return the place of a value; values outside are put on the edge."""
        return f"{_plain(100 * _share(value, self.low, self.high, self.bend))}%"


@dataclass(frozen=True)
class Up:
    """A vertical scale: data in [low, high] to pixels, from ``bottom`` up to ``top``."""

    low: float
    high: float
    bottom: float
    top: float

    def __call__(self, value: float) -> float:
        """Return the place of a value; values outside are put on the edge."""
        return self.bottom + _share(value, self.low, self.high, float) * (self.top - self.bottom)


def _share(value: float, low: float, high: float, bend: Callable[[float], float]) -> float:
    start, stop = bend(low), bend(high)
    share = (bend(value) - start) / (stop - start) if stop > start else 0.5
    return min(max(share, 0.0), 1.0)


def nice_ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers that cover [low, high], about ``wanted`` of them.

    >>> nice_ticks(0.31, 0.97)
    [0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if high <= low:
        return [low]
    rough = (high - low) / max(wanted - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * min(s for s in (1.0, 2.0, 2.5, 5.0, 10.0) if s * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def count_ticks(high: float) -> list[float]:
    """Return ticks for counts on a bent axis: 0, 1, 2, 5, 10, 20, 50, ... up to ``high``.

    >>> count_ticks(30)
    [0.0, 1.0, 2.0, 5.0, 10.0, 20.0]
    """
    ticks, power = [0.0], 1.0
    while power <= high:
        ticks += [step * power for step in (1.0, 2.0, 5.0) if step * power <= high]
        power *= 10
    return ticks


def line(x1: str, y1: float, x2: str, y2: float, class_: str) -> Markup:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def text(x: str, y: float, words: str, class_: str, anchor: str | None = None) -> Markup:
    """Return a line of text; ``anchor`` is ``start``, ``middle`` or ``end``."""
    return element("text", words, x=x, y=y, class_=class_, text_anchor=anchor)


def dot(x: str, y: float, radius: float, class_: str) -> Markup:
    """Return a circle."""
    return element("circle", cx=x, cy=y, r=radius, class_=class_)


def _plain(value: str | float) -> str:
    """Return a number with at most two decimals, so that files stay small and equal."""
    if isinstance(value, str):
        return value
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
