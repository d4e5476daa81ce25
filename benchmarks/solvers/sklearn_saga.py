"""scikit-learn's LogisticRegression with solver saga, a path by warm starts.

Its objective is C sum loss + a ||W||_1 + (1 - a)/2 ||W||^2, which is ours times n with
C = 1 / (n lam).
"""

from __future__ import annotations

import numpy as np

from benchmarks.exchange import Answer, Task
from benchmarks.solvers import Solver


def fit(task: Task) -> Answer:
    """Fit every strength from the last one's solution, to the default tolerance."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(
        solver="saga",
        l1_ratio=task.l1_ratio,
        warm_start=True,
        max_iter=1_000_000,
        random_state=0,
        **_penalty(),
    )
    found = []
    for lam in task.lams:
        model.set_params(C=1 / (len(task.labels) * lam)).fit(task.scores, task.labels)
        found.append((model.coef_.copy(), model.intercept_.copy()))
    return Answer(np.array([c for c, _ in found]), np.array([b for _, b in found]))


def _penalty() -> dict[str, str]:
    """Return what asks for the elastic net: from version 1.8 on, l1_ratio alone."""
    import sklearn

    version = tuple(int(part) for part in sklearn.__version__.split(".")[:2])
    return {} if version >= (1, 8) else {"penalty": "elasticnet"}


SOLVER = Solver(
    name="sklearn-saga",
    families=("multinomial", "binomial"),
    about="LogisticRegression(solver='saga'), tol 1e-4, warm starts, iterations unlimited",
    packages=("scikit-learn",),
    fit=fit,
)
