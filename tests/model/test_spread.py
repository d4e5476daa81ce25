"""Intervals of every figure: against references, alone and beside another model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pcbm.model.intervals import Resampling, wilson
from pcbm.model.resample import auc_draws, mean_draws, row_counts
from pcbm.model.spread import (
    Answers,
    Judged,
    compared_intervals,
    error_intervals,
    figure_intervals,
    one_side,
)

FEW = Resampling(repeats=60, seed=3)


def binary(n: int, gap: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3 == 0
    return y, rng.normal(size=n) + gap * y


def test_areas_of_resamples_are_those_of_scikit_learn_on_the_drawn_rows() -> None:
    y, score = binary(80, 1.0, 0)
    score = np.round(score, 1)  # ties
    drawn = auc_draws(y[:, None], score[:, None], FEW)
    assert drawn is not None
    (counts,) = row_counts(80, FEW)
    assert (counts.sum(axis=1) == 80).all()
    for count, area in zip(counts, drawn[:, 0], strict=True):
        assert area == pytest.approx(roc_auc_score(y, score, sample_weight=count))


def test_rows_are_drawn_within_their_strata() -> None:
    strata = np.repeat([0, 1, 2], [1, 5, 20])
    (counts,) = row_counts(26, FEW, strata)
    for value, size in ((0, 1), (1, 5), (2, 20)):
        assert (counts[:, strata == value].sum(axis=1) == size).all()
    means = mean_draws(np.arange(26.0)[:, None], FEW, strata)
    np.testing.assert_allclose(means[:, 0], counts @ np.arange(26.0) / 26)


def test_the_interval_of_an_area_holds_as_often_as_it_says() -> None:
    truth = 0.7602  # P(N(1, 1) > N(0, 1)) = Phi(1 / sqrt 2)
    held, worlds = 0, 150
    for world in range(worlds):
        y, score = binary(120, 1.0, world)
        proba = np.column_stack([-score, score])
        judged = Judged(y, np.array([False, True]), "binary")
        found = figure_intervals(judged, Answers(y, proba), Resampling(300, world))
        low, high = found["auc"]
        held += low <= truth <= high
    assert 0.9 <= held / worlds <= 0.993


def answered(seed: int = 0) -> tuple[Judged, Answers, Answers]:
    rng = np.random.default_rng(seed)
    classes = np.array(["ant", "bee", "cat"])
    y = classes[rng.integers(0, 3, 200)]
    sides = []
    for gap in (0.8, 1.6):
        score = rng.normal(size=(200, 3)) + gap * (y[:, None] == classes)
        sides.append(Answers(classes[score.argmax(axis=1)], score))
    group = np.where(rng.random(200) < 0.3, "few", "many")
    return Judged(y, classes, "multiclass", group), *sides


def many_labels(seed: int = 0) -> tuple[Judged, Answers, Answers]:
    rng = np.random.default_rng(seed)
    y = (rng.random((150, 3)) < [0.5, 0.3, 0.1]).astype(int)
    sides = []
    for gap in (0.3, 0.6):
        score = rng.random((150, 3)) + gap * y
        sides.append(Answers((score > 0.8).astype(int), score))
    return Judged(y, np.array(["a", "b", "c"]), "multilabel"), *sides


def numbers(seed: int = 0) -> tuple[Judged, Answers, Answers]:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=150) + 1000
    sides = [Answers(y + noise * rng.normal(size=150)) for noise in (1.0, 0.3)]
    return Judged(y, None, "regression", np.repeat(["a", "b", "c"], 50)), *sides


@pytest.mark.parametrize("make", [answered, many_labels, numbers])
def test_the_intervals_of_a_model_are_the_same_alone_and_beside_another(make: Any) -> None:
    truth, before, after = make()
    both = compared_intervals(truth, before, after)
    assert one_side(both, "before") == figure_intervals(truth, before)
    assert one_side(both, "after") == figure_intervals(truth, after)
    assert compared_intervals(truth, before, after) == both
    figure = "r2" if truth.task == "regression" else "auc"
    assert both[figure]["difference"][0] > 0
    other = compared_intervals(truth, before, after, Resampling(seed=1))
    assert other[figure] != both[figure]


def test_labels_have_intervals_that_hold_their_figures() -> None:
    truth, _, after = many_labels()
    found = figure_intervals(truth, after)
    hits = after.predicted == truth.y
    balanced = np.mean(
        [
            (hits[:, j][truth.y[:, j] == 1].mean() + hits[:, j][truth.y[:, j] == 0].mean()) / 2
            for j in range(3)
        ]
    )
    for name, value in (("label_accuracy", hits.mean()), ("balanced_accuracy", balanced)):
        low, high = found[name]
        assert low < value < high
        assert high - low < 0.15
    assert found["per_class"]["a"] == wilson(int(hits[:, 0].sum()), 150)
    assert set(found["per_class_auc"]) == {"a", "b", "c"}


def test_what_no_resample_changes_is_not_certain_for_ever() -> None:
    classes, y = np.array(["a", "b"]), np.repeat(["a", "b"], [6, 30])
    proba = (y[:, None] == classes).astype(float)
    truth = Judged(y, classes, "binary", np.repeat(["x", "y"], [10, 26]))
    found = figure_intervals(truth, Answers(y, proba))
    assert found["auc"] == found["per_class_auc"]["a"] == wilson(6, 6)
    assert found["worst_group"] == wilson(10, 10)
    assert found["balanced_accuracy"] == wilson(20, 20)  # 4 / (1 / 6 + 1 / 30)
    equal = Judged(np.repeat(["a", "b"], 10), classes, "binary")
    proba = (equal.y[:, None] == classes).astype(float)
    assert figure_intervals(equal, Answers(equal.y, proba))["balanced_accuracy"] == wilson(20, 20)


def test_what_is_not_there_has_no_interval() -> None:
    truth, before, _ = answered()
    absent = Judged(truth.y, np.array(["ant", "bee", "cat", "dog"]), "multiclass")
    proba = np.column_stack([before.proba, np.zeros(200)])
    found = figure_intervals(absent, Answers(before.predicted, proba))
    assert found["per_class"]["dog"] is None
    assert found["per_class_auc"]["dog"] is None
    assert found["worst_group"] is None
    assert found["auc"] is not None
    assert figure_intervals(truth, Answers(before.predicted))["auc"] is None
    huge = np.broadcast_to(np.zeros((1, 1)), (200_000, 100))
    assert auc_draws(huge.astype(bool), huge, FEW) is None


def test_the_largest_error_of_a_group_has_an_interval() -> None:
    truth, before, _ = numbers()
    found = error_intervals(truth.y, before.predicted, before.predicted, truth.group)
    tops = [low for low, _ in (each["after"] for each in found["per_group"].values())]
    low, high = found["worst_group"]["after"]
    assert low >= max(tops) - 1e-9
    errors = [
        np.sqrt(np.mean((truth.y - before.predicted)[truth.group == name] ** 2))
        for name in ("a", "b", "c")
    ]
    assert low < max(errors) < high
