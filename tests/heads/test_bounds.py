"""Heads whose coefficients are bounded: optimal within the bounds, and never outside."""

import numpy as np
import pytest
from elastic_net import Objective
from head_problems import assert_same, draw, few, seeds
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from pcbm.errors import InputError
from pcbm.heads import elastic_net_path, evaluate_path, kkt_violation, lam_max
from pcbm.heads.newton import newton_step
from pcbm.heads.quadratic import descend, shift_rows

FAMILIES = ("multinomial", "binomial", "multilabel", "gaussian")
families = st.sampled_from(FAMILIES)
KINDS = ("non-negative", "scalars", "columns", "each")


def rows_of(family):
    return 1 if family == "binomial" else 3


def bounds(kind, family, seed=0, K=6):
    """Return bounds of which several hold the solutions of `draw`."""
    rng = np.random.default_rng(seed)
    size = {"columns": K, "each": (rows_of(family), K)}.get(kind)
    if size is None:
        return {"lower": 0.0} if kind == "non-negative" else {"lower": -0.2, "upper": 0.1}
    lower, upper = -rng.exponential(0.2, size), rng.exponential(0.2, size)
    lower[rng.random(size) < 0.2] = -np.inf
    upper[rng.random(size) < 0.2] = 0.0
    return {"lower": lower, "upper": upper}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_point_is_optimal_within_its_bounds(family, kind):
    rng = np.random.default_rng(1)
    Z, y = draw(family, 2)
    given = bounds(kind, family) | {
        "sample_weight": rng.uniform(0.5, 2, len(Z)),
        "offset": rng.normal(size=(len(Z), rows_of(family))),
    }
    held = 0
    for tol in (1e-2, 1e-7):
        path = elastic_net_path(Z, y, family=family, n_lams=6, tol=tol, **given)
        for i, lam in enumerate(path.lams):
            ours, coef = Objective.of(Z, y, lam, family=family, **given), path.coef(i)
            assert ((coef >= ours.lower) & (coef <= ours.upper)).all()
            violation = ours.violation(coef, path.intercepts[i])
            assert violation <= tol * (1 + 1e-6)
            assert path.kkt[i] == pytest.approx(violation, rel=1e-6, abs=1e-10)
            held += ((coef != 0) & ((coef == ours.lower) | (coef == ours.upper))).sum()
    assert held or kind == "non-negative"


@pytest.mark.parametrize("l1_ratio", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_bounds_hold_for_unpenalised_columns_and_every_ratio(family, l1_ratio):
    Z, y = draw(family, 4, n=60)
    given = bounds("each", family, 3) | {"l1_ratio": l1_ratio}
    given["penalty_factor"] = np.r_[0.0, 0.0, np.ones(4)]
    path = elastic_net_path(Z, y, family=family, n_lams=4, tol=1e-7, **given)
    for i, lam in enumerate(path.lams):
        ours = Objective.of(Z, y, lam, family=family, **given)
        assert ours.violation(path.coef(i), path.intercepts[i]) <= 1.001e-7
    penalised = path.coefs[0][:, 2:]
    assert l1_ratio == 0 or not penalised.any()


@pytest.mark.parametrize("kind", KINDS)
def test_large_problems_keep_their_bounds_and_are_optimal(kind):
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(9000, 5)) @ rng.normal(size=(5, 80)) + rng.normal(size=(9000, 80))
    y = (Z[:, :6] @ rng.normal(size=(6, 6)) / 3 + rng.gumbel(size=(9000, 6))).argmax(axis=1)
    given = {"lower": 0.0}
    if kind != "non-negative":
        size = {"columns": 80, "each": (6, 80)}.get(kind, 1)
        given = {"lower": -rng.exponential(0.05, size), "upper": rng.exponential(0.05, size)}
        given = given if kind != "scalars" else {"lower": -0.03, "upper": 0.05}
    path = elastic_net_path(Z, y, n_lams=4, lam_min_ratio=0.02, tol=1e-3, **given)
    for i, lam in enumerate(path.lams):
        ours, coef = Objective.of(Z, y, lam, family="multinomial", **given), path.coef(i)
        assert ((coef >= ours.lower) & (coef <= ours.upper)).all()
        assert ours.violation(coef, path.intercepts[i]) <= 1.001e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_solution_is_that_of_a_bounded_solver_on_the_split_problem(family):
    Z, y = draw(family, 6)
    given = bounds("each", family, 5)
    lam = 0.3 * lam_max(Z, y, family=family, **given)
    ours = Objective.of(Z, y, lam, family=family, **given)
    rows, width = ours.free.shape

    def split(x):  # positive parts, negative parts, intercepts
        plus, minus = x[: 2 * rows * width].reshape(2, rows, width)
        coef, level = plus - minus, x[2 * rows * width :]
        ridge = lam * 0.01 * coef
        slopes, down = ours.gradient(coef, level)
        value = ours.loss(coef, level) + lam * (
            0.99 * (plus + minus).sum() + 0.005 * (coef**2).sum()
        )
        smooth = slopes + ridge
        return value, np.r_[(smooth + 0.99 * lam).ravel(), (0.99 * lam - smooth).ravel(), down]

    ends = np.r_[ours.upper.ravel(), -ours.lower.ravel()]
    box = [(0.0, end) for end in ends] + [(None, None)] * rows
    found = minimize(
        split, np.zeros(len(box)), jac=True, method="L-BFGS-B", bounds=box,
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 20_000, "maxfun": 50_000},
    )  # fmt: skip
    path = elastic_net_path(Z, y, family=family, lams=[lam], tol=1e-8, **given)
    assert path.objective[0] == pytest.approx(found.fun, rel=1e-9)
    plus, minus = found.x[: 2 * rows * width].reshape(2, rows, width)
    np.testing.assert_allclose(path.coef(0), plus - minus, atol=1e-4)


