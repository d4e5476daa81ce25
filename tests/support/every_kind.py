"""Models of every kind of projection, residual and task, small enough to fit in a blink."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np

from pcbm import PostHocCBM, PostHocCBMRegressor
from pcbm.concepts import ConceptBank

DIM, CONCEPTS = 16, 5


def rows(n: int = 300, seed: int = 0) -> np.ndarray:
    """Return activations (n, 16) of float32 values, away from the origin."""
    drawn = np.random.default_rng(seed).normal(size=(n, DIM)) + 2.0
    return drawn.astype(np.float32).astype(np.float64)


def bank() -> ConceptBank:
    rng = np.random.default_rng(5)
    return ConceptBank(
        [f"concept {k}" for k in range(CONCEPTS)],
        rng.normal(size=(CONCEPTS, DIM)),
        rng.normal(size=CONCEPTS),
        text_mean=rng.normal(size=DIM) * 0.1,
    )


def targets(task: str) -> Any:
    scores = rows() @ bank().vectors.T
    scores -= scores.mean(axis=0)
    return {
        "binary": np.where(scores[:, 0] > 0, "yes", "no"),
        "multiclass": np.array(["ant", "bee", "cat"])[scores[:, :3].argmax(axis=1)],
        "multilabel": (scores[:, :3] > 0).astype(int),
        "regression": scores[:, 0] - 0.5 * scores[:, 1],
    }[task]


@cache
def fit(
    task: str = "multiclass",
    projection: str = "margin",
    residual: str = "none",
    *,
    with_bank: bool = True,
) -> Any:
    """Return a fitted model, the same object for the same arguments: leave it as it is."""
    kind = PostHocCBMRegressor if task == "regression" else PostHocCBM
    model = kind(
        bank() if with_bank else None, projection=projection, residual=residual, lam=0.02, n_lams=5
    )
    with warnings.catch_warnings():  # intercepts that cosine does not use
        warnings.simplefilter("ignore", UserWarning)
        return model.fit(rows(), targets(task))
