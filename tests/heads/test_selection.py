"""Which point of a path is taken: by size, strength, BIC, or on held-out rows."""

import json
import math

import numpy as np
import pytest
from elastic_net import FAMILIES, Objective
from scipy.special import expit, log_softmax
from selection_problems import N, a_path, problem

from pcbm.heads import (
    SparseLinearHead,
    SparseLinearRegressor,
    bic,
    ebic,
    elastic_net_path,
    held_out_rows,
    nec,
    select_by_bic,
    select_by_ebic,
    select_by_lam,
    select_by_nec,
    validated_lam,
)


def test_nec_counts_sizes_above_the_threshold_as_a_mean_over_rows():
    assert nec([[1.0, 0.0, -2.0], [0.0, 1.01e-5, 1e-5]]) == 1.5
    assert nec([0.5, 0.0, 3.0]) == 2.0
    assert nec(np.zeros((4, 7))) == 0.0


def test_nec_rule_takes_the_largest_not_above_the_bound():
    path = a_path([0, 1, 2.5, 4, 3, 6], [6, 5, 4, 3, 2, 1])
    assert select_by_nec(path, 3.5) == 4  # also behind a point that is above the bound
    assert select_by_nec(path, 4) == 3
    assert select_by_nec(path, 2.9) == 2
    assert select_by_nec(path, 100) == 5
    assert select_by_nec(path, 0) == 0


def test_among_equal_necs_the_least_strength_is_taken():
    assert select_by_nec(a_path([0, 2, 2, 2, 5], [5, 4, 3, 2, 1]), 3) == 3
    assert select_by_nec(a_path([5, 2, 2, 0], [1, 2, 3, 5]), 3) == 1


def test_lam_is_found_where_its_digits_agree():
    path = a_path([0, 1, 2], [0.3, 0.1, 1 / 30])
    assert select_by_lam(path, 0.1) == 1
    assert select_by_lam(path, 0.03333333333333) == 2
    assert select_by_lam(path, float(str(path.lams[2]))) == 2


@pytest.mark.parametrize("family", FAMILIES)
def test_estimators_take_the_point_they_are_asked_for(family):
    Z, y = problem(family)
    cls = SparseLinearRegressor if family == "gaussian" else SparseLinearHead
    extra = {"grouped": True} if family == "grouped" else {}
    head = cls(concepts_per_class=2, n_lams=10, **extra).fit(Z, y)
    index = select_by_nec(head.path_, 2)
    assert head.nec_ == head.path_.nec[index] <= 2
    assert head.lam_ == head.path_.lams[index]
    np.testing.assert_array_equal(head.coef_, head.path_.coefs[index])
    np.testing.assert_array_equal(head.intercept_, head.path_.intercepts[index])
    given = cls(lam=0.0371, n_lams=6, **extra).fit(Z, y)
    assert given.lam_ == 0.0371
    assert len(given.path_) == 7
    scores = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    chosen = cls(n_lams=10, **extra).fit(Z, y)
    assert chosen.lam_ == chosen.path_.lams[select_by_bic(chosen.path_, scores, y)]


