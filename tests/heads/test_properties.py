"""What must hold for any data: symmetries of the problem, and data at its edges."""

import warnings

import numpy as np
import pytest
from elastic_net import FAMILIES, Objective
from head_problems import CLOSE, assert_optimal, assert_same, draw, families, few, fit, seeds
from hypothesis import given
from hypothesis import strategies as st

from pcbm.heads import (
    SparseLinearHead,
    SparseLinearRegressor,
    elastic_net_path,
    probabilities,
    standardise,
)


@few
@given(families, seeds)
def test_order_of_rows_and_columns_does_not_matter(family, seed):
    Z, y = draw(family, seed)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(len(Z)), rng.permutation(Z.shape[1])
    coef, intercept = fit(Z, y, family)
    other = fit(Z[rows][:, columns], y[rows], family)
    assert_same((coef[:, columns], intercept), other, family)


@few
@given(st.sampled_from(["multinomial", "grouped", "multilabel", "gaussian"]), seeds)
def test_order_of_classes_permutes_the_rows_of_coefficients(family, seed):
    Z, y = draw(family, seed)
    order = np.random.default_rng(seed).permutation(3)
    coef, intercept = fit(Z, y, family)
    renamed = order[y] if y.ndim == 1 else y[:, np.argsort(order)]
    other = fit(Z, renamed, family)
    assert_same((coef, intercept), (other[0][order], other[1][order]), family)


@few
@given(seeds)
def test_swapping_two_classes_changes_the_sign(seed):
    Z, y = draw("binomial", seed)
    coef, intercept = fit(Z, y, "binomial")
    assert_same(fit(Z, 1 - y, "binomial"), (-coef, -intercept), "binomial")


@few
@given(families, seeds)
def test_moving_a_column_moves_only_the_intercept(family, seed):
    Z, y = draw(family, seed)
    shift = np.random.default_rng(seed).normal(size=Z.shape[1])
    coef, intercept = fit(Z, y, family)
    assert_same(fit(Z + shift, y, family), (coef, intercept - coef @ shift), family)


@few
@given(families, seeds)
def test_turning_a_column_round_turns_its_coefficients(family, seed):
    Z, y = draw(family, seed)
    sign = np.random.default_rng(seed).choice([-1.0, 1.0], Z.shape[1])
    coef, intercept = fit(Z, y, family)
    assert_same(fit(Z * sign, y, family), (coef * sign, intercept), family)


@few
@given(families, seeds)
def test_weights_equal_replication_and_zero_equals_absence(family, seed):
    Z, y = draw(family, seed)
    weight = np.random.default_rng(seed).integers(0, 4, len(Z))
    weight[:5] = 1
    rows = np.repeat(np.arange(len(Z)), weight)
    weighted = fit(Z, y, family, sample_weight=weight)
    assert_same(weighted, fit(Z[rows], y[rows], family), family)
    assert_same(weighted, fit(Z, y, family, sample_weight=7.5 * weight), family)
    kept = weight > 0
    assert_same(weighted, fit(Z[kept], y[kept], family, sample_weight=weight[kept]), family)


def test_class_seen_only_with_weight_zero_has_no_row():
    Z, y = draw("multinomial", 0)
    path = elastic_net_path(Z, y, lams=[0.1], sample_weight=(y != 1).astype(float))
    assert path.classes.tolist() == [0, 2]
    assert path.coefs.shape == (1, 2, 6)


@few
@given(families, seeds)
def test_warm_start_does_not_change_the_answer(family, seed):
    Z, y = draw(family, seed)
    rng = np.random.default_rng(seed)
    coef, intercept = fit(Z, y, family)
    start = (rng.normal(size=coef.shape), rng.normal(size=intercept.shape))
    assert_same(fit(Z, y, family, start=start), (coef, intercept), family)
    assert_same(fit(Z, y, family, start=(coef, intercept)), (coef, intercept), family)


def test_start_outside_the_free_coefficients_is_brought_back_to_zero():
    Z, y = draw("multinomial", 1)
    free = np.ones((3, 6), bool)
    free[0, 2] = free[1, 0] = False
    start = (np.full((3, 6), 5.0), np.zeros(3))
    other = fit(Z, y, "multinomial", free=free, start=start)
    assert not other[0][~free].any()
    assert_same(fit(Z, y, "multinomial", free=free), other, "multinomial")


@few
@given(st.sampled_from(["multinomial", "binomial", "multilabel", "gaussian"]), seeds)
def test_same_call_gives_the_same_bytes(family, seed):
    Z, y = draw(family, seed)
    paths = [elastic_net_path(Z, y, family=family, n_lams=5) for _ in range(2)]
    assert paths[0].coefs.tobytes() == paths[1].coefs.tobytes()
    assert paths[0].intercepts.tobytes() == paths[1].intercepts.tobytes()


