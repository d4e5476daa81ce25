"""Second-order models of the loss: Hessians over a working set of features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.problem import Point

Array = NDArray[np.float64]

CHUNK = 8192  # rows of data handled at once, to bound memory


def block_metric(point: Point, features: Array) -> Array:
    """Return the Hessian blocks of each coefficient row, intercept last.

    Parameters
    ----------
    point : where the curvature is taken
    features : (W, n) rows of the working set

    Returns
    -------
    (C, W+1, W+1) array, or (1, W+1, W+1) when all rows share one block. Exact for losses that
    are sums over rows; for a softmax the true Hessian is at most twice this.
    """
    curvature = point.problem.datafit.curvature(point.evaluation)
    width, n = features.shape
    out = np.zeros((len(curvature), width + 1, width + 1))
    for first in range(0, n, CHUNK):
        rows = slice(first, min(first + CHUNK, n))
        part = np.empty((width + 1, rows.stop - first))
        for k, weights in enumerate(curvature):
            root = np.sqrt(weights[rows])
            np.multiply(features[:, rows], root, out=part[:-1])
            part[-1] = root
            out[k] += part @ part.T
    return out


def coupled_metric(point: Point, features: Array) -> Array:
    """Return the full softmax Hessian, sum_i w_i (diag(p) - p p') kron x x', as one block.

    Coordinates are ordered row by row, the intercept last in each: shape (1, D, D) with
    D = C (W+1).
    """
    response = point.evaluation.response
    weights = point.problem.datafit.weights
    rows, (width, n) = len(response), features.shape
    size = width + 1
    out = np.zeros((rows * size, rows * size))
    for first in range(0, n, CHUNK):
        cut = slice(first, min(first + CHUNK, n))
        plain = np.vstack([features[:, cut], np.ones(cut.stop - first)])
        root = np.sqrt(weights[cut])
        stacked = np.empty((rows, size, cut.stop - first))
        for k in range(rows):
            np.multiply(plain, response[k, cut] * root, out=stacked[k])
            part = plain * np.sqrt(response[k, cut] * weights[cut])
            block = slice(k * size, (k + 1) * size)
            out[block, block] += part @ part.T
        flat = stacked.reshape(rows * size, -1)
        out -= flat @ flat.T
    return out[None]
