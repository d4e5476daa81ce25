from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.svm import SVC

from pcbm.concepts.svm import svm_path


def objective(X, y, costs, w, b) -> float:
    return float(w @ w / 2 + costs @ np.maximum(0, 1 - y * (X @ w + b)))


def violation(X, y, costs, beta) -> float:
    """Return the largest violation of the optimality conditions, from their definition."""
    slope = 1 - y * (X @ (beta @ X))  # of the dual, by alpha
    alpha = y * beta
    assert abs(beta.sum()) <= 1e-9 * max(np.abs(beta).max(), 1)
    assert (alpha >= 0).all() and (alpha <= costs).all()
    grow = np.where(y > 0, alpha < costs, alpha > 0) & (costs > 0)
    shrink = np.where(y > 0, alpha > 0, alpha < costs) & (costs > 0)
    return float((y * slope)[grow].max() - (y * slope)[shrink].min())


def problem(n, d, seed=0, shift=1.0, positives=None):
    """Return correlated rows far from the origin, and labels of two overlapping clouds."""
    rng = np.random.default_rng(seed)
    y = np.where(np.arange(n) < (positives or n // 2), 1.0, -1.0)
    X = rng.standard_normal((n, d)) / np.sqrt(1 + np.arange(d))
    X[:, 0] += shift * y / 2
    return (X + 3 * rng.standard_normal(d)) @ np.linalg.qr(rng.standard_normal((d, d)))[0], y


def centred_gram(X):
    Z = X - X.mean(axis=0)
    return Z @ Z.T


@settings(deadline=None, derandomize=True, max_examples=25)
@given(
    st.integers(6, 40),
    st.integers(1, 50),
    st.integers(-4, 4),
    st.floats(0.1, 0.9),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 1.0, 8.0]),
    st.integers(0, 100),
)
def test_it_is_the_machine_of_libsvm(n, d, power, share, copies, weighted, shift, seed) -> None:
    X, y = problem(n, d, seed, shift, positives=min(max(round(n * share), 1), n - 1))
    if copies:
        X[1::3] = X[0]  # copies within a side and across sides
    weights = np.random.default_rng(seed).uniform(0.5, 2, n) if weighted else np.ones(n)
    # Far beyond the hard margin LIBSVM itself takes minutes on some overlapping problems.
    costs = 10.0**power * weights / (X.var(axis=0).sum() * max(1, n / d))
    path = svm_path(centred_gram(X), y, costs[None], tol=1e-7)
    w, b = path.coefficients[0] @ X, path.intercepts[0] - path.coefficients[0] @ X @ X.mean(axis=0)
    machine = SVC(C=1.0, kernel="linear", tol=1e-6).fit(X, y, sample_weight=costs)
    theirs = objective(X, y, costs, machine.coef_[0], machine.intercept_[0])
    ours = objective(X, y, costs, w, b)
    assert ours <= theirs * (1 + 1e-6)
    assert ours == pytest.approx(path.objectives[0], rel=1e-6)
    assert path.violations[0] <= 1e-7
    assert violation(X - X.mean(axis=0), y, costs, path.coefficients[0]) <= 1e-6
    if w @ w > 0.01 * ours:  # else the loss decides, and the direction is ill-determined
        cosine = w @ machine.coef_[0] / np.linalg.norm(w) / np.linalg.norm(machine.coef_)
        assert cosine > 0.99999


COSTS = np.array([0.001, 0.1, 1.0, 30.0, 1000.0])