@few
@given(family=families, seed=seeds)
def test_infinite_and_wide_bounds_change_nothing(family, seed):
    Z, y = draw(family, seed)
    plain = elastic_net_path(Z, y, family=family, n_lams=3, tol=1e-8)
    endless = elastic_net_path(
        Z, y, family=family, n_lams=3, tol=1e-8, lower=-np.inf, upper=np.full(6, np.inf)
    )
    assert endless.coefs.tobytes() == plain.coefs.tobytes()
    wide = elastic_net_path(Z, y, family=family, n_lams=3, tol=1e-8, lower=-1e6, upper=1e6)
    for i in range(3):
        one, other = ((p.coef(i), p.intercepts[i]) for p in (wide, plain))
        assert_same(one, other, family)


@few
@given(family=families, seed=seeds)
def test_turning_the_columns_turns_the_bounds(family, seed):
    Z, y = draw(family, seed)
    given = bounds("each", family, seed)
    turned = {"lower": -given["upper"], "upper": -given["lower"]}
    one = elastic_net_path(Z, y, family=family, n_lams=3, tol=1e-8, **given)
    other = elastic_net_path(-Z, y, family=family, n_lams=3, tol=1e-8, **turned)
    for i in range(3):
        assert_same((one.coef(i), one.intercepts[i]), (-other.coef(i), other.intercepts[i]), family)


@pytest.mark.parametrize("family", ["binomial", "gaussian"])
def test_non_negative_head_of_columns_that_speak_against_is_zero(family):
    rng = np.random.default_rng(0)
    signal = rng.normal(size=80)
    Z = -signal[:, None] + 0.3 * rng.normal(size=(80, 4))
    y = signal if family == "gaussian" else (signal > 0).astype(int)
    path = elastic_net_path(Z, y, family=family, n_lams=5, lower=0.0)
    assert not path.sparse.nnz
    assert elastic_net_path(Z, y, family=family, n_lams=5, upper=0.0).coefs[-1].any()


@pytest.mark.parametrize("family", FAMILIES)
def test_bounds_of_zero_are_the_same_as_not_free(family):
    Z, y = draw(family, 9)
    free = np.random.default_rng(0).random((rows_of(family), 6)) > 0.4
    edge = np.where(free, np.inf, 0.0)
    one = elastic_net_path(Z, y, family=family, n_lams=4, lower=-edge, upper=edge)
    other = elastic_net_path(Z, y, family=family, n_lams=4, free=free)
    np.testing.assert_allclose(one.lams, other.lams, rtol=1e-12)
    np.testing.assert_allclose(one.coefs, other.coefs, atol=1e-3)
    assert not one.coefs[:, ~free].any()


