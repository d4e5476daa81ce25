"""adelie's grpnet, usually in an interpreter of its own (it needs numpy < 2).

Its multinomial loss is ours over C, so lam is divided by C as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.exchange import Answer, Task
from benchmarks.solvers import Solver


@dataclass(frozen=True)
class _EachCoefficient:
    """The groups of an ungrouped multinomial.

    grpnet takes the first column of every group and multiplies it by C, which allows whole columns
    only; this multiplies to all coefficients.
    """

    width: int

    def __mul__(self, classes: int) -> np.ndarray:
        return np.arange(self.width * classes)


def fit(task: Task) -> Answer:
    """Fit the path to the default tolerances, 1e-7."""
    import adelie

    width, classes = task.scores.shape[1], task.classes
    if task.family == "binomial":
        loss = adelie.glm.binomial(task.labels.astype(float))
        groups, size, share = None, width, 1.0
    else:
        loss = adelie.glm.multinomial(np.eye(classes)[task.labels])
        each = task.family == "multinomial"
        groups = _EachCoefficient(width) if each else None
        size, share = (width * classes if each else width), 1.0 / classes
    state = adelie.grpnet(
        task.scores,
        loss,
        alpha=task.l1_ratio,
        groups=groups,
        penalty=np.ones(size),
        lmda_path=task.lams * share,
        early_exit=False,
        n_threads=task.threads,
        progress_bar=False,
    )
    rows = 1 if task.family == "binomial" else classes
    betas = state.betas.toarray().reshape(-1, width, rows)
    return Answer(
        np.ascontiguousarray(betas.transpose(0, 2, 1)),
        np.asarray(state.intercepts).reshape(-1, rows),
    )


SOLVER = Solver(
    name="adelie",
    families=("multinomial", "grouped", "binomial"),
    about="grpnet, tol and irls_tol 1e-7, early_exit False",
    packages=("adelie", "numpy"),
    fit=fit,
    layout="F",
    threaded=True,
)