@pytest.mark.parametrize("family", FAMILIES)
def test_bic_is_its_formula(family):
    Z, y = problem(family)
    weight = np.random.default_rng(1).integers(0, 4, N)
    path = elastic_net_path(Z, y, family=family, n_lams=7, sample_weight=weight)
    total, expected = weight.sum(), []
    for coef, intercept in zip(path.coefs, path.intercepts, strict=True):
        freedom = (np.abs(coef) > 1e-5).sum() + len(intercept)
        if family == "gaussian":
            mse = weight @ (Z @ coef.T + intercept - y) ** 2 / total
            cost = total * np.log(mse).sum()
        else:
            ours = Objective.of(Z, y, 1.0, family=family, sample_weight=weight)
            cost = 2 * total * ours.loss(coef, intercept)
        expected.append(cost + np.log(total) * freedom)
    found = bic(path, Z, y, weight)
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    assert select_by_bic(path, Z, y, weight) == np.argmin(expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_bic_is_equal_for_weights_and_repeated_rows(family):
    Z, y = problem(family)
    weight = np.random.default_rng(2).integers(0, 4, N)
    rows = np.repeat(np.arange(N), weight)
    path = elastic_net_path(Z, y, family=family, n_lams=7)
    np.testing.assert_allclose(bic(path, Z, y, weight), bic(path, Z[rows], y[rows]), rtol=1e-10)
    cls = SparseLinearRegressor if family == "gaussian" else SparseLinearHead
    one = cls(n_lams=7).fit(Z, y, sample_weight=weight)
    other = cls(n_lams=7).fit(Z[rows], y[rows])
    assert one.lam_ == pytest.approx(other.lam_, rel=1e-9)
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_ebic_adds_the_number_of_models_of_a_size(family):
    Z, y = problem(family)
    path = elastic_net_path(Z, y, family=family, n_lams=7)
    plain = bic(path, Z, y)
    for gamma in (0.0, 0.5, 1.0):
        found = ebic(path, Z, y, gamma=gamma)
        for i, coef in enumerate(path.coefs):
            chosen = np.abs(coef) > 1e-5
            chosen = chosen.any(axis=0) if family == "grouped" else chosen
            models = math.comb(chosen.size, int(chosen.sum()))
            assert found[i] == pytest.approx(plain[i] + 2 * gamma * math.log(models), rel=1e-10)
        assert select_by_ebic(path, Z, y, gamma=gamma) == found.argmin()


def test_ebic_leaves_noise_out_where_bic_takes_it():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(100, 300))
    y = Z[:, 0] + rng.normal(size=100)
    path = elastic_net_path(Z, y, family="gaussian", n_lams=30, lam_min_ratio=0.15)
    assert path.nec[select_by_ebic(path, Z, y)] == 1 < path.nec[select_by_bic(path, Z, y)]


def test_bic_of_a_perfect_regression_is_finite():
    Z, _ = problem("gaussian")
    path = elastic_net_path(Z, Z[:, 0], family="gaussian", n_lams=12, lam_min_ratio=1e-8)
    assert np.isfinite(bic(path, Z, Z[:, 0])).all()
    assert np.isfinite(bic(path, Z, np.ones(N))).all()


# Held-out rows


def test_held_out_rows_are_stratified_sorted_and_seeded():
    labels = np.repeat(["a", "b", "c"], [100, 50, 10])
    np.random.default_rng(0).shuffle(labels)
    held = held_out_rows(labels, 0.2, 7)
    names, counts = np.unique(labels[held], return_counts=True)
    assert dict(zip(names.tolist(), counts.tolist(), strict=True)) == {"a": 20, "b": 10, "c": 2}
    assert (np.diff(held) > 0).all()
    np.testing.assert_array_equal(held, held_out_rows(labels, 0.2, 7))
    assert held.tolist() != held_out_rows(labels, 0.2, 8).tolist()


def test_every_class_keeps_a_row_outside():
    labels = np.array([0, 1, 1, 2, 2, 2])
    held = held_out_rows(labels, 0.95, 0)
    rest = np.setdiff1d(np.arange(6), held)
    assert set(labels[rest].tolist()) == {0, 1, 2}
    assert set(labels[held].tolist()) == {1, 2}


def test_number_of_rows_alone_is_enough():
    held = held_out_rows(50, 0.3, 1)
    assert len(held) == 15 == len(set(held.tolist()))
    assert held.min() >= 0
    assert held.max() < 50


def row_scores(family, measure, eta, y, classes):
    """Return the score of every row, from its formula."""
    if family == "gaussian":
        return -0.5 * ((eta - y) ** 2).sum(axis=1)
    if family == "multilabel":
        probability = np.where(y == 1, expit(eta), expit(-eta))
        right = (probability > 0.5).mean(axis=1)
        return right if measure == "accuracy" else np.log(probability).sum(axis=1)
    if family == "binomial":
        eta = np.column_stack([np.zeros(len(eta)), eta])
    code = np.array([classes.tolist().index(label) for label in y.tolist()])
    if measure == "accuracy":
        return (eta.argmax(axis=1) == code).astype(float)
    return log_softmax(eta, axis=1)[np.arange(len(y)), code]


