"""Counterfactuals flip the model's own prediction, and nothing smaller does."""

from __future__ import annotations

import json
from typing import Any

import faithful_problems as problems
import numpy as np
import pytest

from pcbm.errors import InputError
from pcbm.faithfulness import Counterfactual, Range, counterfactuals
from pcbm.model import PostHocCBM, PostHocCBMRegressor, intervene

WIDE = 100.0


def wide(model: Any) -> Range:
    return Range(np.full(len(model.mean_), -WIDE), np.full(len(model.mean_), WIDE), "test")


def after(model: Any, x: np.ndarray, found: Counterfactual, share: float = 1.0) -> str:
    """Return what is predicted when a share of the change is made by intervention."""
    values = {
        c.concept: c.score[0] + share * (c.score[1] - c.score[0]) for c in found.flips[0].changes
    }
    return str(intervene(model, x[None], values).predicted_after[0])


@pytest.mark.parametrize("kind", ["softmax", "binary", "hybrid"])
def test_they_flip_to_the_target_and_a_little_less_does_not(
    kind: str, request: pytest.FixtureRequest
) -> None:
    model = request.getfixturevalue(kind)
    X, _ = problems.problem(n=40, classes=len(model.classes_), seed=1)
    predicted = model.predict(X)
    for x, label, found in zip(
        X, predicted, counterfactuals(model, X, within=wide(model)), strict=True
    ):
        assert (found.label, found.feasible, found.exact) == (label, True, True)
        assert len(found.flips[0].changes) == 1
        assert after(model, x, found) == found.target != label
        assert after(model, x, found, 0.999) == label
        costs = [flip.l1 for flip in found.flips]
        assert costs == sorted(costs)


def test_no_smaller_change_of_any_one_concept_reaches_the_runner_up(softmax: PostHocCBM) -> None:
    X, _ = problems.problem(n=3, classes=4, seed=2)
    for x, found in zip(X, counterfactuals(softmax, X, within=wide(softmax)), strict=True):
        limit = found.flips[0].l1 * 0.999
        for j, name in enumerate(softmax.concept_names_):
            for step in np.linspace(-limit, limit, 15):
                value = softmax.transform(x[None])[0, j] + step * softmax.scale_[j]
                reached = intervene(softmax, x[None], {name: value}).predicted_after[0]
                assert reached != found.target


def test_scores_stay_in_their_range_and_more_concepts_help_where_one_is_not_enough(
    softmax: PostHocCBM,
) -> None:
    X, _ = problems.problem(n=60, classes=4, seed=3)
    scores = softmax.transform(problems.problem(classes=4)[0])
    tight = Range.of(scores, "test", (0.2, 0.8))
    found = counterfactuals(softmax, X, within=tight)
    sizes = {len(item.flips[0].changes) for item in found if item.feasible}
    assert {1, 2} <= sizes
    for x, item in zip(X, found, strict=True):
        if not item.feasible:
            continue
        assert after(softmax, x, item) == item.target
        for change in item.flips[0].changes:
            j = softmax.concept_names_.index(change.concept)
            start = softmax.transform(x[None])[0, j]
            assert change.score[0] == pytest.approx(start)
            assert min(tight.low[j], start) - 1e-9 <= change.score[1]
            assert change.score[1] <= max(tight.high[j], start) + 1e-9


def test_what_no_change_in_the_range_can_flip_is_said_so(softmax: PostHocCBM) -> None:
    X, _ = problems.problem(n=3, classes=4, seed=4)
    point = Range(softmax.mean_, softmax.mean_, "test")
    found = counterfactuals(softmax, softmax.mean_[None], within=point)[0]
    assert not found.feasible
    assert "no change of concept scores inside their range" in found.text
    assert found.as_dict()["changes"] is None
    for x, item in zip(X, counterfactuals(softmax, X, within=point), strict=True):
        if item.feasible:  # only back toward the mean is allowed
            assert after(softmax, x, item) == item.target


def test_a_given_class_is_reached_and_not_merely_any_other(softmax: PostHocCBM) -> None:
    X, _ = problems.problem(n=40, classes=4, seed=5)
    predicted = softmax.predict(X)
    found = counterfactuals(softmax, X, within=wide(softmax), target="dog")
    for x, label, item in zip(X, predicted, found, strict=True):
        if label == "dog":
            assert item.flips[0].changes == ()
            assert "already" in item.text
        else:
            assert after(softmax, x, item) == "dog"


def test_a_label_of_many_is_turned_over() -> None:
    X, y = problems.problem(classes=3)
    Y = np.column_stack([y == "ant", y == "bee", X[:, 5] > 0.5]).astype(int)
    model = PostHocCBM(lam=0.02, n_lams=5).fit(X, Y)
    for x, item in zip(X[:20], counterfactuals(model, X[:20], within=wide(model)), strict=True):
        changes = item.flips[0].changes
        moved = intervene(model, x[None], {c.concept: c.score[1] for c in changes})
        assert (moved.predicted_before != moved.predicted_after).sum() == 1


def test_records_are_plain_json_and_faults_are_told(softmax: PostHocCBM) -> None:
    X, y = problems.problem(n=30, classes=4, seed=6)
    record = counterfactuals(softmax, X[:1], ["photo"], within=wide(softmax))[0].as_dict()
    assert json.loads(json.dumps(record)) == record
    assert {"id", "label", "target", "margin", "feasible", "exact", "changes", "n_changed", "l1",
            "alternatives", "text"} == set(record)  # fmt: skip
    assert set(record["changes"][0]) == {"concept", "score", "standardised"}
    assert record["alternatives"][0]["l1"] >= record["l1"]
    with pytest.raises(InputError, match="no class 'dgo': did you mean 'dog'"):
        counterfactuals(softmax, X, within=wide(softmax), target="dgo")
    regressor = PostHocCBMRegressor(lam=0.1, n_lams=5).fit(X, (y == "ant").astype(float))
    with pytest.raises(InputError, match="a regression has no prediction to flip"):
        counterfactuals(regressor, X, within=wide(regressor))
