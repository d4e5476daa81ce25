"""A linear residual: ridge-penalised logits from standardised activations, on top of an offset."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from pcbm.heads.datafits import Datafit

MAX_ITERATIONS = 2000
GRADIENT_TOLERANCE = 1e-6


@dataclass(frozen=True)
class LinearResidual:
    """Logits that a linear function of the activations adds to those of the head.

    Attributes
    ----------
    coef : ndarray, shape (C, d)
        On standardised activations.
    intercept : ndarray, shape (C,)
    mean, scale : ndarray, shape (d,)
        What activations are standardised with.
    weight_decay : float
        Weight of ``||coef||_2^2 / 2`` beside the mean loss.
    """

    coef: np.ndarray
    intercept: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    weight_decay: float

    def decision(self, X: np.ndarray) -> np.ndarray:
        """Return the added logits, shape (n, C)."""
        return (X - self.mean) / self.scale @ self.coef.T + self.intercept

    def record(self) -> dict[str, Any]:
        """Return what a report says of this residual."""
        return {"kind": "linear", "weight_decay": self.weight_decay}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays and a JSON value to be stored."""
        names = ("coef", "intercept", "mean", "scale")
        return {name: getattr(self, name) for name in names}, self.record()


def ridge_on_offset(
    X: np.ndarray,
    datafit: Datafit,
    offset: np.ndarray,
    weight_decay: float,
    start: np.ndarray | None = None,
) -> np.ndarray:
    """Minimise ``loss(offset + W X' + b) + weight_decay/2 ||W||_2^2`` over W and b.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Standardised activations.
    datafit : Datafit
        A loss of class-major predictors (C, n).
    offset : ndarray, shape (C, n)
        Logits of the frozen head.
    weight_decay : float
    start : ndarray, shape (C, d + 1), optional

    Returns
    -------
    ndarray, shape (C, d + 1)
        W, and b in the last column. A ConvergenceWarning is given when the gradient's largest
        entry is still above 1e-6 at the end.
    """
    shape = (len(offset), X.shape[1] + 1)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        theta = flat.reshape(shape)
        W = theta[:, :-1]
        at = datafit.evaluate(offset + W @ X.T + theta[:, -1:])
        gradient = np.column_stack([at.slope @ X + weight_decay * W, at.slope.sum(axis=1)])
        return at.value + 0.5 * weight_decay * float(np.vdot(W, W)), gradient.ravel()

    first = np.zeros(shape) if start is None else start
    options = {"maxiter": MAX_ITERATIONS, "gtol": GRADIENT_TOLERANCE, "ftol": 0.0}
    found = minimize(objective, first.ravel(), jac=True, method="L-BFGS-B", options=options)
    worst = float(np.abs(found.jac).max())
    if worst > 10 * GRADIENT_TOLERANCE:
        warnings.warn(
            f"the residual's fit stopped at a gradient of {worst:.1e}, expected 1e-6",
            ConvergenceWarning,
            stacklevel=2,
        )
    return found.x.reshape(shape)
