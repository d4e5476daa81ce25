"""What a residual reads of an activation: the parts left to it, in standard units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.heads import standardise
from pcbm.projection.projection import RCOND
from pcbm.residual.erasure import Erasure

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """Activations without what was erased from them, standardised on the training rows.

    Attributes
    ----------
    mean, scale : ndarray, shape (d,)
        Of the erased activations.
    erased : tuple of Erasure
        Applied in this order, before standardising.
    """

    mean: Array
    scale: Array
    erased: tuple[Erasure, ...] = ()

    @classmethod
    def fit(
        cls, X: Array, erased: tuple[Erasure, ...], sample_weight: Array | None = None
    ) -> Reading:
        """Return the reading of training rows (n, d).

        A column that erasing left without variance (1e-6 of what it had) keeps its old scale:
        divided by its own, it would be rounding noise of size one.
        """
        mean, scale = standardise(X, sample_weight)
        if not erased:
            return cls(mean, scale)
        before = scale
        mean, scale = standardise(without(X, erased), sample_weight)
        return cls(mean, np.where(scale > RCOND * before, scale, before), erased)

    def apply(self, X: NDArray) -> Array:
        """Return what the residual reads of activations (n, d)."""
        return (without(X, self.erased) - self.mean) / self.scale

    def record(self) -> dict[str, Any]:
        """Return what was erased, for a report."""
        return {"erased": [each.record() for each in self.erased]}

    def state(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """Return arrays and a JSON value to be stored; `from_state` is the inverse."""
        arrays = {"mean": self.mean, "scale": self.scale}
        for i, each in enumerate(self.erased):
            parts = {"centre": each.centre, "left": each.left, "right": each.right}
            arrays |= {f"erased.{i}.{name}": value for name, value in parts.items()}
        return arrays, {"erased": [each.what for each in self.erased]}

    @classmethod
    def from_state(cls, arrays: dict[str, Array], record: dict[str, Any]) -> Reading:
        """Return the reading that `state` described."""
        erased = tuple(
            Erasure(what, *(arrays[f"erased.{i}.{name}"] for name in ("centre", "left", "right")))
            for i, what in enumerate(record.get("erased", []))
        )
        return cls(arrays["mean"], arrays["scale"], erased)


def without(X: NDArray, erased: tuple[Erasure, ...]) -> Array:
    """Return activations (n, d) after all erasures, in order."""
    X = np.asarray(X, dtype=np.float64)
    for each in erased:
        X = each.apply(X)
    return X
