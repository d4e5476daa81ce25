"""Two related representations of the same rows, and maps that comparisons may not see."""

from __future__ import annotations

import numpy as np


def related(n: int = 60, p: int = 5, q: int = 7, seed: int = 0, noise: float = 0.5):
    """Return X (n, p) and Y (n, q) that share part of their variance, with means and scales."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) @ rng.normal(size=(p, p)) + 3.0
    Y = X @ rng.normal(size=(p, q)) + noise * np.sqrt(p) * rng.normal(size=(n, q)) * 2 - 1.0
    return X, Y


def rotation(d: int, seed: int = 1) -> np.ndarray:
    """Return an orthogonal matrix (d, d)."""
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(d, d)))[0]


def invertible(d: int, seed: int = 2) -> np.ndarray:
    """Return an invertible matrix (d, d) that is far from orthogonal."""
    rng = np.random.default_rng(seed)
    return rotation(d, seed) @ np.diag(rng.uniform(0.3, 3.0, d)) @ rotation(d, seed + 1)


MAPS = {
    "orthogonal": lambda X, seed: X @ rotation(X.shape[1], seed),
    "isotropic scaling": lambda X, seed: X * -(2.5 + seed),
    "invertible linear": lambda X, seed: X @ invertible(X.shape[1], seed),
    "translation": lambda X, seed: X + np.arange(X.shape[1]) * (7.0 + seed),
}
