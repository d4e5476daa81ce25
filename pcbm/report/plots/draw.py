"""From the values of a chart to a matplotlib figure: one function a kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pcbm.report.plots.chart import Chart
from pcbm.report.plots.draw_bars import draw_bars, draw_sample
from pcbm.report.plots.draw_dots import draw_dots
from pcbm.report.plots.draw_lines import draw_calibration, draw_curve, draw_path
from pcbm.report.plots.draw_map import draw_map
from pcbm.report.plots.draw_matrix import draw_counts, draw_similarity
from pcbm.report.plots.draw_points import draw_points
from pcbm.report.plots.draw_series import draw_series
from pcbm.report.plots.draw_trend import draw_trend
from pcbm.report.plots.style import own_style

DRAWINGS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "dots": draw_dots,
    "path": draw_path,
    "curve": draw_curve,
    "calibration": draw_calibration,
    "bars": draw_bars,
    "counts": draw_counts,
    "similarity": draw_similarity,
    "map": draw_map,
    "points": draw_points,
    "sample": draw_sample,
    "trend": draw_trend,
    "series": draw_series,
}


def picture(chart: Chart) -> Any:
    """Return a chart as a `matplotlib.figure.Figure`, not bound to any window or to pyplot.

    Raises
    ------
    MissingExtraError
        matplotlib is not installed: ``pip install 'pcbm[plots]'``.
    """
    with own_style():
        return DRAWINGS[chart.kind](chart.data)
