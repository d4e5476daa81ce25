"""glmnetforpython: glmnet's older Fortran under Python (GPL-2, used only where it is installed).

Its option ``mtype`` never reaches the Fortran, so it cannot fit ``grouped``. The two rules by which
glmnet ends a path early are switched off in the library itself, where its Python does not reach.
"""

from __future__ import annotations

import ctypes

import numpy as np

from benchmarks.exchange import Answer, Task
from benchmarks.solvers import Solver


def fit(task: Task) -> Answer:
    """Fit the path to the default threshold, 1e-7."""
    from glmnetforpython.glmnet import glmnet
    from glmnetforpython.loadGlmLib import loadGlmLib

    library = loadGlmLib()
    library.chg_fract_dev_(ctypes.byref(ctypes.c_double(0.0)))
    library.chg_dev_max_(ctypes.byref(ctypes.c_double(1.0)))
    found = glmnet(
        x=task.scores,
        y=np.eye(task.classes)[task.labels],
        family=task.family,
        alpha=task.l1_ratio,
        lambdau=task.lams,
        standardize=False,
        maxit=10_000_000,
    )
    if task.family == "binomial":
        return Answer(found["beta"].T[:, None], found["a0"][:, None])
    coefs = np.array(found["beta"]).transpose(2, 0, 1)
    return Answer(np.ascontiguousarray(coefs), np.ascontiguousarray(found["a0"].T))


SOLVER = Solver(
    name="glmnetforpython",
    families=("multinomial", "binomial"),
    about="thresh 1e-7, standardize False, paths not cut short",
    packages=("glmnetforpython",),
    fit=fit,
    layout="F",
)