@pytest.mark.parametrize(
    ("family", "measure"),
    [(f, m) for f in FAMILIES for m in ("accuracy", "loss") if (f, m) != ("gaussian", "accuracy")],
)
def test_one_standard_error_rule_recomputed(family, measure):
    Z, y = problem(family)
    settings = {"family": family, "n_lams": 8, "tol": 1e-3}
    lam, record = validated_lam(Z, y, seed=3, validation=0.3, measure=measure, **settings)
    labelled = y.ndim == 1
    held = held_out_rows(y if labelled else N, 0.3, 3)
    rest = np.setdiff1d(np.arange(N), held)
    assert (record.n_train, record.n_validation) == (len(rest), len(held))
    path = elastic_net_path(Z[rest], y[rest], **settings)
    scores = np.array(
        [
            row_scores(family, measure, path.decision(Z[held], i), y[held], path.classes)
            for i in range(8)
        ]
    )
    mean, error = scores.mean(axis=1), scores.std(axis=1, ddof=1) / np.sqrt(len(held))
    np.testing.assert_allclose(record.score, mean, atol=1e-12)
    np.testing.assert_allclose(record.standard_error, error, rtol=1e-9, atol=1e-15)
    best = int(mean.argmax())
    enough = [i for i in range(8) if mean[i] >= mean[best] - error[best]]
    index = min(enough, key=lambda i: (path.nec[i], -path.lams[i]))
    assert (record.best_index, record.index) == (best, index)
    assert lam == record.lam == pytest.approx(path.lams[index], rel=1e-12)
    assert path.nec[index] <= path.nec[best]
    least, at_best = validated_lam(
        Z, y, seed=3, validation=0.3, measure=measure, rule="min", **settings
    )
    assert least == pytest.approx(path.lams[best], rel=1e-12)
    assert at_best.index == at_best.best_index == best


def test_validation_record_is_json_and_its_seed_decides():
    Z, y = problem("multinomial")
    lam, record = validated_lam(Z, y, n_lams=8, seed=5)
    again = validated_lam(Z, y, n_lams=8, seed=5)
    assert (lam, record) == again
    plain = json.loads(json.dumps(record.to_dict()))
    assert plain["seed"] == 5
    assert plain["rule"] == "1se"
    assert len(plain["lams"]) == len(plain["score"]) == len(plain["nec"]) == 8
    assert record.score != validated_lam(Z, y, n_lams=8, seed=6)[1].score


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_of_one_size_do_not_matter_to_validation(family):
    Z, y = problem(family)
    lam, record = validated_lam(Z, y, family=family, n_lams=8)
    same, other = validated_lam(Z, y, family=family, n_lams=8, sample_weight=np.full(N, 3.0))
    assert same == pytest.approx(lam, rel=1e-12)
    np.testing.assert_allclose(other.score, record.score, atol=1e-6)
    np.testing.assert_allclose(other.standard_error, record.standard_error, atol=1e-6)


def test_validation_weighs_its_rows():
    Z, y = problem("multinomial")
    weight = np.random.default_rng(3).uniform(0.5, 3, N)
    _, record = validated_lam(Z, y, n_lams=8, tol=1e-5, sample_weight=weight, seed=2)
    held = held_out_rows(y, 0.2, 2)
    rest = np.setdiff1d(np.arange(N), held)
    path = elastic_net_path(Z[rest], y[rest], n_lams=8, tol=1e-5, sample_weight=weight[rest])
    for i in range(8):
        right = path.classes[path.decision(Z[held], i).argmax(axis=1)] == y[held]
        assert record.score[i] == pytest.approx(np.average(right, weights=weight[held]), abs=1e-12)


def test_class_of_weight_zero_is_no_class_to_validation():
    Z, y = problem("multinomial")
    weight = (y != "z").astype(float)
    kept = weight > 0
    path = elastic_net_path(Z[kept], y[kept], n_lams=8)
    for measure in ("accuracy", "loss"):
        lam, record = validated_lam(Z, y, n_lams=8, sample_weight=weight, measure=measure)
        assert np.isfinite(record.score).all()
        assert 0.3 * path.lams[-1] < lam < 3 * path.lams[0]
