"""Maps of layers: values without a natural middle, and the most alike layer of each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcbm.errors import need
from pcbm.report.plots.draw_matrix import BAR, NUMBERS, colours, frame, two_digits
from pcbm.report.plots.style import EXTRA, ORANGE, PALE, label

DEEP, MIDDLE = "#08306B", "#4FA3D1"


def draw_map(data: Mapping[str, Any]) -> Any:
    """Draw values, dark where alike; the most alike column of each row has a mark.

    Parameters
    ----------
    data : dict
        ``rows``, ``columns``, ``values`` (None where there is none), ``row_axis``,
        ``column_axis``, ``bar`` (what the values are), ``kind`` (similarity or distance),
        ``bounds`` (of the colours).
    """
    values = np.array(data["values"], dtype=float)  # None becomes NaN
    low, high = data["bounds"]
    alike = data["kind"] == "similarity"
    stops = ("white", MIDDLE, DEEP)
    fig, axes, size = frame(data)
    axes.set_facecolor(PALE)
    shown = axes.imshow(
        values,
        cmap=colours(*(stops if alike else stops[::-1])),
        vmin=low,
        vmax=high,
        aspect="auto",
    )
    if values.shape[1] <= NUMBERS:
        _numbers(axes, values, (low, high), size, alike=alike)
    for i, line in enumerate(values if alike else -values):
        if np.isfinite(line).any():
            _mark(axes, int(np.nanargmax(line)), i)
    axes.set_ylabel(label(data["row_axis"], 60))
    axes.set_xlabel(label(data["column_axis"], 60))
    bar = fig.colorbar(shown, ax=axes, shrink=min(0.9, BAR / fig.get_figheight()))
    bar.set_label(label(data["bar"], 60))
    bar.outline.set_visible(False)
    return fig


def _numbers(
    axes: Any, values: np.ndarray, bounds: tuple[float, float], size: float, *, alike: bool
) -> None:
    middle = bounds[0] + 0.5 * (bounds[1] - bounds[0])
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "white" if (value > middle) == alike else "black"
            text = two_digits(float(value))
            axes.text(j, i, text, ha="center", va="center", size=size, color=colour)


def _mark(axes: Any, column: int, row: int) -> None:
    frame_of = need("matplotlib.patches", EXTRA).Rectangle
    axes.add_patch(
        frame_of((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=ORANGE, lw=1.1, zorder=3)
    )
