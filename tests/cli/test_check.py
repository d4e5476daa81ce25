"""``pcbm check`` and ``pcbm counterfactual``: the rows they use, what they say and refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FAST = ("--only", "share", "--only", "rashomon")


def test_all_checks_on_the_rows_of_the_fit(pcbm: Any, world: Any, tmp_path: Path) -> None:
    rows = np.load(world.data)
    lines = [
        f"{name},{int(x[0] > 0)},{int(x[1] > 0)}"
        for name, x in zip(rows["ids"], rows["X"], strict=True)
    ]
    table = tmp_path / "labels.csv"
    table.write_text("id,fur,barks\n" + "\n".join(lines) + "\n")
    asked = ("check", world.folder / "run", world.data, "--concept-labels", table)
    done = pcbm(*asked, "--repeats", 3, "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert found["n"] == {"judged": 48, "fitted": 192}
    assert found["rows"] == "as the fit divided them"
    assert set(found["checks"]) == {
        "nec", "share", "hard", "leakage", "stability", "rashomon", "constraint",
    }  # fmt: skip
    assert all(check["text"] for check in found["checks"].values())
    assert found["not_measurable"] == {}
    assert found["checks"]["stability"]["repeats"] == 3
    shown = pcbm(*asked, "--only", "rashomon", "--only", "share").out
    assert "share: the 5 largest contributions" in shown
    assert "strongest for" in shown


def test_the_rows_it_is_judged_on_are_the_test_rows_of_the_fit(pcbm: Any, world: Any) -> None:
    run = world.folder / "run"
    found = pcbm("check", run, world.data, "--only", "nec", "--json").document
    own = pcbm("evaluate", run, world.data, "--json")
    assert "no test" in own.document["warnings"][0]
    metrics = json.loads((run / "metrics.json").read_text())
    assert found["checks"]["nec"]["own"] == pytest.approx(metrics["accuracy"]["test"])
    assert found["checks"]["nec"]["own_nec"] == metrics["nec"]


def test_what_needs_the_fit_is_null_on_other_data_unless_train_is_given(
    pcbm: Any, world: Any
) -> None:
    run = world.folder / "run"
    found = pcbm("check", run, world.test, *FAST, "--json").document
    assert found["n"] == {"judged": 90, "fitted": None}
    assert found["checks"]["rashomon"] is None
    assert found["not_measurable"] == {"rashomon": "no training rows were given: add them"}
    found = pcbm("check", run, world.test, *FAST, "--train", world.data, "--json").document
    assert found["checks"]["rashomon"]["singles"]
    assert found["warnings"] == []
    found = pcbm("check", run, world.test, *FAST, "--train", world.binary, "--json")
    assert "none of the class(es) 'emu'" in found.refused()


def test_binary_runs_and_leakage_without_labels(pcbm: Any, world: Any) -> None:
    asked = ("check", world.folder / "pair", world.binary, "--repeats", 2)
    found = pcbm(*asked, "--json", "--quiet").document
    assert found["not_measurable"] == {"leakage": "no concept labels were given"}
    assert list(found["checks"]["stability"]["per_row"]) == ["dog"]


def test_an_edited_run_says_which_checks_see_the_edit(
    pcbm: Any, world: Any, tmp_path: Path
) -> None:
    out = tmp_path / "edited"
    assert pcbm("edit", world.folder / "run", "--zero", "fur", "--out", out).code == 0
    found = pcbm("check", out, world.data, *FAST, "--json").document
    assert "know nothing of the edits" in found["warnings"][0]
    assert ["fur"] in [drop["concepts"] for drop in found["checks"]["rashomon"]["singles"]]


def test_faults_are_told(pcbm: Any, world: Any, tmp_path: Path) -> None:
    run = world.folder / "run"
    line = pcbm("check", run, world.data, "--only", "rashomom").refused()
    assert "--only was given as 'rashomom': did you mean 'rashomon'?" in line
    table = tmp_path / "labels.csv"
    table.write_text("id,furr\n" + "\n".join(f"row {i},{i % 2}" for i in range(240)) + "\n")
    line = pcbm("check", run, world.data, "--only", "leakage", "--concept-labels", table)
    assert "name none of the run's concepts" in line.refused()
    table.write_text("id,fur\nno such row,1\n")
    line = pcbm("check", run, world.data, "--only", "leakage", "--concept-labels", table)
    assert "shares no id with the 48 rows" in line.refused()
    own = tmp_path / "own"
    options = ("--concepts", world.bank, "--control-repeats", 0, "--out", own, "--quiet")
    assert pcbm("fit", world.data, "--test", world.test, *options).code == 0
    line = pcbm("check", own, world.data).refused()
    assert f"give that as DATA, and --train {world.data}" in line
    assert pcbm("check", own, world.test, "--train", world.data, *FAST).code == 0


def test_counterfactuals_flip_what_predict_then_says(pcbm: Any, world: Any) -> None:
    run = world.folder / "run"
    asked = ("counterfactual", run, world.data, "--id", "row 3", "--id", "row 7")
    found = pcbm(*asked, "--json").document
    assert found["range"]["of"] == "the rows of the fit"
    assert found["range"]["n"] == 192
    for sample in found["samples"]:
        assert sample["feasible"]
        held = [
            part
            for change in sample["changes"]
            for part in ("--intervene", f"{change['concept']}={change['score']['to']!r}")
        ]
        explained = pcbm("explain", run, world.data, "--id", sample["id"], *held, "--json")
        assert explained.document["samples"][0]["label"] == sample["target"]
    assert "becomes" in pcbm(*asked).out


def test_counterfactuals_take_a_class_and_refuse_what_makes_no_sense(pcbm: Any, world: Any) -> None:
    run = world.folder / "run"
    found = pcbm("counterfactual", run, world.test, "--toward", "emu", "--json").document
    assert {sample["target"] for sample in found["samples"]} == {"emu"}
    assert found["range"]["of"] == "the given rows"
    line = pcbm("counterfactual", run, world.test, "--toward", "emuu").refused()
    assert "no class 'emuu'" in line
    line = pcbm("counterfactual", run, world.test, "--quantile", 0.5).refused()
    assert "it is from 0 to below 0.5" in line
