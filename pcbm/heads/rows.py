"""Where the rows of a fit are: in memory, or with somebody who gives some of them at a time."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pcbm.heads.threads import in_order

Array = NDArray[np.float64]

READ_BYTES = 4 << 20  # rows are copied in pieces of about this size


class Source(Protocol):
    """Scores (n, K) that give some rows at a time: an array, a memory map, a store on disk."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(n, K)."""

    @property
    def dtype(self) -> np.dtype:
        """Type of the numbers."""

    def __getitem__(self, rows: slice, /) -> Any:
        """Return rows ``a:b`` as something that ``np.asarray`` takes, (b - a, K)."""


class Rows(Protocol):
    """The K columns of a fit over n rows, centred, a few rows at a time."""

    @property
    def shape(self) -> tuple[int, int]:
        """(K, n)."""

    @property
    def dtype(self) -> np.dtype:
        """Precision of a chunk: float32 or float64."""

    @property
    def means(self) -> Array:
        """What is subtracted from the columns as they came, (K,)."""

    def chunk(self, part: slice) -> NDArray:
        """Return some rows, (K, m). They are not to be written to."""

    def over(self, columns: NDArray[np.intp], dtype: DTypeLike) -> Rows:
        """Return some of the columns, in memory and in this precision."""

    def take(self, rows: NDArray[np.intp]) -> Rows:
        """Return some of the rows (positions in rising order), in memory."""


@dataclass(frozen=True)
class Stored:
    """Centred columns in memory.

    Parameters
    ----------
    values : (K, n) array or transposed view, float32 or float64
    means : (K,) what was subtracted
    """

    values: NDArray
    means: Array

    @property
    def shape(self) -> tuple[int, int]:
        """(K, n)."""
        return self.values.shape  # type: ignore[return-value]

    @property
    def dtype(self) -> np.dtype:
        """Precision of a chunk."""
        return self.values.dtype

    def chunk(self, part: slice) -> NDArray:
        """Return some rows, a view."""
        return self.values[:, part]

    def over(self, columns: NDArray[np.intp], dtype: DTypeLike) -> Stored:
        """Return some of the columns in contiguous storage."""
        return _copied(self, columns, dtype)

    def take(self, rows: NDArray[np.intp]) -> Stored:
        """Return some of the rows."""
        return Stored(np.ascontiguousarray(self.values[:, rows]), self.means)


@dataclass(frozen=True)
class Read:
    """Columns that are read from where they lie, centred and in double precision as they are read.

    Parameters
    ----------
    source : rows (n_all, K) of any real type
    means : (K,) to subtract
    kept : (n,) positions of the rows that exist, in rising order; None for all
    """

    source: Source
    means: Array
    kept: NDArray[np.intp] | None = None
    _turn: Lock = field(default_factory=Lock, repr=False)  # a source may serve one thread only

    @property
    def shape(self) -> tuple[int, int]:
        """(K, n)."""
        n, width = self.source.shape
        return width, n if self.kept is None else len(self.kept)

    @property
    def dtype(self) -> np.dtype:
        """Precision of a chunk."""
        return np.dtype(np.float64)

    def chunk(self, part: slice) -> NDArray:
        """Read some rows."""
        rows = None if self.kept is None else self.kept[part]
        span = part if rows is None else slice(int(rows[0]), int(rows[-1]) + 1)
        with self._turn:
            block = np.asarray(self.source[span])
        if rows is not None:
            block = block[rows - rows[0]]
        if not self.means.any():
            return np.asarray(block, np.float64).T
        return np.subtract(block, self.means, dtype=np.float64).T

    def over(self, columns: NDArray[np.intp], dtype: DTypeLike) -> Stored:
        """Read some of the columns into memory."""
        return _copied(self, columns, dtype)

    def take(self, rows: NDArray[np.intp]) -> Stored:
        """Read some of the rows into memory, in one pass."""
        values = np.empty((self.shape[0], len(rows)))

        def fill(part: slice) -> None:
            first, last = np.searchsorted(rows, [part.start, part.stop])
            if last > first:
                values[:, first:last] = self.chunk(part)[:, rows[first:last] - part.start]

        for _ in in_order(fill, parts(self)):
            pass
        return Stored(values, self.means)


def streamed(source: Source) -> bool:
    """Return whether rows come from elsewhere than memory, so that reading them is dear."""
    return not isinstance(source, np.ndarray) or isinstance(source, np.memmap)


def parts(rows: Rows, size: int = 0) -> list[slice]:
    """Cut the rows into equal parts of about ``size``, or of about ``READ_BYTES`` each.

    They depend on the data alone, so that sums over them do not depend on the threads.
    """
    width, n = rows.shape
    size = size or max(1, READ_BYTES // (rows.dtype.itemsize * width))
    size = -(-n // max(1, round(n / size)))
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]


def _copied(rows: Rows, columns: NDArray[np.intp], dtype: DTypeLike) -> Stored:
    values = np.empty((len(columns), rows.shape[1]), dtype)

    def fill(part: slice) -> None:
        values[:, part] = rows.chunk(part)[columns]

    for _ in in_order(fill, parts(rows)):
        pass
    return Stored(values, rows.means[columns])
