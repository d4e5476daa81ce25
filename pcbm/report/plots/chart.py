"""A chart before it is drawn: plain values, a title and a caption."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Chart:
    """What one figure shows, as JSON values; `pcbm.report.plots.picture` draws it.

    Attributes
    ----------
    name : str
        Of its file, without an extension.
    title, caption : str
        What it is, and what was measured on which rows.
    kind : str
        Which drawing, see `pcbm.report.plots.draw.DRAWINGS`.
    data : dict
        The values, in the form that the drawing describes.
    """

    name: str
    title: str
    caption: str
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True)
class Absent:
    """A figure that cannot be drawn, and why: what was not measured says so."""

    name: str
    title: str
    reason: str


Drawn = Chart | Absent


def dots(
    axis: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    percent: bool,
    series: Sequence[str] = ("value",),
    whole: bool = False,
    zero: bool = False,
) -> dict[str, Any]:
    """Return the values of a dot plot.

    Parameters
    ----------
    axis : str
        What the values are.
    rows : sequence of dict
        From `dot`, top to bottom.
    percent : bool
        The values are shares.
    series : sequence of str
        Names of the values of a row; two are joined by a line.
    whole : bool
        The axis goes from 0 to 1.
    zero : bool
        The axis holds 0, which is marked.
    """
    return {
        "axis": axis,
        "percent": percent,
        "series": list(series),
        "whole": whole,
        "zero": zero,
        "rows": list(rows),
    }


def dot(
    name: str,
    values: Sequence[float | None],
    intervals: Sequence[Sequence[float] | None] | None = None,
    *,
    detail: str = "",
    role: str = "model",
    repeats: Sequence[float] = (),
) -> dict[str, Any]:
    """Return one row of a dot plot: a value for each series, its interval, single repeats."""
    return {
        "name": name,
        "detail": detail,
        "role": role,
        "values": list(values),
        "intervals": [None] * len(values) if intervals is None else list(intervals),
        "repeats": list(repeats),
    }


def paged(name: str, items: Sequence[Any], most: int) -> Iterator[tuple[str, Sequence[Any]]]:
    """Cut what is too long for one figure; the second is called ``name-2``.

    >>> [(n, list(part)) for n, part in paged("classes", [1, 2, 3], 2)]
    [('classes', [1, 2]), ('classes-2', [3])]
    """
    for page, start in enumerate(range(0, len(items), most), 1):
        yield name if page == 1 else f"{name}-{page}", items[start : start + most]
