"""A residual with one hidden layer, trained by AdamW and stopped early on validation rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pcbm.residual.problem import OffsetProblem
from pcbm.residual.reading import Reading

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class MlpSettings:
    """How a hidden-layer residual is trained.

    Attributes
    ----------
    hidden : int
        Units of the hidden layer.
    weight_decay : float
        Decoupled (AdamW, Loshchilov and Hutter 2019): each step takes ``learning_rate *
        weight_decay`` of every weight away. Biases do not decay.
    learning_rate : float
    batch_rows : int
    epochs : int
        At most so many passes over the rows.
    patience : int
        Passes without a lower validation loss after which training ends.
    """

    hidden: int = 64
    weight_decay: float = 0.3
    learning_rate: float = 3e-3
    batch_rows: int = 128
    epochs: int = 200
    patience: int = 10


@dataclass(frozen=True)
class MlpResidual:
    """Logits that a network with one hidden layer (ReLU) adds to those of the head.

    Trained in float32, evaluated in float64.

    Attributes
    ----------
    hidden_coef : ndarray, shape (h, d), float32
        On what is read, in standard units.
    hidden_intercept : ndarray, shape (h,), float32
    coef : ndarray, shape (C, h)
        One row for two classes: positive = second class.
    intercept : ndarray, shape (C,)
    reading : Reading
    weight_decay : float
        Decoupled, see `MlpSettings`.
    losses : tuple of float
        Validation loss before training and after each pass over the rows. The weights are those
        of the least.
    """

    hidden_coef: np.ndarray
    hidden_intercept: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    reading: Reading
    weight_decay: float
    losses: tuple[float, ...]
    kind: str = "mlp"

    def decision(self, X: NDArray) -> np.ndarray:
        """Return the added logits, shape (n, C)."""
        hidden = self.reading.apply(X) @ self.hidden_coef.T.astype(float) + self.hidden_intercept
        return np.maximum(hidden, 0.0) @ self.coef.T + self.intercept

    def record(self) -> dict[str, Any]:
        """Return what a report says of this residual."""
        return {
            "kind": self.kind,
            "weight_decay": self.weight_decay,
            "hidden": len(self.hidden_coef),
            "passes": len(self.losses) - 1,
            "best_pass": int(np.argmin(self.losses)),
            **self.reading.record(),
        }

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return arrays and a JSON value to be stored; `from_state` is the inverse."""
        arrays, reading = self.reading.state()
        arrays |= {
            "hidden_coef": self.hidden_coef,
            "hidden_intercept": self.hidden_intercept,
            "coef": self.coef,
            "intercept": self.intercept,
            "losses": np.array(self.losses),
        }
        return arrays, {"kind": self.kind, "weight_decay": self.weight_decay, **reading}

    @classmethod
    def from_state(cls, arrays: dict[str, np.ndarray], record: dict[str, Any]) -> MlpResidual:
        """Return the residual that `state` described."""
        return cls(
            hidden_coef=arrays["hidden_coef"],
            hidden_intercept=arrays["hidden_intercept"],
            coef=arrays["coef"],
            intercept=arrays["intercept"],
            reading=Reading.from_state(arrays, record),
            weight_decay=record["weight_decay"],
            losses=tuple(arrays["losses"].tolist()),
        )


def fit_mlp(
    problem: OffsetProblem,
    reading: Reading,
    *,
    settings: MlpSettings | None = None,
    seed: int = 0,
) -> MlpResidual:
    """Train a hidden-layer residual on four fifths of the rows; a fifth says when to stop.

    The output layer starts at zero, so that training starts at the concept model and returns to
    it when no pass lowers the validation loss.
    """
    settings = settings or MlpSettings()
    fitted, judged = problem.parts(seed)
    weights, losses = _train(fitted, judged, settings, np.random.default_rng(seed))
    hidden_coef, hidden_intercept, coef, intercept = weights
    return MlpResidual(
        hidden_coef,
        hidden_intercept,
        coef * problem.unit[:, None],
        intercept * problem.unit,
        reading,
        settings.weight_decay,
        tuple(losses),
    )


def _train(
    fitted: OffsetProblem,
    judged: OffsetProblem,
    settings: MlpSettings,
    rng: np.random.Generator,
) -> tuple[list[np.ndarray], list[float]]:
    """Return the weights with the least validation loss, and that loss after each pass."""
    import torch

    width, count = fitted.Z.shape[1], len(fitted.offset)
    start = rng.standard_normal((settings.hidden, width)) * np.sqrt(2 / width)  # He et al. 2015
    zeros = [np.zeros(settings.hidden), np.zeros((count, settings.hidden)), np.zeros(count)]
    weights = [torch.tensor(w, dtype=torch.float32, requires_grad=True) for w in (start, *zeros)]
    groups = [
        {"params": weights[0::2], "weight_decay": settings.weight_decay},
        {"params": weights[1::2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate)
    rows = torch.from_numpy(fitted.Z.astype(np.float32))
    held = torch.from_numpy(judged.Z.astype(np.float32))
    with _one_thread():
        losses = [_loss(judged, held, weights)]
        best = _copied(weights)
        for _ in range(settings.epochs):
            _one_pass(fitted, rows, weights, optimiser, rng.permutation(len(rows)), settings)
            losses.append(_loss(judged, held, weights))
            if losses[-1] < min(losses[:-1]):
                best = _copied(weights)
            if len(losses) - 1 - int(np.argmin(losses)) >= settings.patience:
                break
    return best, losses


def _one_pass(
    problem: OffsetProblem,
    rows: torch.Tensor,
    weights: list[torch.Tensor],
    optimiser: torch.optim.Optimizer,
    order: NDArray[np.intp],
    settings: MlpSettings,
) -> None:
    """Go through the rows once; the head's own loss gives the slope that is sent back."""
    import torch

    for first in range(0, len(order), settings.batch_rows):
        batch = order[first : first + settings.batch_rows]
        # A row counts by its weight against the mean weight, however the batches fall.
        shares = problem.loss.weights[batch] * len(order) / len(batch)
        added = _forward(rows[torch.from_numpy(batch)], weights)
        eta = problem.offset[:, batch] + added.detach().numpy().T
        slope = problem.loss.take(batch, shares).evaluate(eta).slope
        optimiser.zero_grad()
        added.backward(torch.from_numpy(np.ascontiguousarray(slope.T, dtype=np.float32)))
        optimiser.step()


def _forward(rows: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
    hidden_coef, hidden_intercept, coef, intercept = weights
    return (rows @ hidden_coef.T + hidden_intercept).relu() @ coef.T + intercept


def _loss(problem: OffsetProblem, rows: torch.Tensor, weights: list[torch.Tensor]) -> float:
    return problem.value(_forward(rows, weights).detach().numpy())


def _copied(weights: list[torch.Tensor]) -> list[np.ndarray]:
    return [w.detach().numpy().copy() for w in weights]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Train on one thread: sums in one order give the same bytes, and small steps are faster."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
