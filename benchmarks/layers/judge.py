"""The answers in float64, from formulas that the package does not use."""

from __future__ import annotations

import numpy as np

from benchmarks.layers.problem import Array, Layers, Table

SHARE = 0.99  # of the variance that SVCCA keeps


def reference(layers: Layers) -> Array:
    """Return the answer (layers of the left, layers of the right) of a problem."""
    return svcca_of_bases(layers) if layers.spec.kind == "svcca" else minibatch_map(layers)


def minibatch_map(layers: Layers) -> Array:
    """Return ``sum HSIC(K, L) / sqrt(sum HSIC(K, K) sum HSIC(L, L))`` over batches, of all pairs.

    HSIC is the inner product of U-centred kernels over n (n - 3), as in Szekely and Rizzo,
    "Partial distance correlation with methods for dissimilarities", Annals of Statistics 42 (2014).
    """
    both = np.zeros((len(layers.left), len(layers.right)))
    one, other = np.zeros(len(layers.left)), np.zeros(len(layers.right))
    for rows in layers.batches():
        n = rows.stop - rows.start
        left, right = (
            np.array([u_centred(table[rows]).ravel() for table in side])
            for side in (layers.left, layers.right)
        )
        scale = n * (n - 3)
        both += left @ right.T / scale
        one += np.square(left).sum(axis=1) / scale
        other += np.square(right).sum(axis=1) / scale
    return both / np.sqrt(np.outer(one, other))


def u_centred(table: Table | Array) -> Array:
    """Return the linear kernel (n, n) of centred rows, U-centred: zero diagonal and row sums."""
    values = table.astype(np.float64)
    values -= values.mean(axis=0)
    kernel = values @ values.T
    np.fill_diagonal(kernel, 0.0)
    n = len(kernel)
    sums = kernel.sum(axis=0) / (n - 2)
    kernel += sums.sum() / (n - 1) - sums - sums[:, None]
    np.fill_diagonal(kernel, 0.0)
    return kernel


def svcca_of_bases(layers: Layers) -> Array:
    """Return the mean cosine of the angles between the main directions of one pair, (1, 1)."""
    bases = [_main(table) for table in (layers.left[0], layers.right[0])]
    return np.array([[np.linalg.svd(bases[0].T @ bases[1], compute_uv=False).mean()]])


def _main(table: Table) -> Array:
    values = table.astype(np.float64)
    U, s, _ = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)
    share = np.cumsum(s**2) / np.sum(s**2)
    return U[:, : int(np.searchsorted(share, SHARE)) + 1]


def error(answer: Array, expected: Array) -> float:
    """Return the largest distance of an answer from the reference."""
    return float(np.abs(answer - expected).max())
