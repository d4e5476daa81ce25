"""The values behind every figure are those of the run; what was not measured says so."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from every_kind import fit, rows, targets
from sklearn.metrics import confusion_matrix

from pcbm.model import Run
from pcbm.model.pipeline import evaluate_model
from pcbm.report.plots import Absent, Chart, charts
from pcbm.report.plots.measured import confusion
from pcbm.report.plots.style import HOLE, label, labels, short


def named(run, samples=None):
    return {chart.name: chart for chart in charts(run, samples)}


@pytest.fixture(scope="module")
def found(edited_zoo):
    return named(edited_zoo)


def row_of(chart, name):
    return next(row for row in chart.data["rows"] if row["name"] == name)


def test_controls_are_those_of_the_metrics(run):
    rows_, metrics = named(run)["controls"], run.metrics
    controls = metrics["controls"]
    assert row_of(rows_, "Linear probe, no concepts")["values"] == [controls["full_probe"]]
    assert row_of(rows_, "Most frequent class")["values"] == [controls["majority"]]
    assert row_of(rows_, "Concepts, as fitted")["values"] == [metrics["accuracy"]["test"]]
    assert row_of(rows_, "Random directions")["repeats"] == list(controls["random_bank"]["values"])


def test_after_an_edit_controls_and_path_are_of_the_fit(found, edited_zoo):
    fitted = edited_zoo.metrics["as_fitted"]
    shown = row_of(found["controls"], "Concepts, as fitted")
    assert shown["values"] == [fitted["accuracy"]["test"]]
    assert found["path"].data["chosen"]["nec"] == fitted["nec"]


def test_the_path_has_every_point(run):
    data = named(run)["path"].data
    assert data["nec"] == [point["nec"] for point in run.metrics["path"]]
    assert data["train"] == [point["accuracy"] for point in run.metrics["path"]]


def test_weights_are_the_coefficients(run):
    panels = named(run)["weights"].data["panels"]
    for panel, row in zip(panels, run.model.coef_, strict=True):
        shown = {bar["name"]: bar["value"] for bar in panel["bars"]}
        used = {n: w for n, w in zip(run.model.concept_names_, row, strict=True) if w}
        assert shown == used and panel["left_out"] == 0


def test_the_map_of_weights_holds_every_coefficient(run):
    data, model = named(run)["weights-map"].data, run.model
    table = {
        (column, row): value
        for row, line in zip(data["rows"], data["values"], strict=True)
        for column, value in zip(data["columns"], line, strict=True)
        if value is not None
    }
    used = np.argwhere(model.coef_)
    assert table == {
        (str(model.classes_[i]), model.concept_names_[j]): model.coef_[i, j] for i, j in used
    }
    absent = named(Run.of_model(fit("binary")))["weights-map"]
    assert absent.reason == "the head has one row of weights"


def test_a_binary_panel_names_both_sides():
    chart = named(Run.of_model(fit("binary")))["weights"]
    (panel,) = chart.data["panels"]
    assert (panel["against"], panel["title"]) == ("no", "yes")
    assert "Positive argues for yes, negative for no." in chart.caption


def test_classes_and_groups_are_those_of_the_evaluation(found, edited_zoo):
    evaluation = edited_zoo.metrics["evaluation"]
    for name, key in (("classes", "per_class"), ("groups", "per_group")):
        shown = {row["name"]: row["values"] for row in found[name].data["rows"]}
        assert shown == {k: [v["accuracy"]] for k, v in evaluation[key].items()}


def test_an_edit_is_shown_before_and_after_on_every_set(found, edited_zoo):
    (step,) = edited_zoo.edits
    (shifted,) = step["evaluation"]["also"]
    values = row_of(found["edit-1"], "Accuracy, shifted")["values"]
    assert values == [shifted[side]["accuracy"] for side in ("before", "after")]
    interval = row_of(found["edit-1"], "Accuracy, in distribution")["intervals"][1]
    assert interval == step["evaluation"]["intervals"]["accuracy"]["after"]
    groups = row_of(found["edit-1-groups-2"], "indoors")["values"]
    assert groups == [shifted[s]["per_group"]["indoors"]["accuracy"] for s in ("before", "after")]
    moved = {row["name"]: row["values"] for row in found["edit-1-coefficients"].data["rows"]}
    assert all(after == 0 for _, after in moved.values()) and moved


def test_controls_of_an_edit_and_its_curve(found, edited_zoo):
    evaluation = edited_zoo.edits[0]["evaluation"]
    controls, curve = evaluation["controls"], evaluation["curve"]
    gain = controls["edit"][controls["primary"]]["gain"]
    assert row_of(found["edit-1-controls"], "This edit")["values"] == [gain]
    assert found["edit-1-curve"].data["nec"] == [point["nec"] for point in curve["points"]]


def test_quality_is_that_of_the_bank(run):
    for row in named(run)["quality"].data["rows"]:
        stats = run.model.bank.stats[row["name"]]
        assert row["values"] == [stats["auc"], stats["balanced_accuracy"]]


def test_what_a_model_saved_from_python_lacks_is_named():
    absent = {n: c.reason for n, c in named(Run.of_model(fit())).items() if isinstance(c, Absent)}
    assert {"controls", "path", "confusion", "calibration", "classes", "sample"} <= set(absent)
    assert "pcbm fit" in absent["controls"]
    assert absent["edit"] == "the run was not edited"
    assert absent["residual"] == "the model has no residual"


def test_numbers_have_no_confusion_and_no_calibration():
    run = Run.of_model(fit("regression"))
    run.metrics["evaluation"] = evaluate_model(run.model, rows(), targets("regression"))
    absent = {n: c.reason for n, c in named(run).items() if isinstance(c, Absent)}
    assert absent["confusion"] == "numbers are not confused"
    assert absent["calibration"] == "numbers have no probabilities"


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_confusion_is_that_of_scikit_learn(task):
    truth, model = targets(task), fit(task)
    names = [str(name) for name in model.classes_]
    expected = confusion_matrix(truth, model.predict(rows()))
    counts = {
        a: {b: int(n) for b, n in zip(names, line, strict=True) if n}
        for a, line in zip(names, expected, strict=True)
    }
    chart = confusion({"task": task, "evaluation": {"n": 300, "confusion": counts}}, names)
    assert chart.data["values"] == expected.tolist()
    assert chart.data["rows"] == chart.data["columns"] == names


def test_confusion_of_labels_has_a_row_a_label():
    counts = {"a": {"present": {"present": 3, "absent": 1}, "absent": {"absent": 6}}}
    chart = confusion({"task": "multilabel", "evaluation": {"n": 10, "confusion": counts}}, ["a"])
    assert dict(zip(chart.data["columns"], chart.data["values"][0], strict=True)) == {
        "present, said present": 3,
        "present, said absent": 1,
        "absent, said present": 0,
        "absent, said absent": 6,
    }


def test_of_many_classes_the_most_confused_are_shown():
    names = [f"class {i:02}" for i in range(40)]
    counts = {name: {name: 5} for name in names}
    for i in range(9, 39):
        counts[names[i]][names[i + 1]] = i
    evaluation = {"n": 999, "confusion": counts}
    chart = confusion({"task": "multiclass", "evaluation": evaluation}, names)
    assert chart.data["rows"] == names[10:]
    assert "The 30 of 40 classes: those with the largest confusions." in chart.caption


def test_values_are_json(found, hostile_run):
    for each in (found, named(hostile_run)):
        drawn = [asdict(chart) for chart in each.values() if isinstance(chart, Chart)]
        assert json.loads(json.dumps(drawn, allow_nan=False)) == drawn


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\ttab", "two lines tab"),
        ("a\u202eb\u2066c", "abc"),
        ("\x00\x1b[31mred", "[31mred"),
        ("\ud800", ""),
        ("price $x_1$", "price $x_1$"),
        ("🦓 zebra", f"{HOLE} zebra"),
        ("שלום", "שלום"),
        ("x" * 500, "x" * 20 + "…" + "x" * 19),
    ],
)
def test_labels_are_short_safe_lines(text, shown):
    assert short(text) == shown
    assert label(text) == shown.replace("$", r"\$")


def test_labels_that_look_alike_are_numbered():
    assert labels(["a" * 100 + "1", "b", "a" * 100 + "1", "b\x07"])[1:] == [
        "b",
        "a" * 20 + "…" + "a" * 18 + "1 (2)",
        "b (2)",
    ]
