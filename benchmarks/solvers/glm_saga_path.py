"""glm_saga (Wong et al. 2021), minibatch SAGA in torch.

It makes its own grid, which is ours: lam_max / a, evenly in the logarithm, in single precision.
Learning rate, epochs, batches and the stopping rule of its own examples.
"""

from __future__ import annotations

import contextlib
import os

import numpy as np

from benchmarks.exchange import Answer, Task
from benchmarks.solvers import Solver

BATCH = 256
RATE = 0.1
EPOCHS = 2000
PATIENCE = 3


def fit(task: Task) -> Answer:
    """Fit the path in single precision."""
    import torch
    from glm_saga.elasticnet import IndexedTensorDataset, glm_saga

    torch.manual_seed(0)
    torch.set_num_threads(task.threads)
    features = torch.from_numpy(np.ascontiguousarray(task.scores, np.float32))
    data = IndexedTensorDataset(features, torch.from_numpy(task.labels))
    loader = torch.utils.data.DataLoader(data, batch_size=BATCH, shuffle=True)
    linear = torch.nn.Linear(features.shape[1], task.classes)
    for part in (linear.weight, linear.bias):
        part.data.zero_()
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # noqa: PTH123
        path = glm_saga(
            linear,
            loader,
            RATE,
            EPOCHS,
            task.l1_ratio,
            epsilon=float(task.lams[-1] / task.lams[0]),
            k=len(task.lams),
            do_zero=False,
            lookbehind=PATIENCE,
            n_ex=len(task.labels),
            n_classes=task.classes,
        )["path"]
    return Answer(
        np.array([point["weight"].numpy() for point in path], float),
        np.array([point["bias"].numpy() for point in path], float),
    )


SOLVER = Solver(
    name="glm_saga",
    families=("multinomial",),
    about="batches of 256, rate .1, tol 1e-4, lookbehind 3, as in its examples; single precision",
    packages=("glm_saga", "torch"),
    fit=fit,
    threaded=True,
)
