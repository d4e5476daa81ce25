"""Taking concepts out of activations: their directions, or what is linear in their scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError
from pcbm.heads import standardise
from pcbm.heads.inputs import check_scores, check_weights
from pcbm.projection.projection import RCOND

Array = NDArray[np.float64]

UNCORRELATED = 1e-9  # canonical correlations below this are rounding

GUARANTEES = {
    "span": "removes geometric overlap only: what is left may still correlate with the concepts",
    "scores": "no linear reader finds the concept scores on the training rows; others may",
    "scores in class": "over the classes' own means, no linear reader finds the concept scores on "
    "the training rows; others may, and what tells the class still goes with them",
}


@dataclass(frozen=True)
class Erasure:
    """An affine map that takes something out of activations: ``x - (x - centre) left right``.

    Attributes
    ----------
    what : {"span", "scores", "scores in class"}
        Made by `span_erasure` or by `erasure`.
    centre : ndarray, shape (d,)
    left : ndarray, shape (d, r)
    right : ndarray, shape (r, d)
        ``left @ right`` projects on what is removed.
    """

    what: str
    centre: Array
    left: Array
    right: Array

    def apply(self, X: ArrayLike) -> Array:
        """Return the activations (n, d) without it, in float64."""
        X = np.asarray(X, dtype=np.float64)
        return X - (X - self.centre) @ self.left @ self.right

    def record(self) -> dict[str, Any]:
        """Return what is removed, of how many dimensions, and what that guarantees."""
        return {
            "what": self.what,
            "dimensions_removed": self.left.shape[1],
            "dimensions": self.left.shape[0],
            "guarantee": GUARANTEES[self.what],
        }


def span_erasure(vectors: ArrayLike) -> Erasure:
    """Return the map ``f -> f (I - V^+ V)`` on the complement of the span of directions.

    It removes geometric overlap alone. Activations are correlated, so what is left can still
    predict the concept scores; `erasure` removes that.

    Parameters
    ----------
    vectors : array-like, shape (K, d)
        Directions, not zero. Their lengths do not matter; singular values of the unit vectors
        below 1e-6 of the largest count as zero.

    Returns
    -------
    Erasure

    Raises
    ------
    InputError
        The directions span all d dimensions, so that nothing is left.
    """
    V = check_scores(vectors)
    dim = V.shape[1]
    _, sizes, rows = np.linalg.svd(
        V / np.linalg.norm(V, axis=1, keepdims=True), full_matrices=False
    )
    basis = rows[sizes > RCOND * sizes[0]]
    if len(basis) == dim:
        raise InputError(
            f"the {len(V)} concepts span all {dim} dimensions of the activations, so nothing is "
            "left that is orthogonal to them: use fewer concepts, or residual 'linear'"
        )
    return Erasure("span", np.zeros(dim), basis.T.copy(), basis)


def erasure(
    X: ArrayLike,
    S: ArrayLike,
    sample_weight: ArrayLike | None = None,
    within: ArrayLike | None = None,
) -> Erasure:
    r"""Return the least-squares concept erasure (LEACE) of scores from activations.

    The affine map r that makes ``Cov(r(X), S) = 0`` on these rows with the least
    ``E ||r(X) - X||^2`` (Belrose et al. 2023, "LEACE: Perfect linear concept erasure in closed
    form", theorem 4.3): ``r(x) = x - W^+ P W (x - mean)``, with W the whitening of X and P the
    orthogonal projection on the columns of ``W Cov(X, S)``. The best map is the same for every
    inner product, so columns are standardised first.

    No linear reader of r(X) does better than a constant at predicting S by least squares on these
    rows. That says nothing of readers that are not linear, of other rows, nor, unless X and S are
    jointly Gaussian, of thresholded scores: give those as columns of S to erase them.

    Parameters
    ----------
    X : array-like, shape (n, d)
        Activations.
    S : array-like, shape (n, k)
        Scores of the concepts to erase.
    sample_weight : array-like, shape (n,), optional
        A weight of 2 equals the row given twice.
    within : array-like, shape (n,), optional
        Classes: the covariance pooled within them becomes zero, not that of all rows. For a concept
        that is tied to the class: erased as a whole, it takes part of what tells the class along.

    Returns
    -------
    Erasure
        Directions in which the rows hardly vary (by less than 1e-6 of the widest) are held at
        their mean too: their covariance with S cannot be told from rounding.

    Raises
    ------
    InputError
        Another number of rows, or the scores take all that varies in X, so that nothing is left.
    """
    X, S = check_scores(X), check_scores(S)
    if len(X) != len(S):
        raise InputError(
            f"there are {len(X)} activations but {len(S)} rows of scores: give one each"
        )
    weight = check_weights(sample_weight, len(X))
    root_weight = np.sqrt(weight)[:, None]
    middle, _ = standardise(X, sample_weight)
    if within is not None:
        X, S = (_centred(each, np.asarray(within), weight) for each in (X, S))
    centre, scale = standardise(X, sample_weight)
    score_mean, score_scale = standardise(S, sample_weight)
    Z = (X - centre) / scale * root_weight
    T = (S - score_mean) / score_scale * root_weight
    variances, axes = np.linalg.eigh(Z.T @ Z)
    varied = variances > RCOND**2 * max(variances[-1], np.finfo(float).tiny)
    spread, kept, unvaried = np.sqrt(variances[varied]), axes[:, varied], axes[:, ~varied]
    correlations = (kept.T @ (Z.T @ T)) / spread[:, None]
    Q, sizes, _ = np.linalg.svd(correlations, full_matrices=False)
    Q = Q[:, sizes > UNCORRELATED]
    if Q.shape[1] == varied.sum():
        raise InputError(
            f"the {S.shape[1]} concept scores take all {varied.sum()} dimensions in which the "
            "activations vary, so nothing is left: erase fewer concepts"
        )
    left = np.hstack([kept / spread @ Q, unvaried]) / scale[:, None]
    right = np.vstack([(Q.T * spread) @ kept.T, unvaried.T]) * scale
    return Erasure("scores" if within is None else "scores in class", middle, left, right)


def _centred(X: Array, classes: NDArray, weight: NDArray) -> Array:
    """Return rows without the weighted mean of their class."""
    names, place = np.unique(classes, return_inverse=True)
    member = (place[None, :] == np.arange(len(names))[:, None]) * weight
    return X - (member @ X / member.sum(axis=1, keepdims=True))[place]