@few
@given(st.sampled_from([2, 3]), seeds)
def test_units_of_columns_do_not_matter_to_the_estimators(classes, seed):
    X, y = draw("multinomial", seed, rows=classes)
    rng = np.random.default_rng(seed)
    units, origin = 10.0 ** rng.uniform(-4, 4, X.shape[1]), rng.normal(size=X.shape[1])
    head = SparseLinearHead(lam=0.02, n_lams=5, tol=1e-7).fit(X, y)
    other = SparseLinearHead(lam=0.02, n_lams=5, tol=1e-7).fit((X + origin) * units, y)
    np.testing.assert_allclose(other.coef_, head.coef_, **CLOSE)
    scores = other.decision_function((X + origin) * units)
    np.testing.assert_allclose(scores, head.decision_function(X), atol=1e-4)


@few
@given(seeds)
def test_unit_of_a_regression_target_scales_the_path(seed):
    X, y = draw("gaussian", seed, rows=1)
    one = SparseLinearRegressor(n_lams=6, tol=1e-7).fit(X, y[:, 0])
    other = SparseLinearRegressor(n_lams=6, tol=1e-7, l1_ratio=0.99).fit(X, 1e3 * y[:, 0] + 7)
    np.testing.assert_allclose(other.path_.lams, 1e3 * one.path_.lams, rtol=1e-9)
    assert other.path_.nec.tolist()[0] == 0


@few
@given(families, seeds)
def test_duplicate_columns_share_one_coefficient(family, seed):
    Z, y = draw(family, seed)
    Z = np.column_stack([Z, Z[:, 0]])
    coef, intercept = fit(Z, y, family, l1_ratio=0.5)
    np.testing.assert_allclose(coef[:, 0], coef[:, -1], atol=1e-5)
    assert Objective.of(Z, y, 0.03, family=family, l1_ratio=0.5).violation(coef, intercept) < 2e-8


@pytest.mark.parametrize("family", FAMILIES)
def test_duplicate_columns_under_a_lasso_are_optimal_and_worth_one(family):
    Z, y = draw(family, 3)
    twice = np.column_stack([Z, Z])
    path = elastic_net_path(twice, y, family=family, l1_ratio=1.0, n_lams=6, tol=1e-6)
    assert_optimal(twice, y, path, 1e-6, l1_ratio=1.0)
    single = elastic_net_path(Z, y, family=family, l1_ratio=1.0, n_lams=6, tol=1e-6)
    if family != "grouped":  # the norm of a group is not additive in copies of a column
        np.testing.assert_allclose(path.objective, single.objective, rtol=1e-6)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@few
@given(families, seeds, st.sampled_from([0.0, 1.0, 100.0]))
def test_constant_columns_get_zero(family, seed, level):
    Z, y = draw(family, seed)
    Z = np.column_stack([Z[:, :3], np.full(len(Z), level), Z[:, 3:]])
    path = elastic_net_path(Z, y, family=family, n_lams=4, lam_min_ratio=0.02, tol=1e-5)
    assert not path.coefs[:, :, 3].any()
    assert path.coefs[-1].any()


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("family", FAMILIES)
def test_constant_columns_alone_leave_the_null_model(family):
    _, y = draw(family, 0)
    Z = np.ones((len(y), 2)) * [0.0, 3.0]
    path = elastic_net_path(Z, y, family=family, n_lams=4)
    assert np.isfinite(path.lams).all()
    assert not path.coefs.any()
    np.testing.assert_allclose(path.deviance, 0, atol=1e-12)
    shares = np.bincount(y) / len(y) if y.ndim == 1 else y.mean(axis=0)
    if family == "gaussian":
        np.testing.assert_allclose(path.intercepts[0], shares, atol=1e-9)
    else:
        found = probabilities(path.decision(Z, 0), family)[0]
        np.testing.assert_allclose(found, shares, atol=1e-6)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e8 / 3, 1e-9 / 7])
def test_column_constant_up_to_rounding_has_scale_one_and_no_coefficient(value):
    X, y = draw("multinomial", 0)
    X[:, 2] = value
    mean, scale = standardise(X)
    assert scale[2] == 1
    head = SparseLinearHead(lam=1e-3, n_lams=5).fit(X, y)
    assert head.scale_[2] == 1
    assert not head.coef_[:, 2].any()
    assert mean[2] == pytest.approx(value)


@pytest.mark.parametrize("family", ["multinomial", "grouped", "binomial", "multilabel"])
def test_perfect_separation_converges_over_the_whole_grid(family):
    rng = np.random.default_rng(0)
    label = np.arange(45) % (2 if family == "binomial" else 3)
    Z = np.eye(3)[label] * 10 + 0.1 * rng.normal(size=(45, 3))
    y = np.eye(3, dtype=int)[label] if family == "multilabel" else label
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        path = elastic_net_path(Z, y, family=family, n_lams=30, lam_min_ratio=1e-5)
    assert len(path) == 30
    assert_optimal(Z, y, path, 1e-3)
    assert path.deviance[-1] > 0.999
    assert np.isfinite(path.coefs).all()


