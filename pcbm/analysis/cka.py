"""Linear centred kernel alignment, biased and debiased, without an (n, n) matrix kept anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.products import kernel_products
from pcbm.analysis.result import RIGID, SYMMETRIC, Comparison
from pcbm.analysis.sides import two_sides

NEAR = 2  # biased CKA with more than n / NEAR columns is called near or above n
ROUNDING = 1e-13
Number = TypeVar("Number", float, np.ndarray)


@dataclass(frozen=True)
class KernelSums:
    """What linear CKA needs of two centred sides ``A`` and ``B``; sums over all rows.

    Attributes
    ----------
    n : int
    xy, xx, yy : float
        ``||A' B||_F^2`` and the same of each side with itself.
    a_b, a_a, b_b : float
        Sums over rows i of ``a_i b_i``, ``a_i^2``, ``b_i^2`` with ``a_i = |A_i|^2``.
    a, b : float
        Sums of ``a_i`` and of ``b_i``.
    """

    n: int
    xy: float
    xx: float
    yy: float
    a_b: float
    a_a: float
    b_b: float
    a: float
    b: float

    @classmethod
    def of(cls, A: np.ndarray, B: np.ndarray) -> KernelSums:
        """Sum over the rows of two centred sides."""
        xy, xx, yy = kernel_products(A, B)
        a, b = np.einsum("ij,ij->i", A, A), np.einsum("ij,ij->i", B, B)
        diagonals = (float(a @ b), float(a @ a), float(b @ b))
        return cls(len(A), xy, xx, yy, *diagonals, float(a.sum()), float(b.sum()))


def linear_cka(X: ArrayLike, Y: ArrayLike, debiased: bool = False) -> Comparison:
    """Compare ``X`` (n, p) and ``Y`` (n, q) by linear CKA.

    ``||Xc' Yc||_F^2 / (||Xc' Xc||_F ||Yc' Yc||_F)`` with centred columns, in [0, 1]; 1 for a
    rotation with a common factor. With few rows beside columns it is near 1 whatever is compared;
    ``debiased`` takes the unbiased estimator of HSIC in all three places, whose expectation is 0
    for independent sides, so that values a little below 0 occur.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order, n >= 4.
    debiased : bool
        Named ``cka_debiased`` then, else ``cka``.

    Returns
    -------
    Comparison
        No value where a side is constant, or where the unbiased estimate of a side's own HSIC is
        not positive: it is not clamped.

    Raises
    ------
    InputError
        See `pcbm.analysis.sides.two_sides`.

    References
    ----------
    Kornblith, Norouzi, Lee, Hinton, "Similarity of neural network representations revisited",
    ICML 2019, eq. 3. Song, Smola, Gretton, Bedo, Borgwardt, "Feature selection via dependence
    maximization", JMLR 13 (2012), eq. 5; `unbiased_hsic` writes it for centred linear kernels.

    Examples
    --------
    >>> rows = np.array([[0.0, 1], [2, 0], [1, 5], [4, 4], [3, 2]])
    >>> round(linear_cka(rows, -3 * rows[:, ::-1]).value, 12)
    1.0
    """
    A, B = two_sides(X, Y, "CKA")
    widths = (A.shape[1], B.shape[1])
    return cka_of_sums(KernelSums.of(A, B), widths, debiased=debiased)


def cka_of_sums(sums: KernelSums, widths: tuple[int, int], *, debiased: bool) -> Comparison:
    """Return linear CKA from its sums; see `linear_cka`."""
    zero = ROUNDING * np.array([sums.xx, sums.yy])
    if debiased:
        both = unbiased_hsic(sums.n, sums.xy, sums.a_b, sums.a * sums.b)
        one = unbiased_hsic(sums.n, sums.xx, sums.a_a, sums.a**2)
        other = unbiased_hsic(sums.n, sums.yy, sums.b_b, sums.b**2)
    else:
        both, one, other = sums.xy, sums.xx, sums.yy
    value, reason = ratio(both, one, other, zero)
    return Comparison(
        metric="cka_debiased" if debiased else "cka",
        value=value,
        kind="similarity",
        direction=SYMMETRIC,
        invariances=RIGID,
        n=sums.n,
        reason=reason,
        warnings=() if debiased else bias_warnings(sums.n, widths),
        details={"dims": list(widths)},
    )


def unbiased_hsic(n: float, product: Number, diagonal: Number, traces: Number) -> Number:
    """Return ``n (n - 3)`` times the unbiased HSIC of two linear kernels of centred features.

    Song et al. 2012, eq. 5, empties the diagonals of K and L. Centred features make the rows of K
    sum to zero, so that the rows of the emptied K sum to ``-a_i``, and what is left is

        <K, L> - sum a_i b_i + (sum a_i)(sum b_i) / ((n-1)(n-2)) - 2 / (n-2) sum a_i b_i.

    Centring changes K by terms of one row or one column alone, which the estimator does not see.
    """
    return product - diagonal * n / (n - 2) + traces / ((n - 1) * (n - 2))


def ratio(
    both: float, one: float, other: float, zero: np.ndarray
) -> tuple[float | None, str | None]:
    """Return ``both / sqrt(one other)``, or None and the reason why it is not defined.

    ``zero`` (2,) is what counts as zero on each side: the rounding of its biased self-term, which
    is itself zero where the side is constant.
    """
    for name, own, least in zip(("first", "second"), (one, other), zero, strict=True):
        if least == 0:
            return None, f"the {name} side is constant"
        if own <= least:
            return None, (
                f"the debiased self-similarity of the {name} side is not positive ({own:.3g}): "
                "too few rows to tell its structure from noise"
            )
    return float(both / np.sqrt(one) / np.sqrt(other)), None


def bias_warnings(n: int, widths: tuple[int, int]) -> tuple[str, ...]:
    """Return the warning that biased CKA needs with few rows beside columns."""
    d = max(widths)
    if NEAR * d <= n:
        return ()
    return (
        f"biased CKA with {d} columns and {n} rows is high by bias alone: use cka_debiased, "
        "or more rows",
    )
