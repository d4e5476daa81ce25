"""The editor in a real browser, as fixtures of the tests of reports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcbm.editing import EditPlan
from pcbm.model import Run
from pcbm.report import render_report
from pcbm.report.editor import Cases, editor_part

Open = Callable[..., Any]


@pytest.fixture
def show(chromium: Any, tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens a run's page; nothing may be loaded, and no error told."""
    faults: list[str] = []
    contexts = []

    def open_page(run: Run, cases: Cases, **options: Any) -> Any:
        path = tmp_path / f"report-{len(contexts)}.html"
        path.write_text(render_report(run, editor=editor_part(run, cases)), encoding="utf-8")
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda m: faults.append(m.text) if m.type in ("error", "warning") else 0)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        own = ("file:", "data:", "blob:")
        page.on("request", lambda r: None if r.url.startswith(own) else faults.append(r.url))
        page.goto(path.as_uri())
        page.wait_for_selector("#ed:visible")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


def put(page: Any, plan: EditPlan) -> None:
    """Make a plan the present one of a page."""
    page.evaluate("edits => pcbmEditor.put(edits)", plan.as_dict()["edits"])


def numbers(page: Any, what: str) -> np.ndarray:
    """Return an array of the page; JSON is much faster here than the browser's own protocol."""
    return np.array(json.loads(page.evaluate(f"JSON.stringify(Array.from({what}))")))