@pytest.mark.parametrize("family", FAMILIES)
def test_lam_max_is_where_the_first_allowed_coefficient_leaves_zero(family):
    Z, y = draw(family, 11)
    given = {"family": family} | bounds("each", family, 2)
    top = lam_max(Z, y, **given)
    path = elastic_net_path(Z, y, lams=[1.0001 * top, 0.99 * top], tol=1e-8, **given)
    assert not path.coef(0).any()
    assert path.coef(1).any()
    assert top <= lam_max(Z, y, family=family)


@pytest.mark.parametrize("seed", range(20))
def test_bounded_pieces_reach_the_minimum_of_a_quadratic(seed):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(12, 14))
    M, g = root @ root.T / 14, rng.normal(size=12)
    l1, l2 = rng.uniform(0, 0.3, 12) * (rng.random(12) < 0.8), np.full(12, 0.01)
    low, high = -rng.exponential(0.3, 12), rng.exponential(0.3, 12)
    q, u, nothing = g.copy(), np.zeros(12), np.empty((0, 1), np.intp)
    pairs = [array[None] for array in (q, u, l1, l2, low, high)]
    for _ in range(20):
        newton_step(M, q, u, l1, l2, low, high)
        worst = descend(M[None], *pairs, 1e-12, 3, nothing)
    assert ((u >= low) & (u <= high)).all()
    np.testing.assert_allclose(q, g + M @ u, atol=1e-12)
    assert worst[0] <= 1e-12
    slope = q + l2 * u
    down, up = slope - np.where(u > 0, -l1, l1), slope + np.where(u < 0, -l1, l1)
    assert (np.where(u > low, down, 0) <= 1e-10).all()
    assert (np.where(u < high, up, 0) >= -1e-10).all()


@pytest.mark.parametrize("l2", [0.0, 0.3])
def test_bounded_shift_costs_least_among_those_allowed(l2):
    for seed in range(30):
        rng = np.random.default_rng(seed)
        b = rng.normal(size=5)
        low, high = (
            np.minimum(b, 0) - rng.exponential(1, 5),
            np.maximum(b, 0) + rng.exponential(1, 5),
        )
        u = b.copy()
        shift_rows(u, np.ones(5), np.full(5, l2), low, high, np.arange(5)[None])
        assert ((u >= low) & (u <= high)).all()
        np.testing.assert_allclose(np.ptp(b - u), 0, atol=1e-14)

        def cost(v):
            return np.abs(v).sum() + 0.5 * l2 * (v @ v)

        allowed = np.linspace((b - high).max(), (b - low).min(), 4001)
        assert cost(u) <= min(cost(b - c) for c in allowed) + 1e-12


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lower": 0.1}, "lower holds NaN or numbers above zero: bounds must allow zero"),
        ({"upper": [0, 0, 0, 0, 0, -1]}, "upper holds NaN or numbers below zero"),
        ({"lower": np.nan}, "lower holds NaN or numbers above zero"),
        (
            {"lower": np.zeros((6, 3))},
            r"lower has shape \(6, 3\): give a number, \(6,\) or \(3, 6\)",
        ),
        ({"upper": "much"}, "upper holds values that are not numbers"),
        ({"family": "grouped", "lower": 0}, "family 'grouped' takes no lower or upper"),
    ],
)
def test_bounds_that_do_not_fit_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        elastic_net_path(*draw("multinomial", 0), **change)


def test_coefficients_outside_their_bounds_are_not_judged():
    Z, y = draw("multinomial", 0)
    coef, level = np.zeros((3, 6)), np.zeros(3)
    coef[1, 2] = -1e-9
    with pytest.raises(InputError, match="the head has 1 coefficients that are not zero where"):
        kkt_violation(Z, y, coef, level, 0.1, lower=0.0)
    with pytest.raises(InputError, match="point 0 has 1 coefficients"):
        evaluate_path(Z, y, [0.1], [coef], [level], lower=0.0)


def test_a_start_outside_the_bounds_is_clipped():
    Z, y = draw("multinomial", 0)
    start = np.full((3, 6), -2.0), np.zeros(3)
    one = elastic_net_path(Z, y, lams=[0.02], tol=1e-7, lower=0.0, start=start)
    other = elastic_net_path(Z, y, lams=[0.02], tol=1e-7, lower=0.0)
    np.testing.assert_allclose(one.coefs, other.coefs, atol=1e-5)
