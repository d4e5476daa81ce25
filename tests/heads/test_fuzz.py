"""Random small problems of every family against accelerated proximal gradient steps.

The reference shares no code with the package: objective and slopes are `elastic_net.Objective`'s,
its step is FISTA with restarts and halved steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from elastic_net import FAMILIES, Objective

from pcbm.heads import elastic_net_path, lam_max

ABOVE = 1e-6  # of the objective, the most that ours may have above the reference's
TOL = 1e-7


def drawn(family: str, seed: int) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    """Return columns, a target and whatever of the options the dice give."""
    rng = np.random.default_rng([seed, FAMILIES.index(family)])
    n, K, C = int(rng.integers(8, 50)), int(rng.integers(1, 14)), int(rng.integers(3, 5))
    Z = rng.normal(size=(n, K)) @ (np.eye(K) + rng.normal(size=(K, K)) * rng.choice([0, 0.7]))
    Z = Z * 10.0 ** rng.uniform(-1, 1, K) + rng.choice([0.0, 3.0])
    if K > 2 and rng.random() < 0.3:
        Z[:, 1] = Z[:, 0]  # a copy
        Z[:, 2] = 1.5  # says nothing
    rows = {"binomial": 1, "multilabel": C, "gaussian": int(rng.integers(1, 3))}.get(family, C)
    signal = rng.normal(size=(n, rows)) + Z[:, :1] * rng.normal(size=rows) / Z[:, 0].std()
    if family == "gaussian":
        y = 3 * signal
    elif family in ("binomial", "multilabel"):
        y = (signal > 0).astype(int)
        y[:2] = [[0], [1]]
        y = y[:, 0] if family == "binomial" else y
    else:
        y = signal.argmax(axis=1)
        y[:C] = np.arange(C)
    options: dict[str, Any] = {"family": family, "l1_ratio": float(rng.choice([0.99, 0.5, 0.1]))}
    if rng.random() < 0.5:
        options["sample_weight"] = rng.uniform(0.2, 3, n)
    if rng.random() < 0.5:
        options["offset"] = rng.normal(size=(n, rows)) if rows > 1 else rng.normal(size=n)
    if rng.random() < 0.5:
        options["penalty_factor"] = rng.uniform(0.3, 2, K)
    if rng.random() < 0.4:
        # Fixed zeros of a column are all or none where columns are chosen whole.
        free = rng.random((rows, K)) < 0.7
        options["free"] = np.repeat(free[:1], rows, axis=0) if family == "grouped" else free
    if family != "grouped" and rng.random() < 0.4:
        options["lower"] = -rng.choice([0.0, 0.2], size=(rows, K))
        options["upper"] = rng.choice([0.1, np.inf], size=(rows, K))
    return Z, y, options


def nearest(problem: Objective, coef: np.ndarray, step: float) -> np.ndarray:
    """Return the minimiser of the penalty plus the squared distance over twice the step."""
    edge = step * problem.lam * problem.l1_ratio * problem.factor
    shrink = 1 + step * problem.lam * (1 - problem.l1_ratio) * problem.factor
    size = np.linalg.norm(coef, axis=0) if problem.family == "grouped" else np.abs(coef)
    kept = coef * np.maximum(1 - edge / np.maximum(size, 1e-300), 0) / shrink
    return np.where(problem.free, np.clip(kept, problem.lower, problem.upper), 0.0)


def reference(problem: Objective, steps: int) -> float:
    """Return the least objective that accelerated proximal gradient steps find."""
    rows, K = problem.free.shape
    coef, level = np.zeros((rows, K)), np.zeros(rows)
    ahead = (coef, level)
    momentum, step = 1.0, 1.0
    value = best = problem.value(coef, level)
    for _ in range(steps):
        slopes, lean = problem.gradient(*ahead)
        base = problem.loss(*ahead)
        while True:
            new = nearest(problem, ahead[0] - step * slopes, step), ahead[1] - step * lean
            moves = new[0] - ahead[0], new[1] - ahead[1]
            linear = (slopes * moves[0]).sum() + lean @ moves[1]
            square = (moves[0] ** 2).sum() + (moves[1] ** 2).sum()
            if problem.loss(*new) <= base + linear + square / (2 * step) + 1e-14 * abs(base):
                break
            step /= 2
        now = problem.value(*new)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        share = (momentum - 1) / following
        if now > value:  # momentum leads up: begin again
            following, share = 1.0, 0.0
        ahead = (new[0] + share * (new[0] - coef), new[1] + share * (new[1] - level))
        (coef, level), momentum, value = new, following, now
        best = min(best, now)
    return best


def compared(family: str, seed: int, steps: int) -> None:
    Z, y, options = drawn(family, seed)
    lams = lam_max(Z, y, **options) * np.array([0.5, 0.1, 0.02])
    path = elastic_net_path(Z, y, lams=lams, tol=TOL, **options)
    for index, lam in enumerate(lams):
        problem = Objective.of(Z, y, lam, **options)
        head = path.coef(index), path.intercepts[index]
        assert problem.violation(*head) <= 1.01 * TOL + 1e-9
        assert (head[0][~problem.free] == 0).all()
        assert (head[0] >= problem.lower).all()
        assert (head[0] <= problem.upper).all()
        found = problem.value(*head)
        assert found == pytest.approx(path.objective[index], rel=1e-9)
        least = reference(problem, steps)
        assert found <= least + ABOVE * abs(least)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_proximal_step_beats_the_path(family: str) -> None:
    for seed in range(3):
        compared(family, seed, 100)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_nothing_beats_the_path_on_many_problems(family: str) -> None:
    for seed in range(100, 112):
        compared(family, seed, 300)
