"""The two sides of a comparison: checked, in double precision, with centred columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pcbm.errors import InputError

FEWEST_ROWS = 4


def two_sides(X: ArrayLike, Y: ArrayLike, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Return ``X`` (n, p) and ``Y`` (n, q) in float64 with centred columns.

    Raises
    ------
    InputError
        Not two tables of numbers, different n, fewer than 4 rows, or NaN or infinite values.
    """
    left, right = side(X, what), side(Y, what)
    same_rows(left, right, what)
    return centred(left), centred(right)


def same_rows(X: np.ndarray, Y: np.ndarray, what: str) -> None:
    """Raise InputError where the sides have different numbers of rows."""
    if len(X) != len(Y):
        raise InputError(
            f"{what} was given {len(X)} and {len(Y)} rows: "
            "give two representations of the same rows, in the same order"
        )


def side(X: ArrayLike, what: str, fewest: int = FEWEST_ROWS) -> np.ndarray:
    """Return one side as a float64 table; raises InputError like `two_sides`."""
    values = np.asarray(X)
    if values.ndim != 2 or values.dtype.kind not in "fiub" or values.shape[1] == 0:
        raise InputError(
            f"{what} was given an array of shape {values.shape} and type {values.dtype}: "
            "it compares tables of numbers, one row a sample"
        )
    if len(values) < fewest:
        raise InputError(f"{what} was given {len(values)} rows: it needs at least {fewest}")
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"{what} was given NaN or infinite values: leave those rows out")
    return values


def centred(X: np.ndarray) -> np.ndarray:
    """Return ``X`` (n, d) less the mean of each column; constant columns become exactly zero."""
    values = X - X.mean(axis=0)
    constant = (X[0] == X).all(axis=0)
    values[:, constant] = 0.0
    return values


def resolution(X: ArrayLike) -> float:
    """Return the relative rounding of the numbers as they were given, before float64."""
    dtype = np.asarray(X).dtype
    return float(np.finfo(dtype if dtype.kind == "f" else np.float64).eps)
