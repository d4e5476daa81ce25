"""One self-contained HTML page that says what a run is, why to believe it, what was changed."""

from pcbm.report.markdown import render_markdown
from pcbm.report.page import render_report
from pcbm.report.samples import Sample, choose_samples
from pcbm.report.show import View, show

__all__ = ["Sample", "View", "choose_samples", "render_markdown", "render_report", "show"]
