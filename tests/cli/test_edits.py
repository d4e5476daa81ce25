"""Edits and interventions on the command line: what they print, write, refuse and take back."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcbm.activations import split_rows
from pcbm.editing import EditPlan
from pcbm.model import load_run


def files(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.name != "metrics.json"}


class TestVocabulary:
    def test_clamp(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        out = tmp_path / "e"
        done = pcbm("edit", world.run, "--clamp", "fur=-", "--class", "cat", "--out", out)
        assert "clamp 'fur' to 0 or less for 'cat'" in done.out
        model = load_run(out).model
        assert model.coef_[0, 0] <= 0

    def test_rename_leaves_every_probability_and_names_it_everywhere(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        out = tmp_path / "e"
        line = pcbm("edit", world.run, "--rename", "noise one=static=x", "--out", out).refused()
        assert "no concept 'noise one=static'" in line  # the last = splits
        line = pcbm("edit", world.run, "--rename", "noise one=static", "--out", out).out
        assert "rename 'noise one' to 'static' (0 coefficients changed)" in line
        before = pcbm("predict", world.run, world.test, "--json").document
        assert pcbm("predict", out, world.test, "--json").document == before
        for name in ("weights.csv", "README.md"):
            now = (out / name).read_text().partition("## Edits")[0]  # without its history
            assert "noise one" not in now
        assert "static" in (out / "weights.csv").read_text()
        shown = pcbm("bank", "show", out / "bank.safetensors").out
        assert "static" in shown
        assert "noise one" not in shown

    def test_merge_and_its_figures(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        options = ("--merge", "noise one", "--merge", "noise two", "--into", "noise")
        done = pcbm("edit", world.run, *options, "--train", world.data, "--out", tmp_path / "e")
        assert "merge 'noise one', 'noise two' into 'noise'" in done.out
        assert "correlation of each part with it" in done.out
        model = load_run(tmp_path / "e").model
        assert model.concept_names_ == ["fur", "barks", "wings", "noise"]
        report = tmp_path / "r.html"
        assert pcbm("report", tmp_path / "e", "--out", report).code == 0
        assert "of the variance that its parts" in report.read_text()

    def test_orthogonalise_and_refit(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        options = ("--zero", "wings", "--orthogonalise", "--refit", "--train", world.data)
        done = pcbm("edit", world.run, *options, "--out", tmp_path / "e")
        assert "zero 'wings'; orthogonalise; refit" in done.out
        assert "variance within the classes that went with wings" in done.out
        report = tmp_path / "r.html"
        assert pcbm("report", tmp_path / "e", "--out", report).code == 0
        assert "cleared of what went within the classes with wings" in report.read_text()

    def test_a_saved_plan_replays_the_edit_to_the_byte(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        plan = tmp_path / "plan.json"
        options = ("--zero", "wings", "--orthogonalise", "--reason", "birds only")
        train = ("--train", world.data, "--save-plan", plan)
        assert pcbm("edit", world.run, *options, *train, "--out", tmp_path / "a").code == 0
        assert EditPlan.load(plan).reason == "birds only"
        again = ("--plan", plan, "--train", world.data, "--out", tmp_path / "b")
        assert pcbm("edit", world.run, *again).code == 0
        assert files(tmp_path / "a") == files(tmp_path / "b")
        line = pcbm("edit", world.run, "--plan", plan, "--out", tmp_path / "c").refused()
        assert "orthogonalise needs training data" in line


class TestTrainingRows:
    def test_rows_the_fit_tested_on_are_left_out_of_a_refit(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        options = ("--zero", "wings", "--refit", "--train", world.data, "--json")
        found = pcbm("edit", world.run, *options, "--out", tmp_path / "e").document
        assert found["edits"][0]["refit"]["n"] == 192
        assert any("not the 48 it was tested on" in note for note in found["notes"])
        data = np.load(world.data)
        rows, _ = split_rows(data["y"])
        run = load_run(world.run)
        plan = EditPlan().zero("wings").followed_by(refit=True)
        expected, _ = plan.step(run.model, train=(data["X"][rows], data["y"][rows]))
        got = load_run(tmp_path / "e").model
        assert got.coef_.tobytes() == expected.coef_.tobytes()

    def test_other_data_is_used_whole_and_marked_test_rows_never(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        options = ("--zero", "wings", "--refit", "--json")
        found = pcbm(
            "edit", world.run, *options, "--train", world.test, "--out", tmp_path / "e"
        ).document
        assert found["edits"][0]["refit"]["n"] == 90
        assert found["notes"] == []
        marked = tmp_path / "m.npz"
        np.savez(marked, **np.load(world.test), split=np.array(["train"] * 70 + ["test"] * 20))
        found = pcbm(
            "edit", world.run, *options, "--train", marked, "--out", tmp_path / "f"
        ).document
        assert found["edits"][0]["refit"]["n"] == 70


class TestUndo:
    def test_undo_gives_the_files_of_before(self, pcbm: Any, world: Any, tmp_path: Path) -> None:
        first, second, back, start = (tmp_path / name for name in "abcd")
        train = ("--train", world.data)
        merge = ("--merge", "noise one", "--merge", "noise two", "--into", "noise")
        zero = ("--zero", "wings", "--refit")
        assert pcbm("edit", world.run, *zero, *train, "--out", first).code == 0
        assert pcbm("edit", first, *merge, *train, "--out", second).code == 0
        found = pcbm("edit", second, "--undo", "--out", back, "--json").document
        assert [len(found["edits"]), len(found["undone"])] == [1, 1]
        assert files(back) == files(first)
        out = pcbm("edit", second, "--undo", "2", "--out", start).out
        assert "2 edits of" in out
        assert "the model is as it was fitted" in out
        assert files(start) == files(world.run)
        figures = [json.loads((f / "metrics.json").read_text()) for f in (start, world.run)]
        assert [f.pop("run") for f in figures] == [str(start), str(world.run)]
        assert figures[0] == figures[1]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--undo"], ["there is no edit to undo"]),
            (["--undo", "--zero", "fur"], ["--undo was given beside --zero"]),
            (["--undo", "1", "--refit", "--train", "x"], ["beside --train, --refit"]),
        ],
    )
    def test_what_cannot_be_undone(
        self, pcbm: Any, world: Any, tmp_path: Path, options: list[str], words: list[str]
    ) -> None:
        line = pcbm("edit", world.run, *options, "--out", tmp_path / "e").refused()
        for word in words:
            assert word in line
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--clamp", "fur"], ["--clamp was given as 'fur'", "CONCEPT=+"]),
        (["--clamp", "fur=up"], ["the sign is '+' or '-', not 'up'"]),
        (["--rename", "fur"], ["--rename was given as 'fur'", "OLD=NEW"]),
        (["--rename", "fur=wings"], ["there is a concept 'wings' already"]),
        (["--rename", "fur=hair", "--class", "cat"], ["--rename was given with --class"]),
        (["--merge", "fur", "--merge", "wings"], ["--merge and --into belong together"]),
        (["--into", "x"], ["--merge and --into belong together"]),
        (["--merge", "fur", "--into", "x", "--train", "{data}"], ["name at least two"]),
        (["--merge", "fur", "--merge", "fur", "--into", "x"], ["'fur' more than once"]),
        (["--merge", "fur", "--merge", "wings", "--into", "x"], ["merge needs training data"]),
        (["--zero", "fur", "--clamp", "fur=+"], ["'fur' is edited twice"]),
        (["--zero", "fur", "--orthogonalise"], ["orthogonalise needs training data"]),
        (["--zero", "fur", "--train", "{data}"], ["--train was given, but nothing needs it"]),
        (["--scale", "fur=2", "--orthogonalise", "--train", "{data}"], ["the plan zeroes none"]),
        (
            ["--zero", "fur", "--class", "dog", "--orthogonalise", "--train", "{data}"],
            ["some still use 'fur'"],
        ),
        (["--zero", "fur", "--renormalise", "--refit", "--train", "{data}"], ["one of the two"]),
        (["--orthogonalise", "--train", "{data}"], ["no edit was given"]),
    ],
)
def test_wrong_edits_leave_nothing_behind(
    pcbm: Any, world: Any, tmp_path: Path, options: list[str], words: list[str]
) -> None:
    given = [option.format(data=world.data) for option in options]
    save = ("--save-plan", tmp_path / "plan.json")
    line = pcbm("edit", world.run, *given, *save, "--out", tmp_path / "e").refused()
    for word in words:
        assert word in line
    assert list(tmp_path.iterdir()) == []


def test_no_output_takes_the_place_of_another_file_or_lies_in_the_run(
    pcbm: Any, world: Any, tmp_path: Path
) -> None:
    shutil.copytree(world.run, tmp_path / "run")
    before = files(tmp_path / "run")
    edit = ("edit", tmp_path / "run", "--zero", "fur", "--force", "--out")
    inside = tmp_path / "run" / "edited"
    assert "lies inside" in pcbm(*edit, inside).refused()
    assert "lies inside" in pcbm("edit", tmp_path / "run", "--undo", "--out", inside).refused()
    assert "lies inside" in pcbm(*edit, tmp_path / "run" / "config.json").refused()
    photo = tmp_path / "photo.jpg"
    photo.write_text("mine")
    assert "is a file, expected a folder" in pcbm(*edit, photo).refused()
    same = ("--save-plan", tmp_path / "new")
    assert "give the plan another name" in pcbm(*edit, tmp_path / "new", *same).refused()
    assert files(tmp_path / "run") == before
    assert photo.read_text() == "mine"
    assert not (tmp_path / "new").exists()


def test_a_plan_with_one_bad_edit_writes_nothing_and_changes_nothing(
    pcbm: Any, world: Any, tmp_path: Path
) -> None:
    before = files(world.run)
    plan = tmp_path / "plan.json"
    EditPlan().zero("fur").rename("wings", "w").merge(["fur", "w"], "x").zero("wings").save(plan)
    options = ("--plan", plan, "--train", world.data, "--out", tmp_path / "e")
    assert "no concept 'wings'" in pcbm("edit", world.run, *options).refused()
    assert [p.name for p in tmp_path.iterdir()] == ["plan.json"]
    assert files(world.run) == before


class TestIntervene:
    def test_predict_says_units_place_and_what_changed(
        self, pcbm: Any, world: Any, tmp_path: Path
    ) -> None:
        held = ("--intervene", "fur=-3", "--intervene", "wings=0")
        common = ("predict", world.run, world.test, *held)
        found = pcbm(*common, "--json").document
        plain = pcbm("predict", world.run, world.test, "--json").document
        record = found["intervention"]
        assert record["units"] == "raw concept scores"
        assert record["projection"] == "margin"
        assert record["before"] == {"label": plain["label"], "proba": plain["proba"]}
        pairs = zip(plain["label"], found["label"], strict=True)
        assert record["changed"] == sum(a != b for a, b in pairs) > 0
        assert record["of"] == 90
        model = load_run(world.run).model
        fur = record["concepts"][0]
        assert (fur["concept"], fur["score"], fur["mean"]) == ("fur", -3.0, model.mean_[0])
        assert fur["standardised"] == pytest.approx((-3 - model.mean_[0]) / model.scale_[0])
        assert "intervention" not in plain
        out = pcbm(*common, "--out", tmp_path / "p.csv").out
        assert "fur held at -3 in raw concept scores (projection margin" in out
        assert f"{record['changed']} of 90 predictions changed" in out
        with (tmp_path / "p.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["label"] for row in rows] == found["label"]
        assert [row["label_before"] for row in rows] == plain["label"]

    def test_explain(self, pcbm: Any, world: Any) -> None:
        common = ("explain", world.run, world.test, "--id", "row 3", "--intervene", "fur=9")
        found = pcbm(*common, "--json").document
        (sample,) = found["samples"]
        scores = {c["name"]: c["score"] for c in sample["concepts"]}
        assert scores["fur"] == 9.0
        assert set(sample["before"]) == {"label", "proba"}
        assert found["intervention"]["of"] == 1
        parts = [c["contribution"] for c in sample["concepts"]]
        assert sum(parts) + sample["intercept"] == pytest.approx(sample["margin"])
        assert "fur held at 9 in raw concept scores" in pcbm(*common).out

    @pytest.mark.parametrize("command", ["predict", "explain"])
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["fur"], ["--intervene was given as 'fur'", "CONCEPT=NUMBER"]),
            (["fur=nan"], ["'fur' was given a score that is not a finite number"]),
            (["furr=1"], ["no concept 'furr': did you mean 'fur'?"]),
            (["fur=1", "fur=2"], ["--intervene names 'fur' twice"]),
        ],
    )
    def test_refusals(
        self, pcbm: Any, world: Any, command: str, options: list[str], words: list[str]
    ) -> None:
        given = [part for option in options for part in ("--intervene", option)]
        line = pcbm(command, world.run, world.test, *given).refused()
        for word in words:
            assert word in line


def test_a_plan_that_does_not_fit_is_refused_before_data_is_read(
    pcbm: Any, world: Any, tmp_path: Path
) -> None:
    options = ("--zero", "wing", "--refit", "--train", "absent.npz", "--out", tmp_path / "e")
    assert "did you mean 'wings'?" in pcbm("edit", world.run, *options).refused()
