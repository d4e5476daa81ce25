"""The record: whole after every run, continued, never mixed."""

from __future__ import annotations

import json

import pytest

from benchmarks.record import Record


def test_finished_problems_are_kept_and_unfinished_ones_done_again(tmp_path) -> None:
    path = tmp_path / "out.json"
    record = Record(path, {"machine": "first"}, {"tol": 1})
    record.begin("A", {"n": 1})["done"] = True
    record.begin("B", {"n": 2})
    record.save()
    assert set(json.loads(path.read_text())["problems"]) == {"A", "B"}
    again = Record(path, {"machine": "second"}, {"tol": 1})
    assert set(again.problems) == {"A"}
    with pytest.raises(ValueError, match=r"out\.json holds a run with other settings"):
        Record(path, {}, {"tol": 2})


def test_without_a_file_nothing_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Record(None, {}, {}).save()
    assert list(tmp_path.iterdir()) == []
