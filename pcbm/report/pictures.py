"""Charts for the page: drawn where there are values, and words where there are none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pcbm.model.run import Run, class_names
from pcbm.report.heat import counts_spec, similarity_spec
from pcbm.report.plots import Absent, Chart, concepts, edited, measured
from pcbm.report.specs import calibration_spec, curve_spec, dots_spec, path_spec
from pcbm.report.vega import Spec, figure

SPECS: dict[str, Callable[[Mapping[str, Any]], Spec]] = {
    "dots": dots_spec,
    "path": path_spec,
    "curve": curve_spec,
    "calibration": calibration_spec,
    "counts": counts_spec,
    "similarity": similarity_spec,
}
ROWS = 30  # of a chart with one row a class


def picture(chart: Chart | Absent) -> dict[str, Any]:
    """Return a chart as the template wants it: ``figure`` with ``caption``, or ``reason``."""
    if isinstance(chart, Absent):
        return {"figure": None, "caption": None, "reason": chart.reason}
    drawn = figure(SPECS[chart.kind](chart.data), f"{chart.title}. {chart.caption}")
    return {"figure": drawn, "caption": chart.caption, "reason": None}


def lowest(pages: Sequence[Chart | Absent], most: int = ROWS) -> dict[str, Any]:
    """Return the pages of a dot plot as one chart, of many rows those with the lowest values."""
    charts = [page for page in pages if isinstance(page, Chart)]
    if not charts:
        return picture(pages[0])
    rows = [row for chart in charts for row in chart.data["rows"]]
    known = [row for row in rows if row["values"][0] is not None]
    if not known:
        return {"figure": None, "caption": None, "reason": "no row was measured"}
    caption = charts[0].caption
    if len(known) > most:
        known = sorted(known, key=lambda row: row["values"][0])[:most]
        caption += f" The {most} lowest of {len(rows):,} are drawn."
    first = charts[0]
    chart = Chart(first.name, first.title, caption, first.kind, {**first.data, "rows": known})
    return picture(chart)


def run_pictures(run: Run) -> dict[str, dict[str, Any]]:
    """Return the charts of a run by section."""
    metrics, model = run.metrics, run.model
    return {
        "controls": picture(measured.controls(metrics)),
        "path": picture(measured.path(metrics)),
        "quality": lowest(concepts.quality(model.bank)),
        "geometry": picture(concepts.geometry(metrics)),
        "classes": lowest(measured.classes(metrics)),
        "groups": lowest(measured.groups(metrics)),
        "confusion": picture(measured.confusion(metrics, class_names(model))),
        "calibration": picture(measured.calibration(metrics)),
        "residual": picture(measured.residual(metrics)),
    }


def edit_pictures(run: Run) -> dict[int, dict[str, dict[str, Any]]]:
    """Return the charts of each edit, by its number from 1."""
    known = {chart.name: chart for chart in edited.edits(run.edits)}
    names = {"overall": "", "reliance": "-reliance", "controls": "-controls", "curve": "-curve"}
    return {
        number: {
            key: picture(known[f"edit-{number}{end}"])
            for key, end in names.items()
            if f"edit-{number}{end}" in known
        }
        for number in range(1, len(run.edits) + 1)
    }
