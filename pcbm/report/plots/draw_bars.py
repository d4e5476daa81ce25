"""Signed bars: the weights of each class, and a decision taken apart beside its input."""

from __future__ import annotations

import base64
import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.report.figures import signed
from pcbm.report.plots.style import (
    BLUE,
    GREY,
    PALE,
    RED,
    WIDTH,
    figure,
    label,
    labels,
    literal,
    short,
)

BAR, HEAD = 0.17, 0.55  # inches
COLUMNS = {3: (12, 22), 2: (26, 34)}  # longest name and title of a panel, by panels in a row
LINE, LINES = 34, 14  # of a text sample


def draw_bars(data: Mapping[str, Any]) -> Any:
    """Draw one panel of signed bars a class, all on one scale."""
    panels = data["panels"]
    names = [bar["name"] for panel in panels for bar in panel["bars"]]
    titles = [panel["title"] for panel in panels]
    columns = 3 if _fit(names, COLUMNS[3][0]) and _fit(titles, COLUMNS[3][1]) else 2
    longest, most_title = COLUMNS[columns]
    width = WIDTH / columns * min(columns, len(panels) + 0.5)
    rows = math.ceil(len(panels) / columns) or 1
    most = max((len(panel["bars"]) for panel in panels), default=1) or 1
    fig = figure(width, rows * (HEAD + BAR * most))
    values = [abs(bar["value"]) for panel in panels for bar in panel["bars"]]
    limit = max(values, default=1.0) or 1.0
    for place, panel in enumerate(panels):
        axes = fig.add_subplot(rows, min(columns, len(panels)), place + 1)
        names = [bar["name"] for bar in panel["bars"]]
        numbers = [bar["value"] for bar in panel["bars"]]
        _bars(axes, names, numbers, limit, most, longest)
        title = label(panel["title"], most_title)
        if panel["against"] is not None:
            half = most_title // 2 - 3
            title = f"{label(panel['against'], half)}  ←   → {label(panel['title'], half)}"
        # Long titles stand over the names too, or the last column's would leave the page.
        axes.set_title(title, loc="left" if columns == 3 else "right", weight="bold")
        words = data["axis"] if place + columns >= len(panels) else ""
        if panel["left_out"]:
            words = f"{words}\n{panel['left_out']} more, smaller".strip()
        axes.set_xlabel(words, size=6.5)
        if not names:
            axes.text(0, 0, "no concept", ha="center", va="center", color=GREY)
    return fig


def _fit(names: Sequence[str], longest: int) -> bool:
    return all(len(name) <= longest for name in names)


def _bars(
    axes: Any,
    names: Sequence[str],
    values: Sequence[float],
    limit: float,
    most: int,
    longest: int,
    quiet: Sequence[bool] = (),
) -> None:
    """Draw bars top to bottom, blue to the right and red to the left, with their values."""
    places = list(range(len(names)))
    colours = [BLUE if value > 0 else RED for value in values]
    bars = axes.barh(places, values, height=0.72, color=colours)
    for bar, is_quiet in zip(bars, quiet, strict=False):
        if is_quiet:
            bar.set_alpha(0.45)
    digits = 2 if limit >= 0.3 else 3
    for place, value in zip(places, values, strict=True):
        side = "left" if value >= 0 else "right"
        gap = limit * (0.03 if value >= 0 else -0.03)
        axes.text(
            value + gap, place, signed(value, digits), ha=side, va="center", size=6, color=GREY
        )
    axes.set_yticks(places, labels(names, longest), size=6.5)
    axes.set_ylim(most - 0.4, -0.6)
    axes.set_xlim(-1.5 * limit, 1.5 * limit)
    axes.locator_params(axis="x", nbins=4)
    axes.axvline(0, color=GREY, lw=0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PALE, lw=0.4)
    axes.set_axisbelow(True)


def draw_sample(data: Mapping[str, Any]) -> Any:
    """Draw an input beside what the concepts added to its margin."""
    bars = data["bars"]
    has_input = data["image"] is not None or data["text"] is not None
    fig = figure(WIDTH, max(1.9 if has_input else 0.0, 0.7 + 0.2 * len(bars)))
    parts = fig.subplots(1, 2, width_ratios=(1, 2)) if has_input else [None, fig.add_subplot()]
    if has_input:
        _input(parts[0], data)
    axes = parts[1]
    values = [bar["value"] for bar in bars]
    limit = max(map(abs, values), default=1.0) or 1.0
    quiet = [bar["kind"] == "rest" for bar in bars]
    _bars(axes, [bar["name"] for bar in bars], values, limit, max(len(bars), 1), 28, quiet)
    title = f"predicted {label(data['label'], 24)}"
    if data["truth"] is not None:
        title += f", given {label(data['truth'], 24)}"
    axes.set_title(title, loc="left", weight="bold")
    rival = "" if data["against"] is None else f"{label(data['against'], 20)}  ←   "
    axes.set_xlabel(f"{rival}→ {label(data['toward'], 20)};  margin {signed(data['margin'], 2)}")
    return fig


def _input(axes: Any, data: Mapping[str, Any]) -> None:
    """Show a picture or a text, with the row's id under it."""
    axes.set_axis_off()
    if data["image"] is not None:
        axes.imshow(_pixels(data["image"]), interpolation="nearest")
        axes.set_title(label(data["id"], 26), size=6.5, color=GREY, y=-0.18)
        return
    text = short(data["text"], LINE * LINES)
    lines = textwrap.wrap(text, LINE, max_lines=LINES, placeholder=" …") or [""]
    axes.text(0, 1, literal("\n".join(lines)), va="top", size=6.5, transform=axes.transAxes)
    axes.text(
        0, -0.05, label(data["id"], 30), va="top", size=6, color=GREY, transform=axes.transAxes
    )


def _pixels(uri: str) -> Any:
    """Return the picture of a ``data:`` URI as an array."""
    import numpy as np
    from PIL import Image

    content = base64.b64decode(uri.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
