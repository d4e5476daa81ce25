"""scikit-learn's SGDClassifier, as the code that came with post-hoc CBMs calls it.

Its objective for two classes is ours with alpha = lam. More classes it fits one against the rest:
another model, whose coefficients are judged by our objective all the same.
"""

from __future__ import annotations

import numpy as np

from benchmarks.exchange import Answer, Task
from benchmarks.solvers import Solver


def fit(task: Task) -> Answer:
    """Fit every strength from the last one's solution, to the default tolerance."""
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier(
        loss="log_loss",
        penalty="elasticnet",
        l1_ratio=task.l1_ratio,
        max_iter=10_000,
        warm_start=True,
        random_state=0,
    )
    found = []
    for lam in task.lams:
        model.set_params(alpha=lam).fit(task.scores, task.labels)
        found.append((model.coef_.copy(), model.intercept_.copy()))
    return Answer(np.array([c for c, _ in found]), np.array([b for _, b in found]))


SOLVER = Solver(
    name="SGDClassifier",
    families=("multinomial", "binomial"),
    about="tol 1e-3, max_iter 10,000; more than two classes one against the rest: another model",
    packages=("scikit-learn",),
    fit=fit,
)
