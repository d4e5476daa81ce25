"""Judging an edit on the command line: sets side by side, controls, curve, marks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcbm.editing import EditPlan


def test_every_figure_has_an_interval_in_json_and_in_print(
    pcbm: Any, world: Any, halves: tuple[Path, Path]
) -> None:
    one, two = halves
    found = pcbm("evaluate", world.run, one, "--shifted", two, "--json").document
    alone = pcbm("evaluate", world.run, two, "--json").document
    assert found["data"] == str(one)
    assert found["shifted"]["data"] == str(two)
    assert found["shifted"]["intervals"] == alone["intervals"]
    for name in ("accuracy", "balanced_accuracy", "auc", "worst_group"):
        low, high = found["intervals"][name]
        assert low <= found[name] <= high
    for name, row in found["per_class"].items():
        low, high = found["intervals"]["per_class_auc"][name]
        assert low <= row["auc"] <= high
    gap = found["reliance"]
    assert gap["value"] == pytest.approx(found["accuracy"] - alone["accuracy"])
    assert gap["interval"][0] < gap["value"] < gap["interval"][1]
    assert alone["shifted"] is alone["reliance"] is None
    shown = pcbm("evaluate", world.run, one, "--shifted", two).out
    assert "on 45 and 45 rows" in shown
    assert "accuracy in distribution minus shifted:" in shown
    low, high = alone["intervals"]["per_group"]["dark"]
    assert f"{low:.3f} to {high:.3f}" in pcbm("evaluate", world.run, two).out


def test_both_sets_controls_and_curve_are_in_the_document_and_the_history(
    pcbm: Any, world: Any, halves: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = halves
    options = ("--zero", "wings", "--eval", one, "--shifted", two, "--train", world.data)
    done = pcbm("edit", world.run, *options, "--control-repeats", 3, "--out", tmp_path / "e",
                "--json")  # fmt: skip
    assert done.code == 0, done.err
    found = done.document["evaluation"]
    assert found["data"] == str(one)
    assert [other["data"] for other in found["also"]] == [str(two)]
    assert set(found["reliance"]) == {"before", "after", "intervals"}
    assert found["intervals"]["per_group"].keys() == {"bright", "dark"}
    assert found["controls"]["random_bank"]["repeats"] == 3
    assert sum(point["chosen"] for point in found["curve"]["points"]) == 1
    assert done.document["edits"][-1]["evaluation"] == found
    shown = pcbm("edit", world.run, *options, "--control-repeats", 3, "--out", tmp_path / "f").out
    assert json.loads((tmp_path / "f" / "edits.json").read_text())[-1]["evaluation"] == found
    for words in ("McNemar", "random bank", "bias: best here", "chosen", "Signed reliance"):
        assert words in shown


def test_controls_and_curve_can_be_left_out(pcbm: Any, world: Any, tmp_path: Path) -> None:
    options = ("--zero", "wings", "--eval", world.test, "--control-repeats", 0, "--no-curve")
    found = pcbm("edit", world.run, *options, "--out", tmp_path / "e", "--json").document
    assert found["evaluation"]["controls"] is None
    assert found["evaluation"]["curve"] is None


def test_where_an_edit_was_chosen_is_recorded_and_judging_there_is_marked(
    pcbm: Any, world: Any, halves: tuple[Path, Path], tmp_path: Path
) -> None:
    one, two = halves
    quick = ("--control-repeats", 0, "--no-curve", "--json")
    plan = tmp_path / "plan.json"
    start = ("edit", world.run, "--zero", "wings", "--chosen-on", one, "--save-plan", plan)
    marked = pcbm(*start, "--eval", one, *quick, "--out", tmp_path / "e").document
    assert "judged on the data it was chosen on" in marked["evaluation"]["warnings"][0]
    assert EditPlan.load(plan).chosen_on.n == len(np.load(one)["y"])
    for judge, warns in ((one, True), (two, False)):
        out = tmp_path / f"on {judge.stem}"
        found = pcbm("edit", world.run, "--plan", plan, "--eval", judge, *quick, "--out", out)
        assert bool(found.document["evaluation"]["warnings"]) is warns


def test_judging_on_training_rows_is_marked(pcbm: Any, world: Any, tmp_path: Path) -> None:
    options = ("--zero", "wings", "--refit", "--train", world.data, "--eval", world.data)
    found = pcbm("edit", world.run, *options, "--control-repeats", 0, "--no-curve", "--json",
                 "--out", tmp_path / "e").document  # fmt: skip
    assert any("is the data of the fit" in text for text in found["warnings"])
    assert any("learnt from" in text for text in found["warnings"])


def test_refusals(pcbm: Any, world: Any, tmp_path: Path) -> None:
    start = ("edit", world.run, "--zero", "wings", "--out", tmp_path / "e")
    assert "without --eval" in pcbm(*start, "--shifted", world.test).refused()
    assert "nothing needs it" in pcbm(*start, "--train", world.data).refused()
