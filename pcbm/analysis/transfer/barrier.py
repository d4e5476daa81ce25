"""The performance barrier between two networks: the loss on the line from one to the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from pcbm.analysis.networks import Network
from pcbm.analysis.reading import BATCH_SIZE, Progress
from pcbm.analysis.transfer.landscape import Landscape, Score
from pcbm.analysis.transfer.weights import (
    Weights,
    blend,
    check_same_shapes,
    has_batch_norm,
    read_weights,
)
from pcbm.errors import InputError

POINTS = 11
NO_BATCH_NORM = "the networks have no batch norm, so the curve as is says it all"
NO_TRAIN = "no training pictures were given to compute the statistics from"


@dataclass(frozen=True, eq=False)
class Curve:
    """Loss and accuracy along ``(1 - t) w1 + t w2``.

    Attributes
    ----------
    t : ndarray (T,)
        From 0 to 1.
    loss, accuracy : ndarray (T,)
        Mean cross-entropy in nats, and share of right pictures.
    """

    t: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray

    @property
    def excess(self) -> np.ndarray:
        """``l(t) - (1 - t) l(0) - t l(1)``, (T,): exactly 0 at both ends."""
        return excess(self.t, self.loss)

    @property
    def barrier(self) -> float:
        """``max_t l((1 - t) w1 + t w2) - (1 - t) l(w1) - t l(w2)``, the ends included: >= 0."""
        return float(self.excess.max())

    @property
    def inside(self) -> float:
        """The same maximum without the ends: negative where the loss is below the chord."""
        return float(self.excess[1:-1].max())

    @property
    def error_barrier(self) -> float:
        """The barrier of the error, which is one minus the accuracy."""
        return float(excess(self.t, 1.0 - self.accuracy).max())

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "barrier": self.barrier,
            "at": float(self.t[int(self.excess.argmax())]),
            "inside": self.inside,
            "error_barrier": self.error_barrier,
            "loss": self.loss.tolist(),
            "accuracy": self.accuracy.tolist(),
            "excess": self.excess.tolist(),
        }


@dataclass(frozen=True, eq=False)
class Barrier:
    """The barrier of two networks, with the statistics of batch norm as is and recalibrated.

    Attributes
    ----------
    a, b : str
        Names of w1 and w2.
    n, n_train : int
        Pictures of the loss, and of the statistics (0: none).
    as_is : Curve
        Statistics are mixed like the weights, so that both ends are the given networks.
    recalibrated : Curve or None
        Statistics are computed anew at every t from training pictures, the ends included.
    reason : str or None
        Why there is no recalibrated curve.
    """

    a: str
    b: str
    n: int
    n_train: int
    as_is: Curve
    recalibrated: Curve | None
    reason: str | None

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "a": self.a,
            "b": self.b,
            "n": self.n,
            "n_train": self.n_train,
            "t": self.as_is.t.tolist(),
            "as_is": self.as_is.data(),
            "recalibrated": None if self.recalibrated is None else self.recalibrated.data(),
            "reason": self.reason,
        }


def excess(t: np.ndarray, loss: np.ndarray) -> np.ndarray:
    """Return how far each loss (T,) is above the chord between the first and the last one.

    Equal ends give a chord that is constant to the last bit, and the ends themselves give 0.

    >>> excess(np.array([0.0, 0.5, 1.0]), np.array([1.0, 2.5, 2.0]))
    array([0., 1., 0.])
    """
    rise = loss[-1] - loss[0]
    chord = np.where(t < 0.5, loss[0] + t * rise, loss[-1] - (1.0 - t) * rise)
    return loss - chord


def line(
    score: Callable[[Weights], Score],
    a: Weights,
    b: Weights,
    *,
    points: int = POINTS,
    progress: Callable[[], None] | None = None,
) -> Curve:
    """Measure loss and accuracy at evenly spaced points of the line between two points.

    Parameters
    ----------
    score : callable
        Weights -> `Score`.
    a, b : Weights
    points : int
        At least 3, the ends included.
    progress : callable, optional
        Called after every point.
    """
    if points < 3:
        raise InputError(f"the points of the line were given as {points}: give at least 3")
    t = np.linspace(0.0, 1.0, points)
    found = []
    for share in t:
        found.append(score(blend([a, b], [1.0 - share, share])))
        if progress:
            progress()
    return Curve(t, np.array([s.loss for s in found]), np.array([s.accuracy for s in found]))


def measure_barrier(
    a: Network,
    b: Network,
    pixels: Tensor,
    labels: np.ndarray,
    *,
    train: Tensor | None = None,
    points: int = POINTS,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Barrier:
    """Measure ``max_t [ l((1-t) w1 + t w2) - (1-t) l(w1) - t l(w2) ]`` between two networks.

    Parameters
    ----------
    a, b : Network
        Of one architecture and one scale of pixels; both come back as they were.
    pixels : Tensor (n, ...)
        From 0 to 1.
    labels : ndarray (n,) of int
        Positions of the right outputs.
    train : Tensor (m, ...), optional
        Training pictures, m >= 2, for the statistics of batch norm.
    points : int
        Evenly spaced t, the ends included: the maximum is over these.
    batch_size : int
    seed : int
        Of dropout in the passes that compute statistics.
    progress : callable, optional
        Called with the points done and the points in all.

    Raises
    ------
    InputError
        Two architectures, labels that do not fit, fewer than 3 points, or an end whose loss is
        not finite.

    References
    ----------
    Neyshabur, Sedghi, Zhang, "What is being transferred in transfer learning?", NeurIPS 2020
    (arXiv 2008.11687), section 3.3. Recalibration: `torch.optim.swa_utils.update_bn`.
    """
    ends = read_weights(a), read_weights(b)
    check_same_shapes(*ends, (a.name, b.name))
    reason = None
    if not has_batch_norm(a):
        reason = NO_BATCH_NORM
    elif train is None:
        reason = NO_TRAIN
    total, done = points * (1 if reason else 2), 0

    def tick() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, total)

    def curve(statistics: Tensor | None) -> Curve:
        land = Landscape(a, pixels, labels, train=statistics, batch_size=batch_size, seed=seed)
        found = line(land.score, *ends, points=points, progress=tick)
        for name, loss in ((a.name, found.loss[0]), (b.name, found.loss[-1])):
            if not np.isfinite(loss):
                raise InputError(
                    f"the loss of {name} is {loss}, so there is no chord to measure a barrier "
                    "from: give networks with finite outputs"
                )
        return found

    as_is = curve(None)
    recalibrated = None if reason else curve(train)
    n_train = 0 if reason or train is None else len(train)
    return Barrier(a.name, b.name, len(pixels), n_train, as_is, recalibrated, reason)
