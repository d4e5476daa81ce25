"""Every chart of a report as a matplotlib figure for papers: the values first, then the picture."""

from pcbm.report.plots.chart import Absent, Chart
from pcbm.report.plots.draw import picture
from pcbm.report.plots.save import (
    FORMATS,
    charts,
    check_format,
    figure_bytes,
    save_charts,
    save_figures,
)

__all__ = [
    "FORMATS",
    "Absent",
    "Chart",
    "charts",
    "check_format",
    "figure_bytes",
    "picture",
    "save_charts",
    "save_figures",
]
