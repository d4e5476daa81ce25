"""Interventions: concept scores held at chosen values, checked against arithmetic by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pcbm import EditPlan, intervene
from pcbm.concepts import ConceptBank
from pcbm.errors import InputError
from pcbm.explain import explain_samples
from pcbm.model import PostHocCBM, PostHocCBMRegressor
from pcbm.model.run import row_names

CONCEPTS = ["stripes", "metal", "wings"]
BANK = ConceptBank(CONCEPTS, np.eye(3, 5) * [[1.0], [2.0], [0.5]], [0.0, 1.0, -1.0])


def rows(classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    y = rng.integers(0, classes, 150)
    X = rng.normal(size=(150, 5))
    X[np.arange(150), y] += 2.0
    return X, np.array(["bird", "car", "zebra"])[y]


@pytest.fixture(scope="module")
def models() -> dict[str, PostHocCBM | PostHocCBMRegressor]:
    X, y = rows(3)
    both = rows(2)
    labels = np.stack([y == "bird", X[:, 1] > 1], axis=1).astype(int)
    return {
        "softmax": PostHocCBM(BANK, lam=0.01, n_lams=5).fit(X, y),
        "binary": PostHocCBM(BANK, lam=0.01, n_lams=5).fit(*both),
        "hybrid": PostHocCBM(BANK, lam=0.05, n_lams=5, residual="linear").fit(*both),
        "multilabel": PostHocCBM(BANK, lam=0.01, n_lams=5).fit(X, labels),
        "regression": PostHocCBMRegressor(BANK, lam=0.01, n_lams=5).fit(X, X[:, 0] - 2 * X[:, 1]),
    }


@pytest.mark.parametrize("kind", ["softmax", "binary", "hybrid", "multilabel", "regression"])
def test_logits_move_by_coefficient_times_the_standardised_change(
    kind: str, models: dict[str, PostHocCBM]
) -> None:
    model, (X, _) = models[kind], rows(3)
    values = np.linspace(-1, 1, len(X))
    found = intervene(model, X, {"metal": 0.5, "stripes": values})
    scores = X[:, :2] + [0.0, 0.5]  # (v . f + b) / ||v|| by hand
    change = (np.column_stack([values, np.full(len(X), 0.5)]) - scores) / model.scale_[:2]
    expected = found.logits_before + change @ model.coef_[:, :2].T
    np.testing.assert_allclose(found.logits_after, expected, atol=1e-12)
    assert np.array_equal(found.predicted_before, model.predict(X))
    assert found.scores[:, 2].tobytes() == model.transform(X)[:, 2].tobytes()
    if kind == "regression":
        assert found.proba_after is None
        np.testing.assert_allclose(found.predicted_after, found.logits_after[:, 0])
    else:
        np.testing.assert_allclose(found.proba_before, model.predict_proba(X), atol=1e-12)
    if kind == "binary":
        assert np.array_equal(found.predicted_after == "car", found.logits_after[:, 0] > 0)


def test_a_score_held_where_it_is_changes_nothing(models: dict[str, PostHocCBM]) -> None:
    model, (X, _) = models["softmax"], rows(3)
    found = intervene(model, X, {"wings": model.transform(X)[:, 2]})
    assert found.logits_after.tobytes() == found.logits_before.tobytes()
    assert not found.changed.any()


def test_holding_at_the_training_mean_is_what_zeroing_says(models: dict[str, PostHocCBM]) -> None:
    model, (X, _) = models["softmax"], rows(3)
    found = intervene(model, X, {"metal": model.mean_[1]})
    zeroed = model.edit(EditPlan().zero("metal"))
    np.testing.assert_allclose(found.proba_after, zeroed.predict_proba(X), atol=1e-12)
    found = intervene(model, X, {"metal": 0.0})
    zeroed = model.edit(EditPlan().zero("metal", at="boundary"))
    np.testing.assert_allclose(found.proba_after, zeroed.predict_proba(X), atol=1e-12)


def test_the_residual_stays_and_that_is_said(models: dict[str, PostHocCBM]) -> None:
    model, (X, _) = models["hybrid"], rows(2)
    found = intervene(model, X, {"stripes": 3.0})
    alone = intervene(model.without_residual(), X, {"stripes": 3.0})
    np.testing.assert_allclose(
        found.logits_after - alone.logits_after, found.logits_before - alone.logits_before
    )
    assert "the residual reads the raw activations" in found.notes[0]
    assert alone.notes == ()


def test_contributions_add_up_to_the_margin_after_it(models: dict[str, PostHocCBM]) -> None:
    model, (X, _) = models["binary"], rows(2)
    samples = explain_samples(model, X, interventions={"stripes": 4.0})
    found = intervene(model, X, {"stripes": 4.0})
    for i, sample in enumerate(samples):
        assert sample["margin"] == pytest.approx(found.logits_after[i, 0])
        assert sample["label"] == found.predicted_after[i]
        assert sample["before"]["label"] == found.predicted_before[i]
        assert sample["before"]["proba"]["car"] == pytest.approx(found.proba_before[i, 1])
        held = {c["name"]: c["score"] for c in sample["concepts"]}
        assert held["stripes"] == 4.0
    assert 0 < found.changed.sum() < len(X)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no concept was given"),
        ({"stripe": 0}, "no concept 'stripe': did you mean 'stripes'?"),
        ({"stripes": float("nan")}, "'stripes' was given a score that is not a finite number"),
        ({"stripes": [np.inf] * 150}, "not a finite number"),
        ({"stripes": "0"}, "not a finite number"),
        ({"stripes": True}, "not a finite number"),
        ({"stripes": "much"}, "not a finite number"),
        ({"stripes": [0.0, 1.0]}, "values of shape (2,): give one number, or one for each of 150"),
    ],
)
def test_faults(values: dict, message: str, models: dict[str, PostHocCBM]) -> None:
    with pytest.raises(InputError) as caught:
        intervene(models["softmax"], rows(3)[0], values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_concept_without_weight_is_named(models: dict[str, PostHocCBM]) -> None:
    model = models["softmax"].edit(EditPlan().zero("wings"))
    found = intervene(model, rows(3)[0], {"wings": 9.0})
    assert found.notes == ("no coefficient uses 'wings', so nothing changes by it",)
    assert not found.changed.any()


def test_binary_signs_agree_in_head_hybrid_edit_and_explanation(
    models: dict[str, PostHocCBM],
) -> None:
    """More of a concept with a positive coefficient always argues for the second class."""
    X, _ = rows(2)
    for kind in ("binary", "hybrid"):
        model, _ = EditPlan().set("wings", 0.8).step(models[kind])
        assert row_names(model) == ["car"]
        assert model.classes_[1] == "car"
        more = intervene(model, X, {"wings": model.mean_[2] + 5 * model.scale_[2]})
        less = intervene(model, X, {"wings": model.mean_[2] - 5 * model.scale_[2]})
        assert (more.proba_after[:, 1] > less.proba_after[:, 1]).all()
        np.testing.assert_allclose(more.logits_after - less.logits_after, 10 * 0.8)
        clamped, _ = EditPlan().clamp("wings", "-").step(model)
        np.testing.assert_allclose(clamped.coef_[0, 2], 0.0)
        (sample,) = explain_samples(
            model, X[:1], interventions={"wings": model.mean_[2] + model.scale_[2]}
        )
        assert sample["toward"] == "car"
        contribution = {c["name"]: c["contribution"] for c in sample["concepts"]}["wings"]
        assert contribution == pytest.approx(0.8)
