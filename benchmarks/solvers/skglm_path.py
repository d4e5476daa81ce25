"""skglm's SparseLogisticRegression for two classes, a path by warm starts."""

from __future__ import annotations

import numpy as np

from benchmarks.exchange import Answer, Task
from benchmarks.solvers import Solver


def fit(task: Task) -> Answer:
    """Fit every strength from the last one's solution, to the default tolerance."""
    from skglm import SparseLogisticRegression

    model = SparseLogisticRegression(l1_ratio=task.l1_ratio, warm_start=True)
    found = []
    for lam in task.lams:
        model.alpha = lam
        model.fit(task.scores, task.labels)
        found.append((model.coef_.copy().reshape(1, -1), np.ravel(model.intercept_).copy()))
    return Answer(np.array([c for c, _ in found]), np.array([b for _, b in found]))


SOLVER = Solver(
    name="skglm",
    families=("binomial",),
    about="SparseLogisticRegression, tol 1e-4, warm starts",
    packages=("skglm",),
    fit=fit,
    layout="F",
)
