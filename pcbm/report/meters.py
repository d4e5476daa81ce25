"""The small marks inside table cells: a signed bar, a change of a share.

They repeat what the cell beside them says, so the template hides them from screen readers. Their
heights stand in the style sheet: a page may hold thousands of them.
"""

from __future__ import annotations

from markupsafe import Markup

from pcbm.report.svg import dot, element, line

CHANGE_HEIGHT = 14


def signed_bar(share: float) -> Markup:
    """Draw a bar from the middle of its track; ``share`` in [-1, 1] is that of half the track."""
    width = 50 * min(abs(share), 1.0)
    place = {"x": f"{50 - width if share < 0 else 50:.1f}%", "width": f"{width:.1f}%"}
    return element("svg", element("rect", class_="neg" if share < 0 else "pos", **place))


def change(before: float, after: float) -> Markup:
    """Draw a share before and after: an empty dot, a full one, and the way between them."""
    middle = CHANGE_HEIGHT / 2
    way = "up" if after > before else "down" if after < before else "same"
    a, b = f"{100 * before:.2f}%", f"{100 * after:.2f}%"
    return element(
        "svg",
        line("0%", middle, "100%", middle, "rail"),
        line(a, middle, b, middle, f"way {way}"),
        dot(a, middle, 4, "before"),
        dot(b, middle, 5.5, "after"),
        class_="change",
    )
