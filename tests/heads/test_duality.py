"""The duality gap bounds the distance to the optimum from above, and closes there."""

import numpy as np
import pytest
from elastic_net import FAMILIES, Objective
from head_problems import draw, few, seeds
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from pcbm.heads import duality_gap, elastic_net_path, evaluate_path
from pcbm.heads.penalties import Box, Penalty

CASES = ("plain", "weights", "offset", "free", "factor", "bounds", "everything")
RATIOS = (0.0, 0.6, 0.99, 1.0)


def options(case, family, n=50, K=6):
    rng = np.random.default_rng(7)
    rows = 1 if family == "binomial" else 3
    known = {
        "sample_weight": rng.integers(1, 4, n) / 2,
        "offset": rng.normal(size=(n, rows)),
        "free": rng.random((rows, K)) > 0.3,
        "penalty_factor": rng.uniform(0.3, 2, K),
    }
    box = {"lower": -rng.exponential(0.3, (rows, K)), "upper": rng.exponential(0.3, (rows, K))}
    box["lower"][:, :2] = -np.inf
    if case == "everything":
        return known | (box if family != "grouped" else {})
    if case == "bounds":
        return box if family != "grouped" else {}
    wanted = {"weights": "sample_weight", "factor": "penalty_factor"}.get(case, case)
    return {name: value for name, value in known.items() if name == wanted}


@pytest.mark.parametrize(
    ("case", "l1_ratio"),
    [(case, 0.99) for case in CASES] + [(c, a) for c in CASES[-2:] for a in (0.0, 1.0)],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_gap_is_above_the_excess_and_closes_with_the_tolerance(family, case, l1_ratio):
    Z, y = draw(family, 13, n=50)
    given = {"family": family, "l1_ratio": l1_ratio} | options(case, family)
    best = elastic_net_path(Z, y, n_lams=3, lam_min_ratio=0.02, tol=1e-9, **given)
    assert (best.gap <= 1e-6 * best.objective).all()
    for tol in (0.3, 1e-2):
        path = elastic_net_path(Z, y, lams=best.lams, tol=tol, **given)
        assert (path.gap >= path.objective - best.objective - 1e-12).all()
        assert (path.gap >= 0).all()
        # of first order in the violation at worst: where l1 alone holds the slopes
        assert (path.gap <= 20 * path.kkt * path.objective + 1e-9).all()


@few
@given(family=st.sampled_from(FAMILIES), case=st.sampled_from(CASES), seed=seeds)
def test_gap_of_any_head_bounds_its_excess(family, case, seed):
    rng = np.random.default_rng(seed)
    Z, y = draw(family, seed, n=50)
    l1_ratio, lam = float(rng.choice(RATIOS)), 10 ** rng.uniform(-3, 0)
    given = {"family": family, "l1_ratio": l1_ratio} | options(case, family)
    best = elastic_net_path(Z, y, lams=[lam], tol=1e-8, **given)
    rows = best.shape[1]
    for size in (0.0, 1e-3, 0.1, 3.0):
        coef = best.coef(0) + size * rng.normal(size=(rows, 6))
        coef = np.clip(coef, given.get("lower", -np.inf), given.get("upper", np.inf))
        coef = np.where(given.get("free", True), coef, 0.0)
        level = best.intercepts[0] + size * rng.normal(size=rows)
        gap = duality_gap(Z, y, coef, level, lam, **given)
        excess = Objective.of(Z, y, lam, **given).value(coef, level) - best.objective[0]
        assert gap >= max(excess, 0.0) - 1e-12
        (judged,) = evaluate_path(Z, y, [lam], [coef], [level], **given).gap
        assert judged == pytest.approx(gap, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("offset", [False, True])
def test_labels_that_never_occur_leave_the_gap_of_the_others(offset):
    Z, y = draw("multilabel", 2, n=50)
    y[:, 1] = 0
    y[:, 2] = 1
    given = {"offset": np.random.default_rng(0).normal(size=(50, 3))} if offset else {}
    path = elastic_net_path(Z, y, family="multilabel", n_lams=4, tol=1e-6, **given)
    rest = {"offset": given["offset"][:, :1]} if offset else {}
    alone = elastic_net_path(
        Z, y[:, 0], family="binomial", lams=path.lams, l1_ratio=0.99, tol=1e-9, **rest
    )
    assert (path.gap >= path.objective - alone.objective - 1e-12).all()
    assert (path.gap <= 1e-4).all()


def test_columns_without_penalty_leave_only_the_bound_by_zero():
    Z, y = draw("multinomial", 3)
    path = elastic_net_path(Z, y, n_lams=3, tol=1e-8, penalty_factor=[0, 1, 1, 1, 1, 1])
    np.testing.assert_allclose(path.gap, path.objective, rtol=1e-6)


def test_large_problems_have_small_gaps():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(9000, 80))
    y = (Z[:, :6] @ rng.normal(size=(6, 6)) + 5 + rng.gumbel(size=(9000, 6))).argmax(axis=1)
    path = elastic_net_path(Z + 3, y, n_lams=5, lam_min_ratio=0.05, tol=1e-3)
    best = elastic_net_path(Z + 3, y, lams=path.lams, tol=1e-6)
    assert (path.gap >= path.objective - best.objective).all()
    assert (path.gap <= 1e-4 * path.objective).all()


@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize(("l1", "l2"), [(0.4, 0.5), (0.0, 0.5), (0.4, 0.0)])
def test_conjugate_is_the_largest_difference(l1, l2, bounded):
    for slope in (-1.5, -0.2, 0.3, 2.0):
        low, high = (-0.7, 1.1) if bounded else (-np.inf, np.inf)
        box = Box(np.array([[low]]), np.array([[high]])) if bounded else None
        penalty = Penalty(np.array([l1]), np.array([l2]), np.ones((1, 1), bool), box=box)
        found = penalty.conjugate(np.array([[slope]]))
        if not bounded and l2 == 0 and abs(slope) > l1:
            assert found == np.inf
            continue

        def less(w, slope=slope, penalty=penalty):
            return penalty.value(np.array([[w]])) - slope * w

        ends = (low, high) if bounded else (-10, 10)
        best = min(minimize_scalar(less, bounds=ends, method="bounded").fun, less(0.0))
        best = min(best, *map(less, ends)) if bounded else best
        assert found == pytest.approx(-best, abs=1e-6)


def test_conjugate_of_a_group_is_that_of_its_norm():
    penalty = Penalty(np.array([0.5]), np.array([0.2]), np.ones((3, 1), bool), grouped=True)
    slopes = np.array([[1.0], [-2.0], [0.5]])
    best = slopes / np.linalg.norm(slopes) * (np.linalg.norm(slopes) - 0.5) / 0.2
    expected = np.vdot(slopes, best) - penalty.value(best)
    assert penalty.conjugate(slopes) == pytest.approx(expected)
    assert penalty.conjugate(0.2 * slopes) == 0.0
