"""Agreement with other libraries on shared problems, and with plain proximal steps."""

import numpy as np
import pytest
import statsmodels.api as sm
from elastic_net import FAMILIES, Objective
from sklearn.linear_model import ElasticNet, LogisticRegression

from pcbm.heads import elastic_net_path, standardise

N, K = 80, 6
CLOSE = 2e-5


def data(rows, seed=0):
    """Return standardised columns and a noisy linear signal (n, rows)."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(N, 3)) @ rng.normal(size=(3, K)) + rng.normal(size=(N, K))
    mean, scale = standardise(Z)
    Z = (Z - mean) / scale
    return Z, Z[:, :3] @ rng.normal(size=(3, rows)) + rng.normal(size=(N, rows))


def weights(seed=3):
    return np.random.default_rng(seed).integers(0, 4, N).astype(float)


def one(Z, y, lam, **options):
    """Return coefficients and intercepts at one strength."""
    path = elastic_net_path(Z, y, lams=[lam], tol=1e-9, **options)
    return path.coefs[0], path.intercepts[0]


def saga(lam, l1_ratio, total):
    return LogisticRegression(
        C=1 / (lam * total), l1_ratio=l1_ratio, solver="saga", tol=1e-9, max_iter=100_000
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l1_ratio", [0.99, 0.4, 0.0])
def test_binomial_is_scikit_learns_saga(l1_ratio, weighted):
    Z, signal = data(1)
    y = np.where(signal[:, 0] > 0.4, "yes", "no")
    w = weights() if weighted else np.ones(N)
    coef, intercept = one(Z, y, 0.03, family="binomial", l1_ratio=l1_ratio, sample_weight=w)
    theirs = saga(0.03, l1_ratio, w.sum()).fit(Z, y, sample_weight=w)
    np.testing.assert_allclose(coef, theirs.coef_, atol=CLOSE)
    np.testing.assert_allclose(intercept, theirs.intercept_, atol=CLOSE)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l1_ratio", [0.99, 0.4, 0.0])
def test_multinomial_is_scikit_learns_saga(l1_ratio, weighted):
    Z, signal = data(3)
    y = signal.argmax(axis=1)
    w = weights() if weighted else np.ones(N)
    coef, intercept = one(Z, y, 0.03, l1_ratio=l1_ratio, sample_weight=w)
    theirs = saga(0.03, l1_ratio, w.sum()).fit(Z, y, sample_weight=w)
    np.testing.assert_allclose(coef, theirs.coef_, atol=CLOSE)
    shift = theirs.intercept_.mean()
    np.testing.assert_allclose(intercept - intercept.mean(), theirs.intercept_ - shift, atol=CLOSE)


def test_binomial_lasso_is_liblinear_where_symmetry_makes_the_intercept_zero():
    Z, signal = data(1)
    y = signal[:, 0] > 0.4
    both, labels = np.vstack([Z, -Z]), np.r_[y, ~y]
    coef, intercept = one(both, labels, 0.02, family="binomial", l1_ratio=1.0)
    theirs = LogisticRegression(
        C=1 / (0.02 * 2 * N), l1_ratio=1.0, solver="liblinear", fit_intercept=False, tol=1e-10
    ).fit(both, labels)
    np.testing.assert_allclose(coef, theirs.coef_, atol=CLOSE)
    np.testing.assert_allclose(intercept, 0, atol=1e-7)


def test_labels_of_a_matrix_are_separate_logistic_regressions():
    Z, signal = data(3)
    y = (signal > 0).astype(int)
    coef, intercept = one(Z, y, 0.02, family="multilabel")
    for k in range(3):
        theirs = saga(0.02, 0.99, N).fit(Z, y[:, k])
        np.testing.assert_allclose(coef[k], theirs.coef_[0], atol=CLOSE)
        np.testing.assert_allclose(intercept[k], theirs.intercept_[0], atol=CLOSE)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.99, 0.4])
def test_gaussian_is_scikit_learns_elastic_net(l1_ratio, weighted):
    Z, y = data(2)
    w = weights() if weighted else None
    coef, intercept = one(Z, y, 0.05, family="gaussian", l1_ratio=l1_ratio, sample_weight=w)
    for k in range(2):
        theirs = ElasticNet(alpha=0.05, l1_ratio=l1_ratio, tol=1e-12, max_iter=100_000)
        theirs.fit(Z, y[:, k], sample_weight=w)
        np.testing.assert_allclose(coef[k], theirs.coef_, atol=1e-6)
        assert intercept[k] == pytest.approx(theirs.intercept_, abs=1e-6)


def test_offset_of_a_gaussian_is_subtracted_from_the_target():
    Z, y = data(2)
    offset = np.random.default_rng(1).normal(size=y.shape)
    coef, intercept = one(Z, y, 0.05, family="gaussian", offset=offset)
    for k in range(2):
        theirs = ElasticNet(alpha=0.05, l1_ratio=0.99, tol=1e-12).fit(Z, (y - offset)[:, k])
        np.testing.assert_allclose(coef[k], theirs.coef_, atol=1e-6)
        assert intercept[k] == pytest.approx(theirs.intercept_, abs=1e-6)


def test_penalty_factors_of_a_lasso_are_scales_of_its_columns():
    Z, y = data(1)
    factor = np.linspace(0.3, 2, K)
    options = {"family": "gaussian", "l1_ratio": 1.0, "penalty_factor": factor}
    coef, _ = one(Z, y[:, 0], 0.05, **options)
    theirs = ElasticNet(alpha=0.05, l1_ratio=1.0, tol=1e-12).fit(Z / factor, y[:, 0])
    np.testing.assert_allclose(coef[0], theirs.coef_ / factor, atol=1e-6)


def test_columns_held_at_zero_equal_columns_left_out():
    Z, signal = data(3)
    y = signal.argmax(axis=1)
    kept = np.array([True, False, True, True, False, True])
    coef, _ = one(Z, y, 0.02, free=np.tile(kept, (3, 1)))
    theirs = saga(0.02, 0.99, N).fit(Z[:, kept], y)
    np.testing.assert_allclose(coef[:, kept], theirs.coef_, atol=CLOSE)
    assert not coef[:, ~kept].any()


def test_each_row_of_a_matrix_of_labels_has_its_own_free_columns():
    Z, signal = data(3)
    y = (signal > 0).astype(int)
    free = np.random.default_rng(5).random((3, K)) > 0.4
    coef, _ = one(Z, y, 0.02, family="multilabel", free=free)
    for k in range(3):
        theirs = saga(0.02, 0.99, N).fit(Z[:, free[k]], y[:, k])
        np.testing.assert_allclose(coef[k, free[k]], theirs.coef_[0], atol=CLOSE)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.7])
def test_binomial_with_offset_and_factors_is_statsmodels(l1_ratio):
    Z, signal = data(1)
    y = (signal[:, 0] > 0.4).astype(int)
    offset = np.random.default_rng(1).normal(size=N)
    factor = np.r_[0.0, np.linspace(0.5, 2, K - 1)]
    options = {"family": "binomial", "offset": offset, "penalty_factor": factor}
    coef, intercept = one(Z, y, 0.03, l1_ratio=l1_ratio, **options)
    model = sm.GLM(y, sm.add_constant(Z), family=sm.families.Binomial(), offset=offset)
    theirs = model.fit_regularized(
        alpha=0.03 * np.r_[0.0, factor], L1_wt=l1_ratio, maxiter=2000, cnvrg_tol=1e-12
    )
    np.testing.assert_allclose(np.r_[intercept, coef[0]], theirs.params, atol=1e-4)


def test_unpenalised_binomial_columns_are_the_maximum_likelihood():
    Z, signal = data(1)
    y = (signal[:, 0] + np.random.default_rng(2).normal(size=N) > 0).astype(int)
    coef, intercept = one(Z, y, 1.0, family="binomial", penalty_factor=np.zeros(K))
    theirs = sm.Logit(y, sm.add_constant(Z)).fit(disp=False, tol=1e-12)
    np.testing.assert_allclose(np.r_[intercept, coef[0]], theirs.params, atol=1e-6)


def test_unpenalised_softmax_columns_are_the_maximum_likelihood():
    Z, signal = data(3)
    y = (signal + 3 * np.random.default_rng(2).normal(size=signal.shape)).argmax(axis=1)
    coef, intercept = one(Z, y, 1.0, penalty_factor=np.zeros(K))
    theirs = sm.MNLogit(y, sm.add_constant(Z)).fit(disp=False, tol=1e-12, maxiter=200)
    ours = np.column_stack([intercept, coef])
    np.testing.assert_allclose((ours[1:] - ours[0]).T, theirs.params, atol=1e-5)


@pytest.mark.slow  # it compiles for twenty seconds
def test_binomial_is_skglms():
    skglm = pytest.importorskip("skglm")
    Z, signal = data(1)
    y = np.where(signal[:, 0] > 0.4, 1.0, -1.0)
    coef, intercept = one(Z, y, 0.03, family="binomial", l1_ratio=0.8)
    theirs = skglm.GeneralizedLinearEstimator(
        skglm.datafits.Logistic(),
        skglm.penalties.L1_plus_L2(0.03, 0.8),
        skglm.solvers.ProxNewton(tol=1e-10, fit_intercept=True),
    ).fit(np.asfortranarray(Z), y)
    np.testing.assert_allclose(coef[0], np.ravel(theirs.coef_), atol=CLOSE)
    np.testing.assert_allclose(intercept, np.ravel(theirs.intercept_), atol=CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_option_together_is_what_plain_proximal_steps_find(family):
    rows = 1 if family == "binomial" else 3
    Z, signal = data(rows, seed=4)
    y = {"gaussian": signal, "multilabel": signal > 0, "binomial": signal[:, 0] > 0}
    y = y.get(family, signal.argmax(axis=1))
    rng = np.random.default_rng(6)
    options = {
        "family": family,
        "l1_ratio": 0.8,
        "sample_weight": weights(),
        "offset": rng.normal(size=(N, rows)),
        "free": rng.random((rows, K)) > 0.3,
        "penalty_factor": rng.uniform(0.5, 2, K),
    }
    coef, intercept = one(Z, y, 0.05, **options)
    reference, level = Objective.of(Z, y, 0.05, **options).minimise(tol=1e-7)
    np.testing.assert_allclose(coef, reference, atol=CLOSE)
    if family in ("multinomial", "grouped"):
        intercept, level = intercept - intercept.mean(), level - level.mean()
    np.testing.assert_allclose(intercept, level, atol=CLOSE)
    assert 0 < (coef != 0).sum() < options["free"].sum()


def test_grouped_columns_are_what_plain_proximal_steps_find():
    Z, signal = data(4, seed=8)
    y = signal.argmax(axis=1)
    for lam in (0.1, 0.03):
        coef, _ = one(Z, y, lam, family="grouped")
        reference, _ = Objective.of(Z, y, lam, family="grouped").minimise(tol=1e-7)
        np.testing.assert_allclose(coef, reference, atol=CLOSE)
        whole = (coef != 0).all(axis=0)
        np.testing.assert_array_equal(whole, (coef != 0).any(axis=0))
