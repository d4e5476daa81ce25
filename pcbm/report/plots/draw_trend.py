"""Curves over the steps of a run, such as checkpoints: one line a series, with its spread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from pcbm.report.plots.style import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PALE,
    RED,
    WIDTH,
    figure,
    label,
    labels,
)

HEIGHT = 2.8
TICKS = 9
NAME = 18
COLOURS = (BLUE, RED, GREEN, ORANGE, GREY)
# Lines of one colour differ in dashes, and neighbours in their mark, for those who print in grey.
DASHES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "^", "D", "v")
IN_LEGEND = 3  # names a line of it


def draw_trend(data: Mapping[str, Any]) -> Any:
    """Draw lines over named steps.

    Parameters
    ----------
    data : dict
        ``x`` (names of the steps), ``x_axis`` and ``axis`` (what both axes are), ``series``: dicts
        of ``name``, ``values`` (None leaves a gap) and ``spread`` (beside each value, or None).
    """
    rows = math.ceil(len(data["series"]) / IN_LEGEND)
    fig = figure(WIDTH, HEIGHT + 0.16 * rows)
    axes = fig.add_subplot()
    places = np.arange(len(data["x"]))
    axes.axhline(0, color=GREY, lw=0.7, ls=":", zorder=0)
    names = labels([series["name"] for series in data["series"]])
    for k, (name, series) in enumerate(zip(names, data["series"], strict=True)):
        colour = COLOURS[k % len(COLOURS)]
        dashes = DASHES[k // len(COLOURS) % len(DASHES)]
        values = np.array(series["values"], dtype=float)  # None becomes NaN, a gap
        mark = MARKS[k % len(MARKS)]
        axes.plot(places, values, dashes, color=colour, marker=mark, ms=3.5, label=name)
        if series["spread"] is not None:
            spread = np.array(series["spread"], dtype=float)
            axes.fill_between(
                places, values - spread, values + spread, color=colour, alpha=0.15, lw=0
            )
    step = max(1, math.ceil(len(places) / TICKS))
    shown = places[::step]
    axes.set_xticks(shown, labels([data["x"][i] for i in shown], NAME))
    axes.set_xlabel(label(data["x_axis"], 60))
    axes.set_ylabel(label(data["axis"], 60))
    axes.grid(axis="y", color=PALE, lw=0.4)
    axes.set_axisbelow(True)
    fig.legend(loc="outside upper right", ncols=IN_LEGEND)
    return fig
