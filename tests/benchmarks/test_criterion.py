"""The judge: its objective, violation, lower bound and shift against independent references."""

from __future__ import annotations

import numpy as np
import pytest
from elastic_net import Objective
from scipy.optimize import minimize_scalar

from benchmarks.criterion import Criterion

FAMILIES = ["multinomial", "grouped", "binomial"]


def draw(family, seed=0, n=60, K=5):
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((n, K))
    classes = 2 if family == "binomial" else 3
    y = (Z @ rng.standard_normal((K, classes)) + rng.gumbel(size=(n, classes))).argmax(axis=1)
    y[:classes] = np.arange(classes)
    return Z, y, 1 if family == "binomial" else classes


@pytest.mark.parametrize("family", FAMILIES)
def test_objective_and_violation_are_those_of_the_other_implementation(family) -> None:
    Z, y, rows = draw(family)
    rng = np.random.default_rng(1)
    coef, intercept = rng.standard_normal((rows, 5)), rng.standard_normal(rows)
    coef[:, 2] = 0
    judged = Criterion(Z, y, family, 0.9).judge(coef, intercept, 0.07)
    other = Objective.of(Z, y, 0.07, family=family, l1_ratio=0.9)
    assert judged.objective == pytest.approx(other.value(coef, intercept), rel=1e-12)
    assert judged.kkt == pytest.approx(other.violation(coef, intercept), rel=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_lower_bound_meets_the_minimum_and_is_below_every_value(family) -> None:
    Z, y, rows = draw(family)
    criterion, lam = Criterion(Z, y, family, 0.9), 0.03
    coef, intercept = Objective.of(Z, y, lam, family=family, l1_ratio=0.9).minimise()
    least = criterion.judge(coef, intercept, lam).objective
    assert criterion.lower_bound(coef, intercept, lam) == pytest.approx(least, rel=1e-9)
    rng = np.random.default_rng(2)
    for size in (1e-3, 0.1, 2.0):  # bounds from points that solve nothing are bounds all the same
        elsewhere = coef + size * rng.standard_normal((rows, 5))
        bound = criterion.lower_bound(elsewhere, intercept + size * rng.standard_normal(rows), lam)
        assert bound < least


@pytest.mark.parametrize("family", ["multinomial", "grouped"])
def test_a_common_shift_is_taken_out(family) -> None:
    Z, y, _ = draw("multinomial")
    criterion = Criterion(Z, y, family, 0.9)
    coef = np.random.default_rng(3).standard_normal((3, 5)) + np.arange(5.0)
    moved = criterion.recentred(coef)
    np.testing.assert_allclose(coef - moved, np.tile((coef - moved)[0], (3, 1)))
    for column, found in zip(coef.T[..., None], moved.T[..., None], strict=True):
        best = minimize_scalar(lambda c, b=column: criterion.penalty(b - c), tol=1e-12)
        assert criterion.penalty(found) <= best.fun + 1e-9
    assert criterion.recentred(moved) is moved


def test_a_binomial_row_has_no_shift() -> None:
    Z, y, _ = draw("binomial")
    coef = np.ones((1, 5))
    assert Criterion(Z, y, "binomial", 0.9).recentred(coef) is coef
