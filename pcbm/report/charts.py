"""The charts of a report, each a pure function from numbers to SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from pcbm.report.figures import effective, percent, significant
from pcbm.report.svg import Across, Up, count_ticks, dot, drawing, element, line, nice_ticks, text

PATH_HEIGHT = 300
STRIP_HEIGHT = 26


def strip(
    axis: Across,
    label: str,
    *,
    value: float | None,
    class_: str,
    values: Sequence[float] = (),
    interval: tuple[float, float] | None = None,
) -> Markup:
    """Draw one row of the comparison: a value, and where known its spread.

    Parameters
    ----------
    axis : Across
        Shared by all rows, so that they can be compared.
    label : str
        What the row says, in words.
    value : float or None
        Drawn as a large dot.
    values : sequence of float
        Single repeats, drawn as small dots.
    interval : tuple, optional
        Drawn as a bar behind the dot.
    """
    middle = STRIP_HEIGHT / 2
    parts = [line("0%", middle, "100%", middle, "rail")]
    if interval is not None:
        low, high = axis(interval[0]), axis(interval[1])
        parts.append(line(low, middle, high, middle, f"interval {class_}"))
    parts += [dot(axis(v), middle, 2.5, f"repeat {class_}") for v in values]
    if value is not None:
        parts.append(dot(axis(value), middle, 5.5, f"mark {class_}"))
    return drawing(STRIP_HEIGHT, label, *parts, class_="chart strip")


def strip_axis(axis: Across, ticks: Sequence[float], show: Callable[[float], str]) -> Markup:
    """Draw the axis under the rows of `strip`."""
    parts = []
    for tick in ticks:
        parts.append(line(axis(tick), 0, axis(tick), 5, "tick"))
        parts.append(text(axis(tick), 18, show(tick), "tick-label", _anchor(axis(tick))))
    return drawing(22, "axis", *parts, class_="chart strip")


def path_chart(
    path: Sequence[Mapping[str, Any]],
    figure: str,
    *,
    nec: float,
    test: float | None,
    random: Mapping[str, Any] | None,
    levels: Mapping[str, float | None],
) -> Markup:
    """Draw a figure of merit against sparsity along the regularisation path.

    Parameters
    ----------
    path : sequence of dict
        Points with ``nec`` and ``figure``, measured on train.
    figure : {"accuracy", "r2"}
    nec : float
        The chosen sparsity.
    test : float or None
        The chosen point on test.
    random : dict or None
        Mean and standard deviation of random banks at equal sparsity, on test.
    levels : dict
        Further levels on test, by class name of their line.

    Returns
    -------
    Markup
        Horizontal axis: NEC, bent as log(1 + NEC) so that the sparse end has room.
    """
    known = [p for p in path if p.get(figure) is not None]
    values = [p[figure] for p in known]
    values += [v for v in (test, *levels.values()) if v is not None]
    if random is not None:
        values += [random["mean"] - random["std"], random["mean"] + random["std"]]
    ticks = nice_ticks(min(values), max(values))
    up = Up(ticks[0], ticks[-1], PATH_HEIGHT - 44, 22)
    across = Across(0.0, max(max(p["nec"] for p in known), nec, 1.0), math.log1p)
    show = percent if figure == "accuracy" else significant
    parts = [line("0%", up(tick), "100%", up(tick), "grid") for tick in ticks]
    parts += _counts(across)
    for name, level in levels.items():
        if level is not None:
            parts.append(line("0%", up(level), "100%", up(level), f"level {name}"))
    parts.append(line(across(nec), up.top - 4, across(nec), up.bottom, "chosen"))
    points = [(across(p["nec"]), up(p[figure])) for p in known]
    parts += [line(*a, *b, "curve") for a, b in pairwise(points)]
    parts += [dot(x, y, 2.2, "on-curve") for x, y in points]
    if random is not None:
        low, high = (up(random["mean"] + side * random["std"]) for side in (-1, 1))
        parts.append(line(across(nec), low, across(nec), high, "interval random"))
        parts.append(dot(across(nec), up(random["mean"]), 4.5, "mark random"))
    if test is not None:
        parts.append(dot(across(nec), up(test), 5.5, "mark model"))
    anchor = "end" if float(across(nec).rstrip("%")) > 50 else "start"
    parts.append(text(across(nec), 12, f"chosen: NEC {effective(nec)}", "note", anchor))
    words = f"{figure} against the number of effective concepts along the path"
    labels = [
        text("100%", up(tick) + 4, show(tick).replace(".0%", "%"), "tick-label", "end")
        for tick in ticks
    ]
    axis = drawing(PATH_HEIGHT, "axis", *labels, class_="chart axis")
    return element("div", axis, drawing(PATH_HEIGHT, words, *parts), class_="framed")


def _counts(across: Across) -> list[Markup]:
    parts = []
    bottom = PATH_HEIGHT - 44
    for tick in count_ticks(across.high):
        place = across(tick)
        parts.append(line(place, bottom, place, bottom + 5, "tick"))
        parts.append(text(place, bottom + 19, significant(tick), "tick-label", _anchor(place)))
    words = "effective concepts a class (NEC)"
    return [*parts, text("100%", PATH_HEIGHT - 6, words, "axis-title", "end")]


def _anchor(place: str) -> str:
    share = float(place.rstrip("%"))
    return "start" if share < 3 else "end" if share > 97 else "middle"
