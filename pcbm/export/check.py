"""Is an exported model the model? Compared on rows, before the file is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.errors import InputError
from pcbm.export.parts import Parts

Array = NDArray[np.float64]

TOLERANCE = 1e-5
ROWS = 1000  # compared at most


def drawn_activations(parts: Parts, n: int = 256, seed: int = 0) -> Array:
    """Return made-up activations (n, d) that look like the training rows to the model.

    Normal, with the mean and spread of what the residual reads where there is one, else the
    smallest activations whose concept scores have the training mean and spread.
    """
    rng = np.random.default_rng(seed)
    if parts.reading is not None:
        return parts.reading.mean + parts.reading.scale * rng.standard_normal((n, parts.width))
    scores = parts.mean + parts.scale * rng.standard_normal((n, len(parts.mean)))
    if parts.projection is None:
        return scores
    found = (scores - parts.projection.offset) @ np.linalg.pinv(parts.projection.matrix)
    return found if parts.projection.shift is None else found + parts.projection.shift


def some_rows(X: Any, n: int = ROWS, seed: int = 0) -> Array:
    """Return at most ``n`` rows of activations, drawn without replacement, in their order."""
    count = len(X)
    if count <= n:
        return np.asarray(X)
    return np.asarray(X[np.sort(np.random.default_rng(seed).choice(count, n, replace=False))])


def compared(
    expected: Mapping[str, Array], got: Mapping[str, NDArray], *, fix: str
) -> dict[str, float]:
    """Return the largest difference of each output, and refuse one above the tolerance.

    A difference counts relative to the largest value of that output, or to 1 where that is larger.

    Parameters
    ----------
    expected, got : dict of str to ndarray
    fix : str
        What to do about a difference, the end of the message.

    Raises
    ------
    InputError
        An output differs by more than 1e-5, or holds a value that is not finite.
    """
    differences = {}
    for name, values in expected.items():
        scale = max(1.0, float(np.abs(values).max(initial=0.0)))
        there = np.asarray(got[name], dtype=float)
        if there.shape != values.shape:
            raise InputError(
                f"the exported model gives {name} of shape {there.shape}, expected {values.shape}, "
                f"so nothing was written: {fix}"
            )
        worst = float(np.abs(there - values).max(initial=0.0)) / scale
        if not worst <= TOLERANCE:
            raise InputError(
                f"the exported model differs from the model by {worst:.1e} in its {name}, expected "
                f"at most {TOLERANCE:g}, so nothing was written: {fix}"
            )
        differences[name] = worst
    return differences
