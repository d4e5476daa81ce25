"""Matrices: counts of what is taken for what, and similarities with a sign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcbm.errors import need
from pcbm.report.plots.style import BLUE, EXTRA, PALE, RED, WIDTH, figure, label, labels

CELL, SIDE = 0.24, 1.7  # inches: a cell, and the names beside them
NUMBERS = 14  # columns up to which every cell holds its number
LEAST = 0.11  # inches of a cell
BAR = 2.5  # inches of a colour bar, at most
NAME = 22


def draw_counts(data: Mapping[str, Any]) -> Any:
    """Draw whole numbers; a cell's colour is its share of its row."""
    values = np.asarray(data["values"], dtype=float)
    totals = values.sum(axis=1, keepdims=True)
    shares = np.divide(values, totals, out=np.zeros_like(values), where=totals > 0)
    fig, axes, size = frame(data)
    axes.imshow(shares, cmap=colours("white", BLUE), vmin=0, vmax=1, aspect="auto")
    if values.shape[1] <= NUMBERS:
        for (i, j), count in np.ndenumerate(values):
            if count:
                colour = "white" if shares[i, j] > 0.5 else "black"
                axes.text(j, i, f"{count:,.0f}", ha="center", va="center", size=size, color=colour)
    axes.set_ylabel(label(data["row_axis"], 60))
    axes.set_xlabel(label(data["column_axis"], 60))
    return fig


def draw_similarity(data: Mapping[str, Any]) -> Any:
    """Draw values with a sign, in [-1, 1] or up to ``limit``; cells without one stay grey.

    ``row_axis`` and ``column_axis`` say what rows and columns are, where that is given.
    """
    limit = float(data.get("limit") or 1.0)
    values = np.array(data["values"], dtype=float)  # None becomes NaN
    fig, axes, size = frame(data)
    axes.set_facecolor(PALE)
    shown = axes.imshow(
        values, cmap=colours(RED, "white", BLUE), vmin=-limit, vmax=limit, aspect="auto"
    )
    if values.shape[1] <= NUMBERS:
        for (i, j), value in np.ndenumerate(values):
            if np.isfinite(value):
                colour = "white" if abs(value) > 0.6 * limit else "black"
                text = two_digits(float(value))
                axes.text(j, i, text, ha="center", va="center", size=size, color=colour)
    axes.set_ylabel(label(data.get("row_axis") or "", 60))
    axes.set_xlabel(label(data.get("column_axis") or "", 60))
    bar = fig.colorbar(shown, ax=axes, shrink=min(0.6, BAR / fig.get_figheight()))
    bar.locator = need("matplotlib.ticker", EXTRA).MaxNLocator(5, symmetric=True)
    bar.update_ticks()
    bar.outline.set_visible(False)
    return fig


def two_digits(value: float) -> str:
    """Return a number as a narrow cell shows it.

    >>> two_digits(-0.25), two_digits(10.5)
    ('−.25', '10.50')
    """
    text = f"{abs(value):.2f}"
    return ("\u2212" if value < 0 else "") + (text[1:] if text.startswith("0.") else text)


def frame(data: Mapping[str, Any]) -> tuple[Any, Any, float]:
    """Return a figure, axes with named rows and columns, and a font size that fits the cells."""
    rows, columns = data["rows"], data["columns"]
    wide = max(min(CELL * 2, (WIDTH - SIDE) / max(len(columns), 1)), LEAST)
    tall = min(wide, CELL * 2 if len(rows) <= NUMBERS else CELL * 0.8)
    size = min(7.0, 72 * wide * 0.42, 72 * tall * 0.6)
    fig = figure(SIDE + wide * len(columns) + 0.3, SIDE * 0.75 + tall * len(rows))
    axes = fig.add_subplot()
    small = min(7.5, 72 * min(wide, tall) * 0.8)
    axes.set_yticks(range(len(rows)), labels(rows, NAME), size=small)
    # Many slanted names would cross.
    few = len(columns) <= NUMBERS
    turned = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if few else {"rotation": 90}
    axes.set_xticks(range(len(columns)), labels(columns, NAME), size=small, **turned)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return fig, axes, size


def colours(*stops: str) -> Any:
    """Return a colour map through the stops."""
    module = need("matplotlib.colors", EXTRA)
    return module.LinearSegmentedColormap.from_list("own", list(stops))
