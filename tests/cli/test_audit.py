"""``pcbm audit``: pairs in every form, who has the concept, what is missing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cued import cue_bank, draw, pairs

from pcbm.editing import EditPlan


@pytest.fixture(scope="module")
def cued(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with train, test, reversed rows, pairs, a bank, a run and an edited run."""
    from pcbm.cli.main import run

    folder = tmp_path_factory.mktemp("cued")
    for name, tied, seed in (("train", 0.9, 0), ("test", 0.9, 5), ("reversed", 0.1, 6)):
        rows = draw(400, tied=tied, seed=seed)
        group = np.where(rows.present, "framed", "plain")
        ids = np.array([f"{name} {i}" for i in range(400)])
        np.savez(folder / f"{name}.npz", X=rows.X, y=rows.y, group=group, ids=ids)
    having, lacking = pairs(50)
    y, ids = np.array(["cat", "dog"] * 25), np.arange(50).astype(str)
    np.savez(folder / "with.npz", X=having, y=y, ids=ids)
    np.savez(folder / "without.npz", X=lacking[::-1], y=y[::-1], ids=ids[::-1])
    cue_bank().save(folder / "bank.safetensors")
    options = ["--concepts", str(folder / "bank.safetensors"), "--control-repeats", "0", "--quiet"]
    options += ["--lam", "0.01", "--residual", "linear", "--test", str(folder / "test.npz")]
    made = ["--out", str(folder / "run")]
    assert run(["fit", str(folder / "train.npz"), *options, *made]) == 0
    edit = ["edit", str(folder / "run"), "--zero", "cue", "--out", str(folder / "edited")]
    assert run([*edit, "--quiet"]) == 0
    return folder


def test_everything_is_measured_before_and_after_an_edit(pcbm: Any, cued: Path) -> None:
    done = pcbm(
        "audit", cued / "edited", cued / "test.npz", "--concept", "cue", "--json",
        "--with", cued / "with.npz", "--without", cued / "without.npz",
        "--shifted", cued / "reversed.npz", "--group", "framed", "--permutations", 19,
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert (found["model"], found["edits"], found["n"]) == ("hybrid", 1, 400)
    assert found["coef"]["before"][0] > 0 == found["coef"]["now"][0]
    paired = found["paired"]
    assert paired["now"]["pairs"] == 50  # the rows were put in one order by their ids
    assert paired["before"]["toward"]["dog"]["concepts"]["mean"] > 0
    assert paired["now"]["toward"]["dog"]["concepts"]["mean"] == 0
    assert set(paired["now"]["by_class"]) == {"cat", "dog"}
    assert found["within_class"]["of"] == "the groups framed"
    assert set(found["within_class"]["now"]) == {"concepts", "residual", "total"}
    assert found["reliance"]["shifted"]["before"]["value"] > 0
    assert found["reliance"]["groups"]["now"]["favoured"] == "dog"
    assert "no evidence that the residual" in found["notes"][0]
    plain = pcbm(
        "audit", cued / "edited", cued / "test.npz", "--concept", "cue", "--permutations", 19,
        "--with", cued / "with.npz", "--without", cued / "without.npz",
    )  # fmt: skip
    shown = " ".join(plain.out.split())
    assert "edited (hybrid, after 1 edit), concept cue" in shown
    assert "Response to the concept in 50 pairs" in shown
    assert "own score" in shown
    assert "not measurable, no shifted data was given" in shown


def test_a_table_names_pairs_by_id(pcbm: Any, cued: Path, tmp_path: Path) -> None:
    rows = np.load(cued / "test.npz")
    has = rows["ids"][rows["group"] == "framed"][:30]
    lacks = rows["ids"][rows["group"] == "plain"][:30]
    table = tmp_path / "pairs.csv"
    lines = [f"{a},{b}" for a, b in zip(has, lacks, strict=True)]
    table.write_text("with,without\n" + "\n".join(lines) + "\n")
    common = ("audit", cued / "run", cued / "test.npz", "--concept", "cue", "--json")
    found = pcbm(*common, "--pairs", table, "--permutations", 9).document
    assert found["paired"]["now"]["pairs"] == 30
    assert found["paired"]["before"] is None
    assert found["findings"][0].startswith("the head has coefficients of 'cue'")
    table.write_text("with,without\nnowhere.png,nowhere else.png\n")
    assert "neither an id of DATA nor a file" in pcbm(*common, "--pairs", table).refused()
    for stranger in ("", "test1"):
        table.write_text(f"with,without\ntest 1,test 2\ntest 3,{stranger}\n")
        line = pcbm(*common, "--pairs", table).refused()
        assert f"names {stranger!r}, which is neither an id of DATA nor a file" in line
    table.write_text(f"with,without\ntest 1,test 2\ntest 3,{table.name}\n")
    assert "which is a file, beside ids of DATA" in pcbm(*common, "--pairs", table).refused()
    for rows, words in (
        ("test 1,test 2\ntest 3,test 3\n", "pairs 'test 3' with itself"),
        ("test 1,test 2\ntest 3,test 4\ntest 1,test 2\n", "the pair 'test 1', 'test 2' twice"),
    ):
        table.write_text(f"with,without\n{rows}")
        assert words in pcbm(*common, "--pairs", table).refused()
    table.write_text("with,other\na,b\n")
    assert "no column 'without'" in pcbm(*common, "--pairs", table).refused()


def test_labels_of_the_concept_come_from_a_table(pcbm: Any, cued: Path, tmp_path: Path) -> None:
    rows = np.load(cued / "test.npz")
    table = tmp_path / "labels.csv"
    lines = [f"{i},{int(g == 'framed')}" for i, g in zip(rows["ids"], rows["group"], strict=True)]
    table.write_text("id,cue\n" + "\n".join(lines[:-7]) + "\n")
    common = ("audit", cued / "edited", cued / "test.npz", "--concept", "cue", "--json")
    found = pcbm(*common, "--labels", table, "--permutations", 9).document
    assert found["n"] == 393
    assert "7 rows have no label" in found["notes"][-1]
    assert not found["within_class"]["now"]["total"]["continuous"]
    table.write_text("id,frame\ntest 1,1\n")
    assert "has no column 'cue'" in pcbm(*common, "--labels", table).refused()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--concept", "cues"], "no concept 'cues': did you mean 'cue'"),
        (["--concept", "cue", "--with", "test.npz"], "--with and --without belong together"),
        (["--concept", "cue", "--pairs", "p.csv", "--with", "a"], "one of the two forms"),
        (
            ["--concept", "cue", "--with", "test.npz", "--without", "reversed.npz"],
            "not the same inputs",
        ),
        (["--concept", "cue", "--group", "frame"], "no group 'frame': did you mean 'framed'"),
        (["--concept", "cue", "--group", "framed", "--labels", "l.csv"], "beside --labels"),
    ],
)
def test_wrong_input_is_one_line(
    pcbm: Any, cued: Path, options: list[str], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cued)
    assert line in pcbm("audit", "edited", "test.npz", *options).refused()


