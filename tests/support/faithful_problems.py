"""A small problem whose first columns tell the class."""

from __future__ import annotations

import numpy as np

CLASSES = np.array(["ant", "bee", "cow", "dog"])


def problem(
    n: int = 400, classes: int = 3, concepts: int = 8, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (n, concepts), of which column j is high for class j, and the labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    X = rng.normal(size=(n, concepts)) + 0.5
    X[np.arange(n), y] += 1.8
    return X, CLASSES[y]
