"""Curves and marks over positions that are numbers or names, in one panel or several."""

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
    as_percent,
    figure,
    label,
    labels,
)

HEIGHT = 2.6
MOST_NAMES = 45  # below one axis
ACROSS = 14  # names that fit below an axis without being turned
LOOKS = ((BLUE, "o"), (RED, "s"), (GREEN, "^"), (ORANGE, "D"), (GREY, "v"))


def draw_series(data: Mapping[str, Any]) -> Any:
    """Draw panels that share one horizontal axis.

    Parameters
    ----------
    data : dict
        ``x_axis`` (what it is), ``x`` (positions), ``names`` (of the positions, or None for
        numbers), ``panels``: dicts of ``axis``, ``percent``, ``log`` and ``series``; a series has
        ``name``, ``values`` (None leaves a gap), ``intervals`` (or None) and ``line`` ("solid",
        "dashed" for what it is compared with, or "none" for marks alone).
    """
    panels = data["panels"]
    turned = data["names"] is not None and sum(map(len, data["names"])) > 6 * ACROSS
    fig = figure(WIDTH, HEIGHT + 0.2 + (0.7 if turned else 0.0))
    every = fig.subplots(1, len(panels), squeeze=False)[0]
    for axes, panel in zip(every, panels, strict=True):
        _panel(axes, data["x"], panel)
        if data["names"] is not None:
            axes.set_xlim(min(data["x"]) - 0.6, max(data["x"]) + 0.6)
            step = math.ceil(len(data["x"]) / MOST_NAMES)
            shown = labels(data["names"], 24)[::step]
            axes.set_xticks(data["x"][::step], shown, rotation=90 if turned else 0)
        axes.set_xlabel(label(data["x_axis"], 60))
    handles: dict[str, Any] = {}
    for axes in every:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(name, handle)
    if len(handles) > 1:
        fig.legend(list(handles.values()), list(handles), loc="outside upper right", ncols=3)
    return fig


def _panel(axes: Any, x: list[float], panel: Mapping[str, Any]) -> None:
    solid = 0
    for series in panel["series"]:
        values = np.array(series["values"], dtype=float)  # None becomes NaN, a gap
        name = label(series["name"])
        if series["line"] == "dashed":
            axes.plot(x, values, "--", color=GREY, lw=0.9, label=name, zorder=1)
            continue
        colour, mark = LOOKS[solid % len(LOOKS)]
        solid += 1
        style = "-" if series["line"] == "solid" else "none"
        axes.plot(x, values, ls=style, color=colour, marker=mark, ms=4, label=name)
        if series["intervals"] is not None:
            for place, interval in zip(x, series["intervals"], strict=True):
                axes.plot([place] * 2, interval, color=colour, lw=1.6, alpha=0.45)
    if panel["log"]:
        axes.set_yscale("log")
    elif all(series["line"] == "none" for series in panel["series"]):
        axes.set_ylim(bottom=0)
    if panel["percent"]:
        axes.yaxis.set_major_formatter(as_percent)
    axes.set_ylabel(label(panel["axis"], 60))
    axes.grid(axis="y", color=PALE, lw=0.4)
    axes.set_axisbelow(True)
