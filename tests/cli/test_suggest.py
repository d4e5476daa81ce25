"""``pcbm edit suggest``: the plan it writes, what it refuses, and a RUN of that name."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import cued
import numpy as np
import pytest

from pcbm.editing import EditPlan
from pcbm.model import load_run


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a run that leans on a cue, and rows where the cue is reversed."""
    folder = tmp_path_factory.mktemp("frame")
    for name, tied, seed in (("usual", 0.9, 1), ("shifted", 0.1, 2), ("fresh", 0.1, 3)):
        rows = cued.draw(200, tied=tied, seed=seed)
        group = np.where(rows.present, "cue", "none")
        np.savez(folder / f"{name}.npz", X=rows.X.astype(np.float32), y=rows.y, group=group)
    cued.fit(cued.cue_bank(), cued.draw(seed=0)).save(folder / "run")
    return folder


def test_the_plan_it_writes_can_be_applied_and_judged(
    pcbm: Any, frame: Path, tmp_path: Path
) -> None:
    plan, edited = tmp_path / "plan.json", tmp_path / "edited"
    start = ("edit", "suggest", frame / "run", "--shifted", frame / "shifted.npz")
    beside = ("--eval", frame / "usual.npz", "--max-edits", 1)
    done = pcbm(*start, *beside, "--out", plan, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.document["out"] == str(plan)
    names = [row["name"] for row in done.document["comparison"]]
    assert names == ["no_edit", "greedy", "best_subset", "random_choice", "fine_tuned_head"]
    assert EditPlan.load(plan).as_dict() == done.document["plan"]
    quick = ("--plan", plan, "--control-repeats", 0, "--no-curve", "--json", "--force")
    for name, warns in (("shifted", True), ("fresh", False)):
        judged = pcbm("edit", frame / "run", "--eval", frame / f"{name}.npz", *quick,
                      "--out", edited).document["evaluation"]  # fmt: skip
        assert bool(judged["warnings"]) is warns
    assert load_run(edited).model.coef_[0, 1] == 0
    assert "exists" in pcbm(*start, "--out", plan).refused()
    copy = tmp_path / "copy.json"
    again = pcbm(*start, *beside, "--plan", plan, "--out", copy)
    assert f"pcbm edit {frame / 'run'} --plan {copy} --out RUN2" in again.out
    assert "Suggested: zero 'cue'" in again.out
    assert "persons plan" in again.out


def test_rows_marked_as_test_are_not_searched_on(pcbm: Any, frame: Path, tmp_path: Path) -> None:
    rows = dict(np.load(frame / "shifted.npz"))
    rows["split"] = np.where(np.arange(200) % 2, "test", "train")
    np.savez(tmp_path / "d.npz", **rows)
    start = ("edit", "suggest", frame / "run", "--shifted", tmp_path / "d.npz")
    found = pcbm(*start, "--eval", tmp_path / "d.npz", "--json").document
    assert found["settings"]["n"] == 100
    assert found["plan"]["chosen_on"]["rows"] == "not test"


def test_a_run_called_suggest_is_reached_by_its_path(
    pcbm: Any, frame: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(frame / "run", tmp_path / "suggest")
    monkeypatch.chdir(tmp_path)
    assert pcbm("edit", "./suggest", "--zero", "cue", "--out", "e").code == 0
    assert pcbm("edit", "suggest", "./suggest", "--shifted", frame / "shifted.npz").code == 0


def test_refusals(pcbm: Any, frame: Path) -> None:
    start = ("edit", "suggest", frame / "run", "--shifted", frame / "shifted.npz")
    assert "holds the rows of --shifted" in pcbm(*start, "--eval", frame / "shifted.npz").refused()
    assert "--by was given" in pcbm(*start, "--by", "luck").refused()
