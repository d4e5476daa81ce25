"""Points in the plane, a panel for each checkpoint or layer, all in one frame."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pcbm.report.plots.style import BLUE, GREEN, GREY, ORANGE, PALE, RED, WIDTH, figure, label

ACROSS = 4  # panels side by side
LEGEND = 0.2  # inches a line of the legend
COLOURS = (BLUE, ORANGE, GREEN, RED, "#CC79A7", "#56B4E9", "#000000")
MARKS = ("o", "^", "s", "D")
MOST_CLASSES = len(COLOURS) * len(MARKS)


def draw_points(data: Mapping[str, Any]) -> Any:
    """Draw panels of points with the same limits.

    Parameters
    ----------
    data : dict
        ``panels`` (``name`` and ``points`` (n, 2)), ``labels`` (n,) or None: places in
        ``classes``, names.
    """
    panels, classes = data["panels"], data["classes"] or []
    coloured = data["labels"] is not None and len(classes) <= MOST_CLASSES
    across = min(len(panels), ACROSS)
    down = math.ceil(len(panels) / across)
    cell = WIDTH / max(across, 2)
    lines = math.ceil(len(classes) / 5) if coloured else 0
    fig = figure(max(cell * across, WIDTH / 2), (cell + 0.2) * down + LEGEND * lines)
    every = fig.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    limit = 1.05 * max(float(np.abs(panel["points"]).max()) for panel in panels)
    size = float(np.clip(1500 / max(len(panels[0]["points"]), 1), 1.5, 14))
    for axes, panel in zip(every, panels, strict=False):
        points = np.asarray(panel["points"], dtype=float)
        if coloured:
            _classes(axes, points, np.asarray(data["labels"]), len(classes), size)
        else:
            axes.scatter(points[:, 0], points[:, 1], s=size, c=GREY, lw=0)
        axes.set_title(label(panel["name"], 30))
        axes.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect="equal")
        for spine in axes.spines.values():
            spine.set(visible=True, color=PALE)
    for axes in every[len(panels) :]:
        axes.set_axis_off()
    if coloured:
        _legend(fig, every[0], classes)
    return fig


def _classes(axes: Any, points: np.ndarray, labels: np.ndarray, count: int, size: float) -> None:
    for k in range(count):
        chosen = points[labels == k]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=size, lw=0, alpha=0.75, **_look(k))


def _legend(fig: Any, axes: Any, classes: list[str]) -> None:
    handles = [axes.scatter([], [], s=16, lw=0, **_look(k)) for k in range(len(classes))]
    names = [label(name, 20) for name in classes]
    fig.legend(handles, names, loc="outside lower center", ncols=min(len(classes), 5))


def _look(k: int) -> dict[str, str]:
    return {"c": COLOURS[k % len(COLOURS)], "marker": MARKS[k // len(COLOURS)]}
