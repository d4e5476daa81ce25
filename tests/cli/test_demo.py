"""``pcbm demo``: the promised document, the files it names, and the story it tells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
def test_the_demo_repairs_the_shifted_test_and_nothing_else(pcbm: Any, tmp_path: Path) -> None:
    done = pcbm("demo", "--out", tmp_path / "demo", "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert set(found) >= {"accuracy", "edits", "run", "report", "seconds"}
    before, after = found["accuracy"]["before"], found["accuracy"]["after"]
    assert before["id"] > 0.97
    assert before["shifted"] < 0.6
    assert after["id"] > 0.97
    assert after["shifted"] > 0.97
    assert len(found["edits"]) == 1
    assert Path(found["report"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    # What it leaves behind is a run like any other.
    judged = pcbm("evaluate", found["run"], "demo:shapes", "--json").document
    assert judged["n"] == 1000


def test_an_existing_folder_is_refused_before_any_work(pcbm: Any, tmp_path: Path) -> None:
    assert "exists already" in pcbm("demo", "--out", tmp_path).refused()
