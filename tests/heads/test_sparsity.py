"""Heads of an asked NEC: exactly, by truncation, by a refit on the support."""

import numpy as np
import pytest
from elastic_net import FAMILIES, Objective
from selection_problems import N, a_path, problem
from sklearn.linear_model import LogisticRegression

from pcbm.heads import (
    SparseLinearHead,
    SparseLinearRegressor,
    at_point,
    elastic_net_path,
    exact_nec,
    kkt_violation,
    nec,
    refitted,
    select_by_nec,
    truncated_nec,
)
from pcbm.heads.sparsity import REFIT_RIDGE, on_path

COARSE = {"n_lams": 5, "tol": 1e-4}


@pytest.mark.parametrize("family", FAMILIES)
def test_exact_is_a_solution_with_the_number_asked_for(family):
    Z, y = problem(family)
    path = elastic_net_path(Z, y, family=family, **COARSE)
    for n in range(1, 6):
        found = exact_nec(path, Z, y, n)
        assert path.nec[select_by_nec(path, n)] <= found.nec <= n
        assert found.nec == nec(found.coef)
        assert found.note is None
        assert found.nec == n
        assert found.how == "exact"
        violation = kkt_violation(Z, y, found.coef, found.intercept, found.lam, family=family)
        assert violation <= 1.01e-4


def test_exact_takes_fractions_of_a_concept():
    Z, y = problem("multinomial")
    path = elastic_net_path(Z, y, **COARSE)
    assert exact_nec(path, Z, y, 7 / 3).nec == pytest.approx(7 / 3)
    assert exact_nec(path, Z, y, 2.5).nec == pytest.approx(7 / 3)  # 7 of at most 7.5 coefficients


def test_exact_says_what_enters_together():
    Z, y = problem("binomial")
    path = elastic_net_path(Z, y, **COARSE)  # a softmax of two classes: mirrored rows
    assert exact_nec(path, Z, y, 2).note is None
    found = exact_nec(path, Z, y, 2.5)
    assert found.nec == 2
    assert "NEC 2 is the largest reachable at most 2.5: 2 coefficients enter" in found.note


def test_exact_says_when_the_path_is_too_short():
    Z, y = problem("binomial")
    path = elastic_net_path(Z, y, family="binomial", n_lams=4, lam_min_ratio=0.9)
    found = exact_nec(path, Z, y, 8)
    assert found.nec == path.nec.max()
    assert "lower lam_min_ratio" in found.note
    assert "lower lam_min_ratio" in truncated_nec(path, 8).note


