"""Comparing what a page showed on its sample with what all rows say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pcbm.editing import PageFigure, PageRecord

TIES = 1.5  # rows: one may fall on the other side of a tie, since pages hold scores in float32
CLOSE = 1e-4
NAMED = 3


@dataclass(frozen=True)
class CheckedFigure:
    """One figure of a page beside that of all rows.

    Attributes
    ----------
    figure : PageFigure
    all : float
        The figure after the edits, on all rows.
    inside : bool
        Whether the two agree, see `check_page`.
    """

    figure: PageFigure
    all: float
    inside: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        one = self.figure
        return {
            "of": one.of,
            "name": one.name,
            "measure": one.measure,
            "page": one.after,
            "interval": list(one.interval),
            "all": self.all,
            "inside": self.inside,
        }


def check_page(
    page: PageRecord, evaluation: Mapping[str, Any], *, own_rows: bool
) -> list[CheckedFigure]:
    """Compare the figures of a page with an evaluation of the same edits.

    On the rows that the page's sample was drawn from a figure agrees when it lies in the page's
    interval, or, where the page held every row, when it is the same. On other rows both figures are
    uncertain: they agree when 0 lies in the interval of their difference, made of the two intervals
    by the square-and-add method (Newcombe 1998).

    Parameters
    ----------
    page : PageRecord
    evaluation : dict
        What `pcbm.editing.evaluate_edit` gave.
    own_rows : bool
        Whether it is of the rows that the sample was drawn from.

    Returns
    -------
    list of CheckedFigure
        Without figures that the evaluation has not.
    """
    n = evaluation["after"]["n"]
    checked = []
    for figure, value, size, own in _found(page, evaluation):
        if own_rows and page.sample >= n:
            near = CLOSE * abs(value) if figure.measure != "accuracy" else TIES / max(size, 1)
            inside = abs(value - figure.after) <= near
        elif own_rows:
            low, high = figure.interval
            inside = low - CLOSE <= value <= high + CLOSE
        else:
            inside = _agree(figure.after, figure.interval, value, own)
        checked.append(CheckedFigure(figure, value, inside))
    return checked


def _found(
    page: PageRecord, evaluation: Mapping[str, Any]
) -> Iterator[tuple[PageFigure, float, int, Sequence[float]]]:
    """Yield each figure of the page with its value, rows and interval in the evaluation."""
    after, intervals = evaluation["after"], evaluation["intervals"]
    for figure in page.figures:
        if figure.of == "all":
            value, size, triple = after.get(figure.measure), after["n"], intervals[figure.measure]
        else:
            key = "per_group" if figure.of == "group" else "per_class"
            row = (after[key] or {}).get(figure.name) or {}
            value, size = row.get(figure.measure), row.get("n")
            triple = (intervals[key] or {}).get(figure.name)
        if value is not None and triple is not None and math.isfinite(value):
            yield figure, value, size or 0, triple["after"]


def _agree(a: float, of_a: Sequence[float], b: float, of_b: Sequence[float]) -> bool:
    low = a - b - math.hypot(a - of_a[0], of_b[1] - b)
    high = a - b + math.hypot(of_a[1] - a, b - of_b[0])
    return low <= 0 <= high


def verdict(checked: Sequence[CheckedFigure], rows: str) -> tuple[str, str | None]:
    """Return what a comparison found in one sentence, and a warning where figures were off.

    Parameters
    ----------
    checked : sequence of CheckedFigure
    rows : str
        What the figures were compared with.
    """
    off = [one for one in checked if not one.inside]
    held = f"{len(checked) - len(off)} of {len(checked)} figures of the page hold on {rows}"
    if not off:
        return held, None
    told = "; ".join(
        f"{one.figure}: {one.figure.after:.3f} ({one.figure.interval[0]:.3f} to "
        f"{one.figure.interval[1]:.3f}) in the page, {one.all:.3f} here"
        for one in off[:NAMED]
    )
    more = f"; and {len(off) - NAMED} more" if len(off) > NAMED else ""
    return held, f"the page's figures were off on {rows} ({told}{more})"