def test_guards_tell_their_price_and_can_be_undone(pcbm: Any, cued: Path, tmp_path: Path) -> None:
    out = tmp_path / "guarded"
    options = ("edit", cued / "run", "--zero", "cue", "--train", cued / "train.npz", "--out", out)
    guards = ("--guard", "silent", "--guard", "residual-in-class", "--eval", cued / "test.npz")
    pairs = ("--with", cued / "with.npz", "--without", cued / "without.npz")
    done = pcbm(*options, *guards, *pairs)
    assert done.code == 0, done.err
    assert "Guards and their price: accuracy on 400 held-out rows" in done.out
    assert "residual-in-class: linear residuals alone" in done.out
    found = json.loads((out / "edits.json").read_text())[-1]
    silent, residual = found["structure"]
    assert (silent["guard"], silent["direction"]) == ("silent", "pairs")
    assert abs(silent["response"]["after"][0][0]) < 1e-8
    assert residual["covariance"] < 1e-8
    assert residual["price"]["n"] == 400
    assert residual["price"]["after"] == found["evaluation"]["after"]["accuracy"]
    assert "residual" in residual["not_guaranteed"]
    audit = ("audit", out, cued / "test.npz", "--concept", "cue", *pairs, "--json")
    got = pcbm(*audit, "--permutations", 9)
    assert got.code == 0, got.err
    record = got.document
    toward = {side: record["paired"][side]["toward"]["dog"] for side in ("before", "now")}
    assert abs(toward["now"]["concepts"]["mean"]) < 1e-8
    assert abs(toward["now"]["residual"]["mean"]) < abs(toward["before"]["total"]["mean"])
    assert pcbm("edit", out, "--undo", "1", "--out", tmp_path / "back").code == 0
    original = (cued / "run" / "model.safetensors").read_bytes()
    assert (tmp_path / "back" / "model.safetensors").read_bytes() == original
    assert pcbm("report", out, "--out", tmp_path / "r.html").code == 0
    assert "Guard “silent”" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--guard", "silent"], "guard silent needs training data: add --train DATA, the data of"),
        (
            ["--guard", "scores", "--train", "train.npz", "--with", "with.npz", "--without", "w"],
            "--without was given without --guard silent",
        ),
        (["--balanced", "groups"], "nothing in the plan learns from rows"),
        (["--balanced", "class", "--refit", "--train", "train.npz"], "'groups' or 'scores', not"),
        (
            ["--refit", "--train", "train.npz", "--guard", "residual-balanced"],
            "add --balanced groups or --balanced scores",
        ),
        (["--plan", "pairs.json", "--train", "train.npz"], "direction from pairs: add --pairs"),
        (["--guard", "loud", "--train", "train.npz"], "'loud' is unknown"),
        (["--with", "with.npz", "--without", "without.npz"], "without --guard silent"),
    ],
)
def test_guards_that_cannot_be_are_one_line(
    pcbm: Any, cued: Path, tmp_path: Path, options: list[str], line: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(cued)
    EditPlan().zero("cue").guarded("silent", direction="pairs").save(cued / "pairs.json")
    out = tmp_path / "out"
    edits = [] if "--plan" in options else ["--zero", "cue"]
    assert line in pcbm("edit", "run", *edits, *options, "--out", out).refused()
    assert not out.exists()


def test_a_saved_plan_replays_to_the_same_model_with_its_guards(
    pcbm: Any, cued: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cued)
    pairs = ("--with", "with.npz", "--without", "without.npz")
    recipe = ("--orthogonalise", "--balanced", "groups", "--guard", "silent", "--guard", "residual")
    plan = tmp_path / "plan.json"
    quick = ("--control-repeats", 0, "--no-curve")
    one = pcbm("edit", "run", "--zero", "cue", *recipe, "--train", "train.npz", *pairs,
               "--eval", "test.npz", *quick, "--chosen-on", "reversed.npz",
               "--save-plan", plan, "--out", tmp_path / "one", "--json")  # fmt: skip
    assert one.code == 0, one.err
    record = json.loads(plan.read_text())
    assert record["needs"] == ["train", "groups", "pairs"]
    assert record["balanced"] == "groups"
    assert record["chosen_on"]["data"] == "reversed.npz"
    assert record["learnt_on"]["pairs"]["n"] == 50
    assert record == one.document["edits"][0]["plan"]
    assert any("their groups tell which rows have the cue" in n for n in one.document["notes"])
    again = ("edit", "run", "--plan", plan, "--train", "train.npz", *pairs)
    two = pcbm(*again, "--out", tmp_path / "two", "--json")
    assert two.code == 0, two.err
    assert two.document["warnings"] == []
    for name in ("model.safetensors", "bank.safetensors"):
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    other = pcbm("edit", "run", "--plan", plan, "--train", "reversed.npz", *pairs,
                 "--out", tmp_path / "three", "--json")  # fmt: skip
    assert "first applied with other training data (train.npz)" in other.document["warnings"][0]
    for lacking, line in (
        (["--train", "train.npz"], "takes its direction from pairs: add --pairs"),
        (pairs, "needs training data: add --train"),
    ):
        refused = pcbm("edit", "run", "--plan", plan, *lacking, "--out", tmp_path / "no")
        assert line in refused.refused()
    bare = dict(np.load("train.npz"))
    del bare["group"]
    np.savez(tmp_path / "bare.npz", **bare)
    refused = pcbm("edit", "run", "--plan", plan, "--train", tmp_path / "bare.npz", *pairs,
                   "--out", tmp_path / "no")  # fmt: skip
    assert "names no groups: add a column 'group'" in refused.refused()
    assert not (tmp_path / "no").exists()


@pytest.mark.slow
def test_controls_and_curve_have_the_guards_of_the_edit(
    pcbm: Any, cued: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(cued)
    done = pcbm("edit", "run", "--zero", "cue", "--refit", "--train", "train.npz", "--guard",
                "silent", "--guard", "residual-in-class", "--eval", "test.npz", "--shifted",
                "reversed.npz", "--with", "with.npz", "--without", "without.npz",
                "--control-repeats", 3, "--out", tmp_path / "out", "--json")  # fmt: skip
    assert done.code == 0, done.err
    found = done.document["evaluation"]
    notes = " ".join(found["controls"]["notes"])
    assert "stand without guard silent (pairs), guard residual-in-class" in notes
    assert "take the direction of guard silent from the scores of the concept they" in notes
    assert found["controls"]["random_bank"]["repeats"] == 3
    assert "the curve is without guard residual-in-class" in found["curve"]["notes"]
    assert pcbm("report", tmp_path / "out", "--out", tmp_path / "r.html").code == 0
    assert "stand without guard silent (pairs)" in (tmp_path / "r.html").read_text()