@few
@given(families, seeds)
def test_fewer_rows_than_columns(family, seed):
    Z, y = draw(family, seed, n=12, K=40)
    path = elastic_net_path(Z, y, family=family, n_lams=6, tol=1e-6)
    assert_optimal(Z, y, path, 1e-6)


def test_rows_fewer_than_classes_with_one_sample_each():
    Z = np.random.default_rng(0).normal(size=(8, 5))
    y = np.array(list("abcdefgg"))
    for family in ("multinomial", "grouped"):
        path = elastic_net_path(Z, y, family=family, n_lams=10)
        assert path.coefs.shape == (10, 7, 5)
        assert_optimal(Z, y, path, 1e-3)


def test_one_rare_positive_among_many():
    Z = np.random.default_rng(0).normal(size=(3000, 4))
    y = np.zeros(3000, int)
    y[17] = 1
    for family in ("binomial", "multinomial"):
        path = elastic_net_path(Z, y, family=family, n_lams=20, tol=1e-4)
        assert_optimal(Z, y, path, 1e-4)


def test_label_column_that_is_always_the_same_stays_at_its_intercept():
    Z, y = draw("multilabel", 0)
    y[:, 1] = 1
    path = elastic_net_path(Z, y, family="multilabel", n_lams=8)
    assert not path.coefs[:, 1].any()
    assert (path.intercepts[:, 1] > 5).all()
    assert np.isfinite(path.objective).all()
    alone = elastic_net_path(Z, y[:, [0, 2]], family="multilabel", lams=path.lams, tol=1e-6)
    np.testing.assert_allclose(path.coefs[:, [0, 2]], alone.coefs, atol=5e-3)


@pytest.mark.parametrize("scale", [1e-8, 1e-4, 1e4, 1e8])
@pytest.mark.parametrize("family", FAMILIES)
def test_scale_of_all_columns_scales_a_lasso(family, scale):
    Z, y = draw(family, 2)
    one = elastic_net_path(Z, y, family=family, l1_ratio=1.0, n_lams=5, lam_min_ratio=0.05)
    other = elastic_net_path(
        Z * scale, y, family=family, l1_ratio=1.0, n_lams=5, lam_min_ratio=0.05
    )
    np.testing.assert_allclose(other.lams, one.lams * scale, rtol=1e-9)
    np.testing.assert_allclose(other.objective, one.objective, rtol=1e-4)
    np.testing.assert_allclose(other.deviance, one.deviance, atol=1e-3)


@pytest.mark.parametrize("scale", [1e-100, 1e-30, 1e30, 1e100])
def test_estimators_bear_columns_of_any_size(scale):
    X, y = draw("multinomial", 2)
    head = SparseLinearHead(lam=0.02, n_lams=4).fit(X, y)
    other = SparseLinearHead(lam=0.02, n_lams=4).fit(X * scale, y)
    np.testing.assert_allclose(other.coef_, head.coef_, atol=1e-6)
    np.testing.assert_array_equal(other.predict(X * scale), head.predict(X))


def test_columns_of_very_different_sizes_converge():
    Z, y = draw("multinomial", 4)
    Z = Z * 10.0 ** np.arange(-3, 3)
    path = elastic_net_path(Z, y, n_lams=10, tol=1e-5)
    assert_optimal(Z, y, path, 1e-5)


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("shift", [10.0, 100.0, 1e4])
@pytest.mark.parametrize("family", FAMILIES)
def test_column_far_from_zero_converges(family, shift):
    Z, y = draw(family, 4)
    far = Z + shift * np.eye(6)[1]
    path = elastic_net_path(far, y, family=family, n_lams=6, tol=1e-3)
    assert path.kkt.max() <= 1e-3
    plain = elastic_net_path(Z, y, family=family, lams=path.lams, tol=1e-6)
    np.testing.assert_allclose(path.objective, plain.objective, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_one_column_is_enough(family):
    Z, y = draw(family, 6)
    path = elastic_net_path(Z[:, :1], y, family=family, n_lams=6, tol=1e-6)
    assert path.coefs.shape[2] == 1
    assert_optimal(Z[:, :1], y, path, 1e-6)


def test_many_classes():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(300, 10))
    y = np.r_[np.arange(60), (2 * Z[60:] @ rng.normal(size=(10, 60))).argmax(axis=1)]
    for family in ("multinomial", "grouped"):
        path = elastic_net_path(Z, y, family=family, n_lams=6, lam_min_ratio=0.03)
        assert path.coefs.shape == (6, 60, 10)
        assert_optimal(Z, y, path, 1e-3)
