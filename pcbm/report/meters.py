"""The small marks inside table cells: a signed bar, a share, a change of a share.

They repeat what the cell beside them says, so they are hidden from screen readers.
"""

from __future__ import annotations

from markupsafe import Markup

from pcbm.report.svg import dot, element, line

BAR_HEIGHT, METER_HEIGHT, CHANGE_HEIGHT = 11, 9, 14


def signed_bar(share: float) -> Markup:
    """Draw a bar from the middle of its track; ``share`` in [-1, 1] is that of half the track."""
    width = 50 * min(abs(share), 1.0)
    bar = element(
        "rect",
        x=f"{50 - width if share < 0 else 50:.2f}%",
        width=f"{width:.2f}%",
        height=BAR_HEIGHT,
        class_="neg" if share < 0 else "pos",
    )
    return _cell(BAR_HEIGHT, bar, class_="bar")


def meter(share: float) -> Markup:
    """Draw a share in [0, 1] as the filled part of a track."""
    rail = element("rect", width="100%", height=METER_HEIGHT, class_="rail")
    filled = element("rect", width=f"{100 * share:.2f}%", height=METER_HEIGHT, class_="filled")
    return _cell(METER_HEIGHT, rail, filled, class_="meter")


def change(before: float, after: float) -> Markup:
    """Draw a share before and after: an empty dot, a full one, and the way between them."""
    middle = CHANGE_HEIGHT / 2
    way = "up" if after > before else "down" if after < before else "same"
    a, b = f"{100 * before:.2f}%", f"{100 * after:.2f}%"
    return _cell(
        CHANGE_HEIGHT,
        line("0%", middle, "100%", middle, "rail"),
        line(a, middle, b, middle, f"way {way}"),
        dot(a, middle, 4, "before"),
        dot(b, middle, 5.5, "after"),
        class_="change",
    )


def _cell(height: float, *marks: Markup, class_: str) -> Markup:
    return element("svg", *marks, width="100%", height=height, class_=class_, aria_hidden="true")
