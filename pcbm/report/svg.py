"""The few parts that marks in table cells are drawn with: escaped SVG elements, ticks.

Horizontal places are percentages and vertical ones pixels, so that one drawing fits a phone and a
desk. Colours come from the page's style sheet through classes, so that it also serves the light
page, the dark one and the printed one.
"""

from __future__ import annotations

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


def dot(x: str, y: float, radius: float, class_: str) -> Markup:
    """Return a circle."""
    return element("circle", cx=x, cy=y, r=radius, class_=class_)


def _plain(value: str | float) -> str:
    """Return a number with at most two decimals, so that files stay small and equal."""
    if isinstance(value, str):
        return value
    # Adding 0.0 turns a rounded -0.0 into 0.0.
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
