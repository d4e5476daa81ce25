"""The pieces of the solver, each against its definition."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from pcbm.heads.anderson import Extrapolation
from pcbm.heads.datafits import Gaussian, Logistic, Multinomial
from pcbm.heads.inputs import check_problem
from pcbm.heads.metric import gram, row_blocks, whole_block
from pcbm.heads.newton import newton_group_step, newton_step
from pcbm.heads.quadratic import descend, descend_groups, shift_rows
from pcbm.heads.sampling import bending_rows, inclusion

N, K, C = 60, 4, 3
NOTHING = np.empty((0, 1), np.intp)
NO_BOUNDS = np.empty((C, 0)), np.empty((C, 0))
NO_LIMITS = np.empty(0), np.empty(0)


def softmax_problem(seed=0, n=N):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, K))
    y = (Z @ rng.normal(size=(K, C)) + rng.gumbel(size=(n, C))).argmax(axis=1)
    problem, _ = check_problem(Z, y, "multinomial", rng.uniform(0.5, 2, n), None, None)
    return problem, rng.normal(size=(C, K)), rng.normal(size=C)


def gradient(problem, theta):
    theta = theta.reshape(C, K + 1)
    point = problem.point(np.ascontiguousarray(theta[:, :-1]), theta[:, -1].copy())
    return np.column_stack([point.slopes, point.level]).ravel()


def numeric_hessian(problem, coef, intercept, step=1e-5):
    theta = np.column_stack([coef, intercept]).ravel()
    columns = [
        (gradient(problem, theta + step * e) - gradient(problem, theta - step * e)) / (2 * step)
        for e in np.eye(len(theta))
    ]
    return np.array(columns)


@pytest.mark.parametrize("kind", ["multinomial", "logistic", "gaussian"])
def test_slope_and_curvature_are_derivatives_of_the_loss(kind):
    rng = np.random.default_rng(1)
    weights = rng.dirichlet(np.ones(N))
    targets = rng.integers(0, 2, (C, N)).astype(float)
    datafit = {
        "multinomial": Multinomial(rng.integers(0, C, N), weights, C),
        "logistic": Logistic(targets, weights),
        "gaussian": Gaussian(targets, weights),
    }[kind]
    eta, step = 2 * rng.normal(size=(C, N)), 1e-5
    found = datafit.evaluate(eta.copy())
    curvature = np.broadcast_to(datafit.curvature(datafit.response(eta.copy())), eta.shape)
    for k, i in [(0, 0), (1, 7), (2, 30)]:
        move = np.zeros_like(eta)
        move[k, i] = step
        up, down = datafit.evaluate(eta + move), datafit.evaluate(eta - move)
        assert found.slope[k, i] == pytest.approx((up.value - down.value) / (2 * step), rel=1e-4)
        second = (up.slope[k, i] - down.slope[k, i]) / (2 * step)
        assert curvature[k, i] == pytest.approx(second, rel=1e-4)


def test_losses_survive_predictors_of_any_size():
    weights = np.array([0.5, 0.5])
    eta = np.array([[1e4, -1e4], [0.0, 0.0]])

    def loss(datafit, rows):
        return datafit.evaluate(eta[:rows].copy()).value

    assert loss(Multinomial(np.array([0, 1]), weights, 2), 2) == 0.0
    assert loss(Multinomial(np.array([1, 0]), weights, 2), 2) == pytest.approx(1e4)
    assert loss(Logistic(np.array([[1.0, 0.0]]), weights), 1) == 0.0
    assert loss(Logistic(np.array([[0.0, 1.0]]), weights), 1) == pytest.approx(1e4)


def test_whole_block_is_the_hessian_and_blocks_bound_half_of_it():
    problem, coef, intercept = softmax_problem()
    expected = numeric_hessian(problem, coef, intercept)
    everything = np.ones((C, K + 1), bool)
    whole = whole_block(problem, coef, intercept, everything)[0]
    np.testing.assert_allclose(whole, expected, atol=1e-7)
    blocks = row_blocks(problem, coef, intercept)
    size = K + 1
    apart = np.zeros_like(whole)
    for k in range(C):
        own = slice(k * size, (k + 1) * size)
        np.testing.assert_allclose(blocks[k], expected[own, own], atol=1e-7)
        apart[own, own] = blocks[k]
    assert np.linalg.eigvalsh(2 * apart - whole).min() >= -1e-12


def test_whole_block_over_some_coordinates_is_that_part_of_it():
    problem, coef, intercept = softmax_problem(2)
    chosen = np.random.default_rng(0).random((C, K + 1)) < 0.5
    chosen[:, -1] = True
    whole = whole_block(problem, coef, intercept, np.ones_like(chosen))[0]
    part = whole_block(problem, coef, intercept, chosen)[0]
    np.testing.assert_allclose(part, whole[np.ix_(chosen.ravel(), chosen.ravel())], atol=1e-12)


def test_gram_is_the_weighted_second_moment():
    problem, _, _ = softmax_problem(3)
    plain = np.vstack([problem.features.values, np.ones(N)])
    expected = (plain * problem.datafit.weights) @ plain.T
    np.testing.assert_allclose(gram(problem), expected, atol=1e-12)


def penalised(rng, size, l1=0.3, l2=0.05):
    root = rng.normal(size=(size, 2 * size))
    M = root @ root.T / (2 * size)
    g = rng.normal(size=size)
    return M, g, np.full(size, l1), np.full(size, l2)


def violation(q, u, l1, l2):
    smooth = q + l2 * u
    at_zero = np.maximum(np.abs(smooth) - l1, 0)
    return np.where(u == 0, at_zero, np.abs(smooth + np.copysign(np.minimum(l1, 1e300), u))).max()


def test_descent_minimises_independent_blocks_and_keeps_the_gradient():
    rng = np.random.default_rng(0)
    M, g, l1, l2 = (np.array(a) for a in zip(*[penalised(rng, 8) for _ in range(3)], strict=True))
    l1[:, -1] = 0.0
    l1[1, 2] = np.inf
    q, u = g.copy(), np.zeros_like(g)
    worst = descend(M, q, u, l1, l2, *NO_BOUNDS, 1e-12, 10_000, NOTHING)
    assert (worst <= 1e-12).all()
    for k in range(3):
        np.testing.assert_allclose(q[k], g[k] + M[k] @ u[k], atol=1e-10)
        assert violation(q[k], u[k], l1[k], l2[k]) < 1e-10
    assert u[1, 2] == 0.0


def test_newton_steps_end_what_descent_alone_cannot():
    rng = np.random.default_rng(4)
    _, g, l1, l2 = penalised(rng, 30, l1=0.5, l2=1e-6)
    root = rng.normal(size=(30, 60)) / 8
    root[:15] = root[15:] + 1e-3 * root[:15]  # almost duplicate columns
    M, g[:15] = root @ root.T, g[15:]
    q, u = g[None].copy(), np.zeros((1, 30))
    descend(M[None], q, u, l1[None], l2[None], *NO_BOUNDS, 1e-12, 1000, NOTHING)
    assert violation(q[0], u[0], l1, l2) > 1e-4
    for _ in range(30):
        newton_step(M, q[0], u[0], l1, l2, *NO_LIMITS)
        descend(M[None], q, u, l1[None], l2[None], *NO_BOUNDS, 1e-12, 20, NOTHING)
    assert violation(q[0], u[0], l1, l2) < 1e-10


def test_newton_step_never_raises_the_model():
    for seed in range(30):
        rng = np.random.default_rng(seed)
        M, g, l1, l2 = penalised(rng, 12, l1=0.2)
        u = np.where(rng.random(12) < 0.6, rng.normal(size=12), 0.0)
        q = g + M @ u

        def value(v, M=M, g=g, l1=l1, l2=l2):
            return g @ v + 0.5 * v @ M @ v + l1 @ np.abs(v) + 0.5 * l2 @ v**2

        before = value(u)
        zero = u == 0
        newton_step(M, q, u, l1, l2, *NO_LIMITS)
        assert value(u) <= before
        assert not u[zero].any()
        np.testing.assert_allclose(q, g + M @ u, atol=1e-10)


@pytest.mark.parametrize("whole", [False, True])
def test_group_descent_and_newton_reach_the_minimum(whole):
    rng = np.random.default_rng(5)
    width = K + 1
    l1, l2 = np.r_[np.full(K, 0.25), 0.0], np.r_[np.full(K, 0.02), 0.0]
    blocks = np.array([penalised(rng, width)[0] for _ in range(C)])
    M = blocks
    if whole:
        apart = np.zeros((C * width, C * width))
        for k in range(C):
            apart[k * width : (k + 1) * width, k * width : (k + 1) * width] = blocks[k]
        M = apart[None]
    g = rng.normal(size=(C, width))
    q, u, free = g.copy(), np.zeros((C, width)), np.ones((C, width), bool)
    for _ in range(5):
        worst = descend_groups(M, q, u, l1, l2, free, 1e-12, 5)
        newton_group_step(M, q, u, l1, l2, free)
    assert worst < 1e-10
    np.testing.assert_allclose(q, g + np.einsum("kij,kj->ki", blocks, u), atol=1e-10)
    norms = np.linalg.norm(u, axis=0)
    smooth = q + l2 * u
    for j in range(K):
        if norms[j]:
            np.testing.assert_allclose(smooth[:, j], -l1[j] * u[:, j] / norms[j], atol=1e-9)
        else:
            assert np.linalg.norm(smooth[:, j]) <= l1[j] + 1e-9
    np.testing.assert_allclose(smooth[:, -1], 0, atol=1e-9)


@pytest.mark.parametrize("rows", [2, 3, 4, 7])
@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_shift_of_a_softmax_column_costs_least(rows, l2):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        b = np.where(rng.random(rows) < 0.7, rng.normal(size=rows), 0.0)
        u = np.r_[b, rng.normal(size=rows)]
        l1 = np.r_[np.ones(rows), np.zeros(rows)]
        places = np.arange(2 * rows).reshape(2, rows)

        def cost(c, b=b):
            return np.abs(b - c).sum() + 0.5 * l2 * ((b - c) ** 2).sum()

        best = min(minimize_scalar(cost, bounds=(-4, 4), method="bounded").fun, *map(cost, b))
        shift_rows(u, l1, np.full(2 * rows, l2), *NO_LIMITS, places)
        assert np.abs(u[:rows]).sum() + 0.5 * l2 * (u[:rows] ** 2).sum() <= best + 1e-9
        np.testing.assert_allclose(np.diff(u[:rows]), np.diff(b))
        assert u[rows:].sum() == pytest.approx(0, abs=1e-12)


def test_shift_leaves_columns_with_a_fixed_row_alone():
    u = np.array([1.0, 2.0, 3.0])
    shift_rows(u, np.array([1.0, np.inf, 1.0]), np.zeros(3), *NO_LIMITS, np.array([[0, 1, 2]]))
    assert u.tolist() == [1.0, 2.0, 3.0]


def test_extrapolation_ends_a_linear_iteration_in_as_many_steps_as_dimensions():
    rng = np.random.default_rng(0)
    A, b = 0.9 * np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.normal(size=4)
    fixed = np.linalg.solve(np.eye(4) - A, b)
    x, extrapolation = np.zeros(4), Extrapolation()
    for _ in range(6):
        image = A @ x + b
        guess = extrapolation.guess(x, image)
        x = image if guess is None else guess
    np.testing.assert_allclose(x, fixed, atol=1e-4)


def test_inclusion_probabilities_sum_to_the_sample_and_stay_below_one():
    share = np.random.default_rng(0).dirichlet(np.full(200, 0.1))
    chance = inclusion(share, 50)
    assert chance.sum() == pytest.approx(50)
    assert chance.max() <= 1
    rest = chance < 1
    np.testing.assert_allclose(chance[rest] / share[rest], (chance[rest] / share[rest])[0])


def test_sampled_rows_are_those_that_bend_the_loss_and_their_hessian_is_close():
    problem, coef, intercept = softmax_problem(6, n=4000)
    everything = np.ones((C, K + 1), bool)
    whole = whole_block(problem, coef, intercept, everything)[0]
    sample = bending_rows(problem, coef, intercept, 1000)
    assert 900 < sample.n < 1100
    found = whole_block(sample, coef, intercept, everything)[0]
    assert np.abs(found - whole).max() < 0.1 * np.abs(whole).max()
    again = bending_rows(problem, coef, intercept, 1000)
    np.testing.assert_array_equal(again.features.values, sample.features.values)
    assert bending_rows(problem, coef, intercept, 4000) is problem


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_compiled_functions_work_where_nothing_can_be_cached(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    out = run(
        f"""
        import os
        os.environ["NUMBA_CACHE_DIR"] = {str(tmp_path / "file" / "cache")!r}
        os.environ["HOME"] = {str(tmp_path / "file")!r}
        from numba.core import caching
        caching.CacheImpl._locator_classes = []
        from pcbm.compiled import compiled

        @compiled
        def double(x):
            return 2 * x

        print(double(21))
        """
    )
    assert out.strip() == "42"
