"""Five vectors per concept, one for each C: the official loop, ours, and two other estimators.

Each function takes `Examples` and returns vectors (M, P, d) and intercepts (M, P). As in the
official code the accuracy on both parts and the margins of the training rows belong to the work.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.probes.problem import PENALTIES, SIDE, Array, Examples

Found = tuple[Array, Array]


def official(examples: Examples) -> Found:
    """Fit ``SVC(C, kernel="linear")`` per concept and C, as the published code does."""
    from sklearn.svm import SVC

    return _loop(examples, lambda cost: SVC(C=cost, kernel="linear"))


def linear_svc(examples: Examples) -> Found:
    """Fit ``LinearSVC(C, loss="hinge")`` per concept and C: it penalises the intercept too."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.svm import LinearSVC

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # its gap tells
        return _loop(examples, lambda cost: LinearSVC(C=cost, loss="hinge", random_state=0))


def ridge(examples: Examples) -> Found:
    """Regress the signs with penalty 1 / (2 C), all C from one decomposition per concept."""
    vectors, intercepts = _room(examples)
    for m, rows in enumerate(examples.train):
        mean = rows.mean(axis=0)
        left, sizes, right = np.linalg.svd(rows - mean, full_matrices=False)
        share = left.T @ examples.signs
        for p, cost in enumerate(PENALTIES):
            vectors[m, p] = (share * sizes / (sizes**2 + 0.5 / cost)) @ right
            intercepts[m, p] = -vectors[m, p] @ mean
        _score_all(examples, m, vectors[m], intercepts[m])
    return vectors, intercepts


def ours(examples: Examples) -> Found:
    """Fit with `pcbm.concepts.paper_cavs`, the same machine through one matrix per concept."""
    from pcbm.concepts import paper_cavs

    vectors, intercepts = _room(examples)
    for m, (train, test) in enumerate(zip(examples.train, examples.held_out, strict=True)):
        found = paper_cavs(
            (train[:SIDE], train[SIDE:]), (test[:SIDE], test[SIDE:]), penalties=PENALTIES
        )
        for p, cost in enumerate(PENALTIES):
            vectors[m, p], intercepts[m, p] = found[cost].vector, found[cost].intercept
    return vectors, intercepts


def _loop(examples: Examples, machine: Callable[[float], object]) -> Found:
    vectors, intercepts = _room(examples)
    signs = examples.signs
    for m, (train, test) in enumerate(zip(examples.train, examples.held_out, strict=True)):
        for p, cost in enumerate(PENALTIES):
            fitted = machine(cost).fit(train, signs)  # type: ignore[attr-defined]
            fitted.score(train, signs)
            fitted.score(test, signs)
            vectors[m, p], intercepts[m, p] = fitted.coef_[0], fitted.intercept_[0]
            _margins(train, vectors[m, p], intercepts[m, p])
    return vectors, intercepts


def _score_all(examples: Examples, m: int, vectors: Array, intercepts: Array) -> None:
    for rows in (examples.train[m], examples.held_out[m]):
        ((rows @ vectors.T + intercepts > 0) == (examples.signs > 0)[:, None]).mean(axis=0)
    for vector, intercept in zip(vectors, intercepts, strict=True):
        _margins(examples.train[m], vector, intercept)


def _margins(rows: Array, vector: Array, intercept: float) -> tuple[float, ...]:
    """Return the figures the official code keeps of the training margins."""
    margins = (rows @ vector + intercept) / np.linalg.norm(vector)
    sides = [margins[margins > 0], margins[margins < 0]]
    figures = [(side.mean(), side.std()) for side in sides if side.size]
    low, high = np.quantile(margins, [0.1, 0.9])
    return (float(margins.min()), float(margins.max()), low, high, *sum(figures, ()))


def _room(examples: Examples) -> Found:
    count, _, dim = examples.train.shape
    return np.empty((count, len(PENALTIES), dim)), np.empty((count, len(PENALTIES)))


@dataclass(frozen=True)
class ProbeSolver:
    """A way to fit the probes; ``same`` if it is meant to find the official machine."""

    name: str
    fit: Callable[[Examples], Found]
    same: bool
    about: str


SOLVERS = {
    solver.name: solver
    for solver in (
        ProbeSolver("ours", ours, True, "pcbm.concepts.paper_cavs"),
        ProbeSolver("official", official, True, "SVC(C, kernel='linear') per concept and C"),
        ProbeSolver("LinearSVC", linear_svc, False, "hinge, penalised intercept"),
        ProbeSolver("ridge", ridge, False, "one decomposition per concept; another estimator"),
    )
}
