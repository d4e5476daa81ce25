"""The scores as they came: their shape, and one reading that checks and measures them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from pcbm.errors import InputError
from pcbm.heads.rows import Read, Source, parts
from pcbm.heads.threads import in_order

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Survey:
    """What one reading of scores (n, K) found.

    Parameters
    ----------
    means : (K,) weighted means
    largest : (K,) largest sizes among rows of positive weight
    reach : (K,) half the distance between least and greatest among those rows
    """

    means: Array
    largest: Array
    reach: Array

    @property
    def constant(self) -> bool:
        """Whether no column varies."""
        return not self.reach.any()


def as_source(Z: ArrayLike | Source) -> Source:
    """Return scores as something that gives rows, without reading them where that is possible.

    Raises
    ------
    InputError
        Not a matrix of numbers with at least one row and one column.
    """
    source: Source = Z if _gives_rows(Z) else _matrix(Z)
    if len(source.shape) != 2 or 0 in source.shape:
        raise InputError(
            f"Z has shape {tuple(source.shape)}: give a matrix of n rows and K concept scores"
        )
    return source


def _gives_rows(Z: object) -> TypeGuard[Source]:
    dtype = getattr(Z, "dtype", None)
    numbers = isinstance(dtype, np.dtype) and dtype.kind in "fiub"
    rows = hasattr(Z, "shape") and hasattr(Z, "__getitem__")
    return numbers and rows and isinstance(Z, np.ndarray) | hasattr(Z, "__array__")


def _matrix(Z: Any) -> NDArray:
    if issparse(Z):
        raise InputError("Z is a sparse matrix: give Z.toarray()")
    try:
        if not np.iscomplexobj(Z):
            return np.asarray(Z, float)
    except (TypeError, ValueError):
        raise InputError(
            "Z holds values that are not numbers, or rows of unequal length: give numbers"
        ) from None
    raise InputError("Z holds complex numbers: give real ones, such as Z.real")


def survey(source: Source, weights: Array) -> Survey:
    """Read scores once; return their means and sizes, or refuse values that are not finite.

    Sums are taken over differences from the first row, so that means of columns far from zero
    are right relative to the columns' spread.
    """
    rows = Read(source, np.zeros(source.shape[1]))
    exists = weights > 0
    first = rows.chunk(slice(int(exists.argmax()), int(exists.argmax()) + 1))[:, 0].copy()

    def measure(part: slice) -> tuple[int, Array, Array, Array]:
        block = rows.chunk(part)
        bad = block.size - int(np.isfinite(block).sum())
        if bad:
            return bad, first, first, first
        there = exists[part]
        if not there.all():
            block = np.compress(there, block, axis=1)
        low, high = block.min(axis=1, initial=np.inf), block.max(axis=1, initial=-np.inf)
        # Not with @, whose sums depend on the threads of BLAS.
        shift = np.einsum("km,m->k", block - first[:, None], weights[part][there])
        return 0, shift, low, high

    bad, shift = 0, np.zeros_like(first)
    least, most = first.copy(), first.copy()
    for wrong, part_shift, low, high in in_order(measure, parts(rows)):
        bad += wrong
        shift += part_shift
        least, most = np.minimum(least, low), np.maximum(most, high)
    refuse_not_finite(bad)
    largest = np.maximum(np.abs(least), np.abs(most))
    return Survey(first + shift, largest, np.maximum(most / 2 - least / 2, 0.0))


def refuse_not_finite(bad: int) -> None:
    """Raise InputError if scores hold ``bad`` values that are not finite."""
    if bad:
        raise InputError(f"Z holds {bad} values that are NaN or infinite: remove those rows")
