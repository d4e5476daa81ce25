"""Labels of every kind, and what the estimators make of them."""

import numpy as np
import pytest
from elastic_net import Objective
from head_problems import draw, few, fit, seeds
from hypothesis import given
from hypothesis import strategies as st

from pcbm.heads import (
    SparseLinearHead,
    SparseLinearRegressor,
    elastic_net_path,
    kkt_violation,
    lam_max,
    probabilities,
)

NAMES = {
    "strings": ["zebra", "ant", "<b>&"],
    "integers": [-3, 10, 2],
    "floats": [2.0, -1.0, 7.0],
    "objects": np.array(["z", "a", "m"], dtype=object),
}


@pytest.mark.parametrize("kind", NAMES)
def test_labels_may_be_anything_and_rows_follow_their_sorted_order(kind):
    X, code = draw("multinomial", 7)
    names = np.asarray(NAMES[kind])
    y = names[code]
    head = SparseLinearHead(lam=0.02, n_lams=5, tol=1e-6).fit(X, y)
    np.testing.assert_array_equal(head.classes_, np.unique(y))
    plain = SparseLinearHead(lam=0.02, n_lams=5, tol=1e-6).fit(X, code)
    order = np.argsort(names)
    np.testing.assert_allclose(head.coef_, plain.coef_[order], atol=1e-5)
    np.testing.assert_array_equal(head.predict(X), names[plain.predict(X)])


@pytest.mark.parametrize(
    "names", [[False, True], [0, 1], ["neg", "pos"], [-1.0, 1.0], ["a", "b"]], ids=str
)
def test_positive_is_the_second_of_two_classes(names):
    X, code = draw("binomial", 7)
    head = SparseLinearHead(lam=0.02, n_lams=5).fit(X, np.asarray(names)[code])
    assert head.classes_.tolist() == names
    assert head.coef_.shape == (1, 6)
    scores = head.decision_function(X)
    assert scores[code == 1].mean() > scores[code == 0].mean()
    np.testing.assert_array_equal(head.predict(X), np.asarray(names)[(scores > 0).astype(int)])
    np.testing.assert_allclose(head.predict_proba(X)[:, 1], 1 / (1 + np.exp(-scores)))


def test_two_class_multinomial_is_not_binomial():
    Z, y = draw("binomial", 8)
    softmax, _ = fit(Z, y, "multinomial", lam=0.05)
    logistic, _ = fit(Z, y, "binomial", lam=0.05)
    assert softmax.shape == (2, 6)
    assert np.abs(softmax[1] - softmax[0] - logistic[0]).max() > 1e-3
    assert lam_max(Z, y, family="multinomial") == pytest.approx(lam_max(Z, y, family="binomial"))
    ridge, _ = fit(Z, y, "multinomial", lam=0.05, l1_ratio=0.0)
    half, _ = fit(Z, y, "binomial", lam=0.025, l1_ratio=0.0)
    np.testing.assert_allclose(ridge[1] - ridge[0], half[0], atol=1e-6)  # each row pays half of it


def test_common_shift_of_softmax_rows_costs_nothing_but_penalty():
    Z, y = draw("multinomial", 9)
    path = elastic_net_path(Z, y, lams=[0.02], tol=1e-7)
    moved = path.coefs[0] + 0.1
    assert kkt_violation(Z, y, moved, path.intercepts[0], 0.02) > 0.1
    shifted = kkt_violation(Z, y, path.coefs[0], path.intercepts[0] + 3.0, 0.02)
    assert shifted == pytest.approx(path.kkt[0], abs=1e-9)


@few
@given(st.sampled_from([2, 3]), seeds)
def test_estimator_is_the_path_on_standardised_columns(classes, seed):
    X, y = draw("multinomial", seed, rows=classes)
    X = X * [1, 2, 3, 4, 5, 6] + 1
    weight = np.random.default_rng(seed).integers(1, 4, len(X))
    head = SparseLinearHead(lam=0.02, n_lams=5, tol=1e-6).fit(X, y, sample_weight=weight)
    mean = weight @ X / weight.sum()
    scale = np.sqrt(weight @ (X - mean) ** 2 / weight.sum())
    np.testing.assert_allclose(head.mean_, mean, rtol=1e-12)
    np.testing.assert_allclose(head.scale_, scale, rtol=1e-12)
    family = "binomial" if classes == 2 else "multinomial"
    ours = Objective.of((X - mean) / scale, y, 0.02, family=family, sample_weight=weight)
    assert ours.violation(head.coef_, head.intercept_) <= 1.001e-6
    logits = ((X - mean) / scale) @ head.coef_.T + head.intercept_
    np.testing.assert_allclose(head.decision_function(X).reshape(len(X), -1), logits, atol=1e-9)
    np.testing.assert_allclose(head.predict_proba(X).sum(axis=1), 1, rtol=1e-12)


def test_balanced_classes_are_weights():
    X, y = draw("multinomial", 11)
    weight = len(y) / (3 * np.bincount(y)[y])
    one = SparseLinearHead(lam=0.03, class_weight="balanced", n_lams=4, tol=1e-7).fit(X, y)
    other = SparseLinearHead(lam=0.03, n_lams=4, tol=1e-7).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-9)
    assert np.abs(one.coef_ - SparseLinearHead(lam=0.03).fit(X, y).coef_).max() > 1e-3


def test_labels_in_a_matrix_are_predicted_each_alone():
    X, y = draw("multilabel", 12)
    head = SparseLinearHead(lam=0.02, n_lams=4).fit(X, y)
    assert head.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(head.predict(X), head.predict_proba(X) > 0.5)
    assert head.predict(X).shape == y.shape


def test_grouped_head_takes_whole_columns():
    X, y = draw("multinomial", 13)
    head = SparseLinearHead(concepts_per_class=3, grouped=True).fit(X, y)
    used = (head.coef_ != 0).sum(axis=0)
    assert set(used.tolist()) == {0, 3}
    assert head.family_ == "grouped"


def test_regressor_predicts_in_the_shape_of_its_target():
    X, y = draw("gaussian", 14)
    assert SparseLinearRegressor().fit(X, y[:, 0]).predict(X).shape == (40,)
    head = SparseLinearRegressor(lam=0.02, n_lams=4, tol=1e-7).fit(X, y)
    assert head.predict(X).shape == y.shape
    Z = (X - head.mean_) / head.scale_
    np.testing.assert_allclose(head.predict(X), Z @ head.coef_.T + head.intercept_, rtol=1e-9)
    ours = Objective.of(Z, y, 0.02, family="gaussian")
    assert ours.violation(head.coef_, head.intercept_) <= 1.001e-7


def test_logits_of_any_size_give_probabilities():
    for family in ("multinomial", "grouped", "multilabel"):
        found = probabilities([[1e4, -1e4, 0.0], [-800.0, -800.0, -801.0]], family)
        assert np.isfinite(found).all()
        assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(probabilities([-1000.0, 0.0, 1000.0], "binomial")[:, 1], [0, 0.5, 1])
    softmax = probabilities([[0.0, np.log(3.0)]], "multinomial")
    np.testing.assert_allclose(softmax, [[0.25, 0.75]])
