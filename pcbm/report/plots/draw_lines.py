"""Line plots: the path, an edit along the path, calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.report.figures import effective
from pcbm.report.plots.style import (
    BLUE,
    GREEN,
    GREY,
    PALE,
    RED,
    SERIES,
    WIDTH,
    as_percent,
    figure,
    label,
)
from pcbm.report.svg import count_ticks

HEIGHT = 2.8
TICKS = 7


def draw_path(data: Mapping[str, Any]) -> Any:
    """Draw a figure of merit against the number of concepts, bent as log(1 + NEC)."""
    fig = figure(WIDTH, HEIGHT)
    axes = fig.add_subplot()
    axes.plot(data["nec"], data["train"], "-", color=BLUE, marker=".", ms=3, label="path, train")
    chosen, random = data["chosen"], data["random"]
    axes.axvline(chosen["nec"], color=GREY, lw=0.7, ls=":")
    for name, words, colour, dashes in (
        ("probe", "linear probe, test", GREEN, "--"),
        ("majority", "constant answer, test", GREY, "-."),
    ):
        if data[name] is not None:
            axes.axhline(data[name], color=colour, ls=dashes, lw=1.0, label=words)
    if random is not None:
        axes.errorbar(
            random["nec"], random["mean"], random["std"], fmt="D", color=RED, ms=4, capsize=2,
            label="random directions, test",
        )  # fmt: skip
    if chosen["test"] is not None:
        low, high = chosen["interval"] or (chosen["test"], chosen["test"])
        axes.plot([chosen["nec"]] * 2, [low, high], color=BLUE, lw=1.6, alpha=0.55)
        axes.plot(chosen["nec"], chosen["test"], "o", color=BLUE, ms=6, label="chosen head, test")
    axes.set_xscale("function", functions=(_log1p, _expm1))
    most = max(*data["nec"], chosen["nec"], 1.0)
    axes.set_xlim(0, most * 1.03)
    ticks = count_ticks(most)
    axes.set_xticks(ticks, [effective(tick) for tick in ticks])
    axes.set_xlabel("effective concepts a class (NEC)")
    _upright(axes, data["figure"], percent=data["percent"])
    fig.legend(loc="outside right upper")
    return fig


def _log1p(values: Any) -> Any:
    import numpy as np

    return np.log1p(np.maximum(values, 0.0))


def _expm1(values: Any) -> Any:
    import numpy as np

    return np.expm1(values)


def draw_curve(data: Mapping[str, Any]) -> Any:
    """Draw a figure before and after an edit for every head of the path."""
    fig = figure(WIDTH, HEIGHT)
    axes = fig.add_subplot()
    places = list(range(len(data["nec"])))
    for (colour, marker, fill), side in zip(SERIES, ("before", "after"), strict=True):
        dashes = "--" if side == "before" else "-"
        axes.plot(
            places, data[side], dashes, color=colour, marker=marker, mfc=fill, ms=3.5, label=side
        )
    if data["chosen"] is not None:
        axes.axvline(data["chosen"], color=GREY, lw=0.7, ls=":", label="the head of the run")
    step = max(1, math.ceil(len(places) / TICKS))
    shown = places[::step]
    axes.set_xticks(shown, [effective(data["nec"][i]) for i in shown])
    axes.set_xlabel("effective concepts (NEC) along the path")
    _upright(axes, data["figure"], percent=True)
    fig.legend(loc="outside upper right", ncols=3)
    return fig


def draw_calibration(data: Mapping[str, Any]) -> Any:
    """Draw the share of right rows against stated probabilities, with the size of each bin."""
    fig = figure(3.4, 3.4)
    axes = fig.add_subplot()
    rows = data["bins"]
    axes.plot([0, 1], [0, 1], color=GREY, lw=0.7, ls="--", zorder=0)
    most = max(row["n"] for row in rows)
    axes.bar(
        [row["low"] for row in rows],
        [0.25 * row["n"] / most for row in rows],
        1 / data["n_bins"],
        align="edge",
        color=PALE,
        edgecolor="white",
        lw=0.5,
        zorder=1,
    )
    for row in rows:
        axes.plot([row["confidence"]] * 2, row["interval"], color=BLUE, lw=1.6, alpha=0.55)
    axes.plot(*_points(rows), "o-", color=BLUE, ms=4, lw=0.8)
    axes.set_xlim(0, 1.02)
    axes.set_ylim(0, 1.02)
    axes.set_aspect("equal")
    axes.xaxis.set_major_formatter(as_percent)
    axes.set_xlabel("stated probability")
    _upright(axes, "share that is right", percent=True)
    return fig


def _points(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    return [row["confidence"] for row in rows], [row["share"] for row in rows]


def _upright(axes: Any, words: str, *, percent: bool) -> None:
    axes.set_ylabel(label(words, 60))
    axes.grid(axis="y", color=PALE, lw=0.4)
    axes.set_axisbelow(True)
    if percent:
        axes.yaxis.set_major_formatter(as_percent)
