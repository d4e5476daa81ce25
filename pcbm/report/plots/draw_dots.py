"""Dot plots: rows with a value or two, their intervals, and single repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.report.plots.style import (
    GREY,
    PALE,
    ROLES,
    SERIES,
    WIDTH,
    as_percent,
    figure,
    label,
    labels,
)

ROW, MARGIN = 0.22, 0.75  # inches
APART = 0.17  # between two series, in rows


def draw_dots(data: Mapping[str, Any]) -> Any:
    """Draw the values of `pcbm.report.plots.chart.dots`."""
    rows, series = data["rows"], data["series"]
    fig = figure(WIDTH, MARGIN + ROW * max(len(rows), 1) + (0.2 if len(series) > 1 else 0.0))
    axes = fig.add_subplot()
    spread = any(interval is not None for row in rows for interval in row["intervals"])
    shifts = [-APART, APART] if len(series) > 1 and spread else [0.0] * len(series)
    for place, row in enumerate(rows):
        _repeats(axes, row, place)
        if len(series) > 1 and not spread and None not in row["values"]:
            axes.plot(row["values"], [place, place], color=GREY, lw=0.8, zorder=1)
        for k, (value, interval) in enumerate(zip(row["values"], row["intervals"], strict=True)):
            _mark(axes, value, interval, place + shifts[k], _look(row["role"], k, len(series)))
        if all(value is None for value in row["values"]):
            axes.text(0.01, place, "not measured", transform=_across(axes), va="center", color=GREY)
    _rows(axes, [row["name"] for row in rows], [row["detail"] for row in rows])
    axes.set_xlabel(label(data["axis"], 80))
    if data["percent"]:
        axes.xaxis.set_major_formatter(as_percent)
    if data["whole"]:
        axes.set_xlim(0, 1)
    low, high = axes.get_xlim()
    if data["zero"] and not low < 0 < high:
        low, high = axes.set_xlim(min(low, -0.03 * high), max(high, -0.03 * low))
    if low < 0 < high:
        axes.axvline(0, color=GREY, lw=0.6, zorder=0)
    if len(series) > 1:
        _legend(fig, axes, series)
    return fig


def _look(role: str, k: int, count: int) -> tuple[str, str, str]:
    """Return colour, marker and fill of a value: by its series where there are two."""
    if count > 1:
        return SERIES[k]
    colour, marker = ROLES[role]
    return colour, marker, colour


def _mark(
    axes: Any,
    value: float | None,
    interval: Sequence[float] | None,
    place: float,
    look: tuple[str, str, str],
) -> None:
    colour, marker, fill = look
    if interval is not None:
        axes.plot(interval, [place, place], color=colour, lw=1.6, alpha=0.55, zorder=2)
    if value is not None:
        axes.plot(value, place, marker, color=colour, mfc=fill, ms=4.5, mew=1.0, zorder=3)


def _repeats(axes: Any, row: Mapping[str, Any], place: int) -> None:
    colour = ROLES[row["role"]][0]
    axes.plot(
        row["repeats"], [place] * len(row["repeats"]), "o", color=colour, ms=2.2, mew=0, alpha=0.4
    )


def _rows(axes: Any, names: Sequence[str], details: Sequence[str]) -> None:
    """Name the rows on the left, top to bottom, with their details on the right."""
    axes.set_yticks(range(len(names)), labels(names))
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PALE, lw=0.4)
    axes.set_axisbelow(True)
    for place, text in enumerate(details):
        if text:
            axes.text(
                1.01, place, label(text), transform=_across(axes), va="center", size=6.5, color=GREY
            )


def _across(axes: Any) -> Any:
    """Return coordinates that are shares of the width across, and data upwards."""
    return axes.get_yaxis_transform()


def _legend(fig: Any, axes: Any, series: Sequence[str]) -> None:
    for k, name in enumerate(series):
        colour, marker, fill = SERIES[k]
        axes.plot([], [], marker, color=colour, mfc=fill, ms=4.5, label=label(name))
    fig.legend(*axes.get_legend_handles_labels(), loc="outside upper right", ncols=len(series))
