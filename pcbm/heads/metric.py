"""Second-order models of the loss: Hessians at a point, on all data rows or on a sample."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pcbm.heads.problem import Problem
from pcbm.heads.rows import parts
from pcbm.heads.threads import in_order

Array = NDArray[np.float64]

CHUNK = 4096  # data rows handled at once, to bound memory
PANEL = 256  # rows of a whole Hessian that one thread computes at once


def row_blocks(problem: Problem, coef: Array, intercept: Array) -> Array:
    """Return the Hessian block of each coefficient row, intercept last.

    Shape (C, K+1, K+1), or (1, K+1, K+1) when all rows share one. Exact for losses that are
    sums over rows; a softmax has also blocks between rows, and its Hessian is at most twice
    this, because diag(p) - p p' <= 2 diag(p (1 - p)).
    """
    curvature = _curvature(problem, coef, intercept)
    width = problem.shape[1]
    out = np.zeros((len(curvature), width + 1, width + 1))

    def add(k: int) -> None:
        out[k] += _moments(features, curvature[k, part])

    for part in parts(problem.features, CHUNK):
        features = problem.features.chunk(part)
        for _ in in_order(add, range(len(curvature))):
            pass
    return out


def _curvature(problem: Problem, coef: Array, intercept: Array) -> NDArray:
    """Return the curvature of each coefficient row at each data row, (C, n) or (1, n)."""

    def bend(part: slice, features: NDArray) -> NDArray:
        response = problem.datafit.response(problem.predict(coef, intercept, part, features))
        return problem.datafit.curvature(response, part)

    return np.concatenate(list(problem.visit(bend)), axis=1)


def _moments(features: NDArray, weights: NDArray) -> NDArray:
    """Return the weighted second moments of features (K, m) and a constant, (K+1, K+1)."""
    roots = np.sqrt(weights)
    scaled = np.empty((len(features) + 1, len(weights)), features.dtype)
    np.multiply(features, roots, out=scaled[:-1])
    scaled[-1] = roots
    return scaled @ scaled.T


def mean_curvature(problem: Problem, coef: Array, intercept: Array) -> Array:
    """Return the weighted mean curvature of each coefficient row, shape (C,) or (1,)."""
    return _curvature(problem, coef, intercept).sum(axis=1, dtype=float)


def gram(problem: Problem) -> Array:
    """Return the weighted second moments of the features and a constant, (K+1, K+1)."""
    width = problem.shape[1]
    weights = problem.datafit.weights.astype(problem.features.dtype)
    out = np.zeros((width + 1, width + 1))
    for moments in problem.visit(lambda part, features: _moments(features, weights[part]), CHUNK):
        out += moments
    return out


def sizes(problem: Problem) -> Array:
    """Return the weighted mean squares of the features and of a constant, (K+1,)."""
    out = np.ones(problem.shape[1] + 1)
    out[:-1] = 0.0
    for part in parts(problem.features, CHUNK):
        features = problem.features.chunk(part)
        out[:-1] += np.square(features) @ problem.datafit.weights[part].astype(features.dtype)
    return out


def whole_block(
    problem: Problem, coef: Array, intercept: Array, chosen: NDArray[np.bool_]
) -> Array:
    """Return the softmax Hessian over chosen coordinates, sum_i w_i (diag(p) - p p') kron x x'.

    ``chosen`` is (C, K+1), intercepts last; coordinates are ordered row by row. Shape (1, s, s).
    """
    ends = np.cumsum(chosen.sum(axis=1))
    out = np.zeros((ends[-1], ends[-1]))
    for part in parts(problem.features, CHUNK):
        features = problem.features.chunk(part)
        response = problem.datafit.response(problem.predict(coef, intercept, part, features))
        weights = problem.datafit.weights[part].astype(features.dtype)
        _add_whole(out, features, response, weights, chosen)
    lower = np.tril(out, -1)
    return (lower + lower.T + np.diag(np.diagonal(out)))[None]


def _add_whole(
    out: Array, features: NDArray, response: NDArray, weights: NDArray, chosen: NDArray[np.bool_]
) -> None:
    """Add the softmax Hessian of some rows to ``out``, in its lower triangle at least."""
    counts = chosen.sum(axis=1)
    ends = np.cumsum(counts)
    plain = np.vstack([features, np.ones((1, len(weights)), features.dtype)])
    stacked = np.empty((ends[-1], len(weights)), features.dtype)

    def add_diagonal(k: int) -> None:
        block = slice(ends[k] - counts[k], ends[k])
        own, p = plain[chosen[k]], response[k]
        np.multiply(own, p * np.sqrt(weights), out=stacked[block])
        own *= np.sqrt(p * weights)
        out[block, block] += own @ own.T

    def subtract_panel(first: int) -> None:
        panel = slice(first, min(first + PANEL, len(stacked)))
        out[panel, : panel.stop] -= stacked[panel] @ stacked[: panel.stop].T

    for _ in in_order(add_diagonal, range(len(chosen))):
        pass
    for _ in in_order(subtract_panel, range(0, len(stacked), PANEL)):
        pass
