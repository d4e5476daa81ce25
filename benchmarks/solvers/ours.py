"""pcbm's own path."""

from __future__ import annotations

import warnings

from benchmarks.exchange import Answer, Task
from benchmarks.solvers import Solver


def fit(task: Task) -> Answer:
    """Fit with `pcbm.heads.elastic_net_path`."""
    from sklearn.exceptions import ConvergenceWarning

    from pcbm.heads import elastic_net_path

    assert task.tol is not None
    with warnings.catch_warnings():
        # Whether it converged is judged from the answer.
        warnings.simplefilter("ignore", ConvergenceWarning)
        path = elastic_net_path(
            task.scores,
            task.labels,
            family=task.family,
            l1_ratio=task.l1_ratio,
            lams=task.lams,
            tol=task.tol,
        )
    return Answer(path.coefs, path.intercepts, path.n_iter)


SOLVER = Solver(
    name="ours",
    families=("multinomial", "grouped", "binomial"),
    about="pcbm.heads.elastic_net_path",
    packages=("pcbm", "numpy", "numba"),
    fit=fit,
    threaded=True,
    warm_on_all_rows=True,
)
