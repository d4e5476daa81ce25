"""Second-order models of the loss: Hessians at a point, on all data rows or on a sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.problem import Problem

Array = NDArray[np.float64]

CHUNK = 4096  # data rows handled at once, to bound memory


def row_blocks(problem: Problem, coef: Array, intercept: Array) -> Array:
    """Return the Hessian block of each coefficient row, intercept last.

    Shape (C, K+1, K+1), or (1, K+1, K+1) when all rows share one. Exact for losses that are
    sums over rows; a softmax has also blocks between rows, and its Hessian is at most twice
    this, because diag(p) - p p' <= 2 diag(p (1 - p)).
    """
    response = problem.datafit.evaluate(problem.predictors(coef, intercept)).response
    curvature = problem.datafit.curvature(response)
    width, n = problem.features.shape
    out = np.zeros((len(curvature), width + 1, width + 1))
    for first in range(0, n, CHUNK):
        part = slice(first, min(first + CHUNK, n))
        scaled = np.empty((width + 1, part.stop - first), problem.features.dtype)
        for k, weights in enumerate(curvature):
            root = np.sqrt(weights[part])
            np.multiply(problem.features[:, part], root, out=scaled[:-1])
            scaled[-1] = root
            out[k] += scaled @ scaled.T
    return out


def mean_curvature(problem: Problem, coef: Array, intercept: Array) -> Array:
    """Return the weighted mean curvature of each coefficient row, shape (C,) or (1,)."""
    response = problem.datafit.evaluate(problem.predictors(coef, intercept)).response
    return problem.datafit.curvature(response).sum(axis=1, dtype=float)


def gram(problem: Problem) -> Array:
    """Return the weighted second moments of the features and a constant, (K+1, K+1)."""
    width, n = problem.features.shape
    out = np.zeros((width + 1, width + 1))
    roots = np.sqrt(problem.datafit.weights).astype(problem.features.dtype)
    for first in range(0, n, CHUNK):
        part = slice(first, min(first + CHUNK, n))
        scaled = np.empty((width + 1, part.stop - first), problem.features.dtype)
        np.multiply(problem.features[:, part], roots[part], out=scaled[:-1])
        scaled[-1] = roots[part]
        out += scaled @ scaled.T
    return out


def whole_block(
    problem: Problem, coef: Array, intercept: Array, chosen: NDArray[np.bool_]
) -> Array:
    """Return the softmax Hessian over chosen coordinates, sum_i w_i (diag(p) - p p') kron x x'.

    ``chosen`` is (C, K+1), intercepts last; coordinates are ordered row by row. Shape (1, s, s).
    """
    response = problem.datafit.evaluate(problem.predictors(coef, intercept)).response
    dtype = problem.features.dtype
    weights = problem.datafit.weights.astype(dtype)
    counts = chosen.sum(axis=1)
    ends = np.cumsum(counts)
    out = np.zeros((ends[-1], ends[-1]))
    for first in range(0, problem.n, CHUNK):
        part = slice(first, min(first + CHUNK, problem.n))
        plain = np.vstack([problem.features[:, part], np.ones((1, part.stop - first), dtype)])
        stacked = np.empty((ends[-1], part.stop - first), dtype)
        for k, p in enumerate(response[:, part]):
            block = slice(ends[k] - counts[k], ends[k])
            own = plain[chosen[k]]
            np.multiply(own, p * np.sqrt(weights[part]), out=stacked[block])
            own = own * np.sqrt(p * weights[part])
            out[block, block] += own @ own.T
        out -= stacked @ stacked.T
    return out[None]
