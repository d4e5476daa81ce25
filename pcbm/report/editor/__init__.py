"""The editor in a report: trying edits in the page, on a weighted sample of rows."""

from pcbm.report.editor.pack import Cases, fingerprint
from pcbm.report.editor.part import editor_part
from pcbm.report.editor.rows import EditingRows, editing_rows, validation_rows

__all__ = [
    "Cases",
    "EditingRows",
    "editing_rows",
    "editor_part",
    "fingerprint",
    "validation_rows",
]
