"""Anderson extrapolation of a fixed-point iteration (Anderson, 1965; Walker and Ni, 2011)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MEMORY = 10
RIDGE = 1e-10


class Extrapolation:
    """Remembers the last steps of ``x -> g(x)`` and guesses the point where they would end."""

    def __init__(self) -> None:
        self._steps: list[tuple[Array, Array]] = []

    def forget(self) -> None:
        """Drop every remembered step but the newest, when a guess went wrong."""
        self._steps = self._steps[-1:]

    def guess(self, x: Array, image: Array) -> Array | None:
        """Add the step from ``x`` to ``image = g(x)``; return the guess, or None at first.

        The guess is the combination of the images, with weights that sum to one, whose residual
        ``g(x) - x`` is least if g is linear.
        """
        self._steps = [*self._steps, (x, image)][-MEMORY:]
        if len(self._steps) < 2:
            return None
        residuals = np.array([after - before for before, after in self._steps])
        images = np.array([after for _, after in self._steps])
        change = np.diff(residuals, axis=0)
        moments = change @ change.T
        moments[np.diag_indices_from(moments)] += RIDGE * np.trace(moments) + 1e-300
        weights = np.linalg.solve(moments, change @ residuals[-1])
        return image - weights @ np.diff(images, axis=0)
