"""Calibration and confusion, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from pcbm.model.calibration import calibration, confusion

CLASSES = np.array(["cow", "ant", "bee"])  # not sorted on purpose


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = CLASSES[rng.integers(0, 3, 400)]
    logits = rng.normal(size=(400, 3)) + 1.2 * (y[:, None] == CLASSES)
    return y, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def test_bins_equal_those_of_scikit_learn(rows: tuple) -> None:
    y, proba = rows
    found = calibration(y, proba, CLASSES, "multiclass", bins=10)
    right = CLASSES[proba.argmax(axis=1)] == y
    share, confidence = calibration_curve(right, proba.max(axis=1), n_bins=10)
    assert [row["share"] for row in found["bins"]] == pytest.approx(share)
    assert [row["confidence"] for row in found["bins"]] == pytest.approx(confidence)
    assert sum(row["n"] for row in found["bins"]) == found["n"] == 400
    assert found["share"] == pytest.approx(right.mean())


def test_the_error_is_the_gap_weighted_by_rows() -> None:
    y = np.array(["yes", "no", "no", "no"])
    second = np.array([0.9, 0.9, 0.2, 0.2])
    found = calibration(
        y, np.column_stack([1 - second, second]), np.array(["no", "yes"]), "binary", bins=10
    )
    assert [(row["low"], row["high"], row["n"]) for row in found["bins"]] == [
        (0.7, 0.8, 2),
        (0.8, 0.9, 2),
    ]
    assert found["ece"] == pytest.approx(0.5 * abs(1.0 - 0.8) + 0.5 * abs(0.5 - 0.9))


def test_a_calibrated_predictor_has_a_small_error_and_an_overconfident_one_has_not() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(20_000)
    y = np.where(rng.random(20_000) < p, "b", "a")
    classes = np.array(["a", "b"])
    fair = calibration(y, np.column_stack([1 - p, p]), classes, "binary")
    sure = np.where(p > 0.5, 0.99, 0.01)
    bold = calibration(y, np.column_stack([1 - sure, sure]), classes, "binary")
    assert fair["ece"] < 0.02 < 0.2 < bold["ece"]
    assert bold["confidence"] > bold["share"]


def test_every_label_of_every_row_counts_in_a_multilabel_task() -> None:
    y = np.array([[1, 0], [1, 1]])
    found = calibration(y, np.full((2, 2), 0.5), np.array(["a", "b"]), "multilabel")
    assert found["n"] == 4
    assert found["bins"][0]["share"] == 0.75
    assert found["ece"] == pytest.approx(0.25)
    assert confusion(y, np.array([[1, 1], [0, 1]]), np.array(["a", "b"]), "multilabel") == {
        "a": {"present": {"absent": 1, "present": 1}},
        "b": {"absent": {"present": 1}, "present": {"present": 1}},
    }


def test_confusion_equals_scikit_learn_and_leaves_zeros_out(rows: tuple) -> None:
    y, proba = rows
    predicted = CLASSES[proba.argmax(axis=1)]
    predicted[y == "bee"] = "cow"
    found = confusion(y, predicted, CLASSES, "multiclass")
    table = confusion_matrix(y, predicted, labels=CLASSES)
    full = [[found[a].get(b, 0) for b in CLASSES] for a in CLASSES]
    assert np.array_equal(full, table)
    assert found["bee"] == {"cow": int((y == "bee").sum())}
