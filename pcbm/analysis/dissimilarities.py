"""Representational similarity analysis: whether two sides find the same pairs of rows unlike."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.products import BLOCK_VALUES, blocks
from pcbm.analysis.result import ISOTROPIC, SYMMETRIC, TRANSLATION, Comparison
from pcbm.analysis.sides import side, two_sides


def rsa(X: ArrayLike, Y: ArrayLike, centre: bool = True) -> Comparison:
    """Compare two sides by the Spearman correlation of their dissimilarities of rows.

    The dissimilarity of two rows is 1 - Pearson's correlation over the columns. Equal
    dissimilarities share their mean rank. Pearson takes the mean over the columns away, which a
    rotation changes: RSA of this kind is not invariant to rotations.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order. Needs memory for n (n - 1) / 2 dissimilarities.
    centre : bool
        Subtract the mean of each column first, as for all comparisons here. The literature often
        does not.

    References
    ----------
    Kriegeskorte, Mur, Bandettini, "Representational similarity analysis - connecting the branches
    of systems neuroscience", Frontiers in Systems Neuroscience 2 (2008).
    """
    A, B = two_sides(X, Y, "RSA")
    if not centre:
        A, B = side(X, "RSA"), side(Y, "RSA")
    value, reason = None, _flat_rows(A, B)
    if reason is None:
        left, right = _ranks(A), _ranks(B)
        scale = np.sqrt(left @ left) * np.sqrt(right @ right)
        value = float(left @ right / scale) if scale > 0 else None
        reason = None if scale > 0 else "all pairs of rows of one side are equally dissimilar"
    return Comparison(
        metric="rsa",
        value=value,
        kind="similarity",
        direction=SYMMETRIC,
        invariances=(ISOTROPIC, TRANSLATION) if centre else (ISOTROPIC,),
        n=len(A),
        reason=reason,
    )


def dissimilarities(A: np.ndarray) -> np.ndarray:
    """Return 1 - Pearson of all pairs of rows i < j of ``A`` (n, d), row by row: n (n - 1) / 2."""
    rows = A - A.mean(axis=1, keepdims=True)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    n, filled = len(A), 0
    found = np.empty(n * (n - 1) // 2)
    for part in blocks(n, max(1, BLOCK_VALUES // n)):
        block = 1 - rows[part] @ rows[part.start :].T
        for at, values in enumerate(block):
            width = len(values) - at - 1
            found[filled : filled + width] = values[at + 1 :]
            filled += width
    return found


def _flat_rows(A: np.ndarray, B: np.ndarray) -> str | None:
    for name, M in (("first", A), ("second", B)):
        flat = int((np.ptp(M, axis=1) == 0).sum())
        if flat:
            return (
                f"{flat} row(s) of the {name} side have the same value in every column, so their "
                "correlation with others is not defined"
            )
    return None


def _ranks(A: np.ndarray) -> np.ndarray:
    """Return the centred ranks of the dissimilarities."""
    from scipy.stats import rankdata

    ranks = rankdata(dissimilarities(A))
    return ranks - ranks.mean()
