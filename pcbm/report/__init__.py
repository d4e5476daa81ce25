"""One self-contained HTML page that says what a run is, why to believe it, what was changed."""

from pcbm.report.page import render_report
from pcbm.report.samples import Sample, choose_samples

__all__ = ["Sample", "choose_samples", "render_report"]
