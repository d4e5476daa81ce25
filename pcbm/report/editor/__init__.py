"""The editor in a report: trying edits in the page, on a weighted sample of rows."""

from pcbm.report.editor.check import CheckedFigure, check_page, verdict
from pcbm.report.editor.evaluate import evaluator
from pcbm.report.editor.pack import Cases, fingerprint
from pcbm.report.editor.part import editor_part
from pcbm.report.editor.rows import EditingRows, editing_rows, validation_rows
from pcbm.report.editor.server import ReportServer

__all__ = [
    "Cases",
    "CheckedFigure",
    "EditingRows",
    "ReportServer",
    "check_page",
    "editing_rows",
    "editor_part",
    "evaluator",
    "fingerprint",
    "validation_rows",
    "verdict",
]