def test_exact_with_weights_is_exact_with_repeated_rows():
    Z, y = problem("multinomial")
    weight = np.random.default_rng(2).integers(0, 4, N)
    rows = np.repeat(np.arange(N), weight)
    path = elastic_net_path(Z[rows], y[rows], **COARSE)
    one = exact_nec(path, Z, y, 3, sample_weight=weight)
    other = exact_nec(path, Z[rows], y[rows], 3)
    assert one.lam == pytest.approx(other.lam, rel=1e-9)
    np.testing.assert_allclose(one.coef, other.coef, atol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_truncation_keeps_the_largest_coefficients_of_the_first_dense_enough_point(family):
    Z, y = problem(family)
    path = elastic_net_path(Z, y, family=family, **COARSE)
    for n in (0, 1, 2, 4):
        found = truncated_nec(path, n)
        source = int(np.argmax(path.nec >= n))
        assert found.nec == n
        assert found.lam == path.lams[source]
        kept = found.coef != 0
        np.testing.assert_array_equal(found.coef[kept], path.coefs[source][kept])
        np.testing.assert_array_equal(found.intercept, path.intercepts[source])
        dropped = np.abs(path.coefs[source][~kept]).max(initial=0.0)
        assert dropped <= np.abs(found.coef[kept]).min(initial=np.inf)


def test_truncation_of_equal_coefficients_keeps_the_first():
    found = truncated_nec(a_path([0, 4, 8], [3, 2, 1]), 1.5)
    assert np.flatnonzero(found.coef).tolist() == [0, 1, 2]
    assert (found.nec, found.lam, found.how) == (1.5, 2.0, "truncate")


@pytest.mark.parametrize("family", FAMILIES)
def test_refit_is_optimal_on_its_support(family):
    Z, y = problem(family)
    weight = np.random.default_rng(5).uniform(0.5, 2, N)
    path = elastic_net_path(Z, y, family=family, sample_weight=weight, n_lams=8)
    point = at_point(path, select_by_nec(path, 3))
    found = refitted(point, Z, y, family=family, sample_weight=weight)
    np.testing.assert_array_equal(found.coef != 0, point.coef != 0)
    settings = {"family": family, "l1_ratio": 0.0, "sample_weight": weight}
    smooth = Objective.of(Z, y, REFIT_RIDGE, free=point.coef != 0, **settings)
    assert smooth.violation(found.coef, found.intercept) <= 1.01e-3
    assert smooth.loss(found.coef, found.intercept) < smooth.loss(point.coef, point.intercept)
    assert (found.lam, found.how) == (point.lam, "refit")


def test_refit_is_scikit_learns_ridge_on_the_kept_columns():
    Z, y = problem("binomial")
    path = elastic_net_path(Z, y, family="binomial", **COARSE)
    point = at_point(path, select_by_nec(path, 3))
    found = refitted(point, Z, y, family="binomial", tol=1e-6)
    kept = point.coef[0] != 0
    theirs = LogisticRegression(C=1 / (N * REFIT_RIDGE), tol=1e-10, max_iter=10_000)
    theirs.fit(Z[:, kept], y)
    np.testing.assert_allclose(found.coef[0, kept], theirs.coef_[0], atol=1e-5)


WAYS = [
    {"lam": 0.02},
    {"selection": "bic"},
    {"selection": "cv_1se"},
    {"concepts_per_class": 2, "nec_rule": "exact"},
    {"concepts_per_class": 2, "nec_rule": "truncate"},
    {"concepts_per_class": 2, "nec_rule": "refit"},
]


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        *(("multinomial", settings) for settings in WAYS),
        *((family, WAYS[0]) for family in ("binomial", "multilabel", "gaussian")),
    ],
)
def test_nonnegative_heads_stay_so_by_every_way_of_choosing(family, settings):
    Z, y = problem(family)
    cls = SparseLinearRegressor if family == "gaussian" else SparseLinearHead
    head = cls(nonnegative=True, n_lams=8, **settings).fit(Z, y)
    assert (head.coef_ >= 0).all()
    assert (head.coef_ > 0).any()
    assert (cls(n_lams=8, **settings).fit(Z, y).coef_ < 0).any()
    if "lam" in settings:
        scores = (Z - Z.mean(axis=0)) / Z.std(axis=0)
        found = (head.coef_, head.intercept_, head.lam_)
        assert kkt_violation(scores, y, *found, family=family, lower=0.0) <= 1.01e-3


def test_separable_classes_have_a_refit():
    Z, _ = problem("binomial")
    head = SparseLinearHead(concepts_per_class=1, nec_rule="refit", n_lams=10).fit(Z, Z[:, 0] > 0)
    assert np.isfinite(head.coef_).all()
    assert head.nec_ == 1
    assert head.score(Z, Z[:, 0] > 0) > 0.98


@pytest.mark.parametrize("rule", ["exact", "truncate", "refit"])
@pytest.mark.parametrize("family", FAMILIES)
def test_estimators_meet_an_nec_by_their_rule(family, rule):
    Z, y = problem(family)
    cls = SparseLinearRegressor if family == "gaussian" else SparseLinearHead
    extra = {"grouped": True} if family == "grouped" else {}
    plain = cls(concepts_per_class=3, n_lams=8, **extra).fit(Z, y)
    head = cls(concepts_per_class=3, n_lams=8, nec_rule=rule, **extra).fit(Z, y)
    assert head.selection_["how"] == rule
    assert head.nec_ == nec(head.coef_)
    if rule == "refit":
        np.testing.assert_array_equal(head.coef_ != 0, plain.coef_ != 0)
        assert head.lam_ == plain.lam_
        assert np.abs(head.coef_).sum() > np.abs(plain.coef_).sum()
    else:
        assert head.nec_ == 3
    assert head.predict(Z).shape == y.shape


def test_a_point_far_below_the_nec_asked_for_says_why():
    Z, y = problem("multinomial")
    K = Z.shape[1]
    path = elastic_net_path(Z, y, n_lams=30, lam_min_ratio=1e-4, tol=1e-4)
    assert on_path(path, path.nec.max()).note is None
    assert on_path(path, 3 * K).note is None  # all that can be reached is reached
    for n in (K, 3 * K):
        note = exact_nec(path, Z, y, n).note
        assert ("there are only" if n > K else "classes") in note
    thin = elastic_net_path(Z, y, lams=path.lams[[0, -1]], tol=1e-4)
    assert "the next point of the path has" in on_path(thin, 2).note
    short = elastic_net_path(Z, y, lams=path.lams[:3], tol=1e-4)
    assert "lower lam_min_ratio" in on_path(short, 4).note
