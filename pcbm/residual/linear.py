"""Linear residuals: ridge-penalised logits from what is read of activations, on an offset."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from pcbm.heads import threads_for
from pcbm.heads.datafits import Datafit
from pcbm.residual.problem import OffsetProblem
from pcbm.residual.reading import Reading

MAX_ITERATIONS = 2000
GRADIENT_TOLERANCE = 1e-6
WEIGHT_DECAYS = (10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4)


@dataclass(frozen=True)
class LinearResidual:
    """Logits that a linear function of the activations adds to those of the head.

    Attributes
    ----------
    coef : ndarray, shape (C, d)
        On what is read, in standard units. One row for two classes: positive = second class.
    intercept : ndarray, shape (C,)
    reading : Reading
    weight_decay : float
        Weight of ``||coef||_2^2 / 2`` beside the mean loss.
    kind : {"linear", "orthogonal", "erase"}
    """

    coef: np.ndarray
    intercept: np.ndarray
    reading: Reading
    weight_decay: float
    kind: str = "linear"

    def decision(self, X: NDArray) -> np.ndarray:
        """Return the added logits, shape (n, C)."""
        return self.reading.apply(X) @ self.coef.T + self.intercept

    def record(self) -> dict[str, Any]:
        """Return what a report says of this residual."""
        return {"kind": self.kind, "weight_decay": self.weight_decay, **self.reading.record()}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays and a JSON value to be stored; `from_state` is the inverse."""
        arrays, reading = self.reading.state()
        arrays |= {"coef": self.coef, "intercept": self.intercept}
        return arrays, {"kind": self.kind, "weight_decay": self.weight_decay, **reading}

    @classmethod
    def from_state(cls, arrays: dict[str, np.ndarray], record: dict[str, Any]) -> LinearResidual:
        """Return the residual that `state` described."""
        reading = Reading.from_state(arrays, record)
        parts = arrays["coef"], arrays["intercept"]
        return cls(*parts, reading, record["weight_decay"], record["kind"])


def fit_linear(
    problem: OffsetProblem,
    reading: Reading,
    *,
    kind: str = "linear",
    weight_decay: float | None = None,
    seed: int = 0,
) -> LinearResidual:
    """Fit a linear residual.

    Without ``weight_decay`` it is the one with the least loss on a fifth of the rows, fitted on
    the others from the strongest to the weakest until it has risen twice; the residual is then
    fitted on all rows.
    """
    theta = None
    with threads_for(len(problem.Z), len(problem.offset), problem.Z.shape[1]):
        if weight_decay is None:
            weight_decay, theta = _validated_decay(*problem.parts(seed))
        theta = ridge_on_offset(problem.Z, problem.loss, problem.offset, weight_decay, theta)
    theta = theta * problem.unit[:, None]
    return LinearResidual(theta[:, :-1], theta[:, -1], reading, weight_decay, kind)


def _validated_decay(fitted: OffsetProblem, judged: OffsetProblem) -> tuple[float, np.ndarray]:
    """Return the decay with the least loss on held-out rows, and the last fit as a start."""
    theta: np.ndarray | None = None
    losses: list[float] = []
    for decay in WEIGHT_DECAYS:
        theta = ridge_on_offset(fitted.Z, fitted.loss, fitted.offset, decay, theta)
        losses.append(judged.value(judged.Z @ theta[:, :-1].T + theta[:, -1]))
        if len(losses) > 2 and losses[-1] > losses[-2] > losses[-3]:
            break  # weaker decays only fit the noise of these rows
    assert theta is not None
    return WEIGHT_DECAYS[int(np.argmin(losses))], theta


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