@pytest.mark.parametrize(("n", "d"), [(40, 90), (60, 8)])
def test_a_warm_start_ends_where_a_cold_one_does(n, d) -> None:
    X, y = problem(n, d, seed=1)
    gram = centred_gram(X)
    cold_starts = {cost: svm_path(gram, y, np.full((1, n), cost), tol=1e-8) for cost in COSTS}
    for costs in (COSTS, COSTS[::-1]):
        path = svm_path(gram, y, np.repeat(costs[:, None], n, axis=1), tol=1e-8)
        for p, cost in enumerate(costs):
            alone = cold_starts[cost]
            assert path.objectives[p] == pytest.approx(alone.objectives[0], rel=1e-6)
            assert path.intercepts[p] == pytest.approx(alone.intercepts[0], abs=1e-5)
            w, cold = path.coefficients[p] @ X, alone.coefficients[0] @ X
            assert np.linalg.norm(w - cold) <= 1e-5 * np.linalg.norm(cold)


def test_warm_starts_save_steps() -> None:
    X, y = problem(120, 10, seed=1)
    costs, gram = np.repeat(COSTS[:, None], 120, axis=1), centred_gram(X)
    cold = [svm_path(gram, y, row[None]).n_steps.sum() for row in costs]
    assert svm_path(gram, y, costs).n_steps.sum() < sum(cold)


def test_rows_without_cost_are_left_out_but_get_their_margin() -> None:
    X, y = problem(60, 20, seed=2)
    inside = np.random.default_rng(0).random(60) < 0.8
    gram = centred_gram(X)
    masked = svm_path(gram, y, np.where(inside, 0.3, 0.0)[None], tol=1e-8)
    part, costs = gram[np.ix_(inside, inside)], np.full((1, inside.sum()), 0.3)
    alone = svm_path(part, y[inside], costs, tol=1e-8)
    assert (masked.coefficients[0, ~inside] == 0).all()
    assert masked.objectives[0] == pytest.approx(alone.objectives[0], rel=1e-6)
    w = masked.coefficients[0] @ X
    margins = (X - X.mean(axis=0)) @ w + masked.intercepts[0]
    assert np.allclose(masked.margins[0], margins, atol=1e-9)


def test_the_gap_bounds_what_is_missing_to_the_minimum() -> None:
    X, y = problem(80, 15, seed=3)
    costs = np.full((1, 80), 2.0)
    best = svm_path(centred_gram(X), y, costs, tol=1e-9).objectives[0]
    for tol in (1.0, 0.1, 1e-3):
        rough = svm_path(centred_gram(X), y, costs, tol=tol)
        assert 0 <= rough.objectives[0] - best <= rough.gaps[0] * rough.objectives[0] + 1e-9
        assert rough.violations[0] <= tol


def test_a_limit_of_steps_shows_in_the_violation() -> None:
    X, y = problem(80, 15, seed=3)
    path = svm_path(centred_gram(X), y, np.full((2, 80), 5.0), max_steps=7)
    assert (path.n_steps <= 7).all() and path.violations[1] > 0.01 and path.gaps[1] > 0.01


def test_rows_that_are_all_copies_give_no_direction_and_no_error() -> None:
    y = np.array([1.0, 1.0, 1.0, -1.0])
    path = svm_path(np.zeros((4, 4)), y, np.ones((1, 4)))
    assert path.objectives[0] == pytest.approx(2.0) and path.violations[0] <= 1e-4
    assert path.intercepts[0] == pytest.approx(1.0)


def test_intercepts_within_the_slack_are_as_good_and_others_are_not() -> None:
    X, y = problem(60, 20, seed=4)
    costs = np.repeat([[1e-4], [1.0]], 60, axis=1)
    path = svm_path(centred_gram(X), y, costs, tol=1e-9)
    assert path.slacks[0] > 0.1 and path.slacks[1] == 0
    Z, w = X - X.mean(axis=0), path.coefficients[0] @ X
    best = objective(Z, y, costs[0], w, path.intercepts[0])
    for share in (-1.0, -0.5, 0.7, 1.0):
        moved = objective(Z, y, costs[0], w, path.intercepts[0] + share * path.slacks[0])
        assert moved == pytest.approx(best, rel=1e-9)
    assert objective(Z, y, costs[0], w, path.intercepts[0] + 1.1 * path.slacks[0]) > best * 1.0001
