"""One array over many ``.npy`` files, read only where it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np

from pcbm.errors import InputError, quoted

CHUNK_ROWS = 65_536


class ShardedArray:
    """An (n, d) array whose rows lie in memory-mapped shards.

    Slices, integer arrays and masks give ndarrays of the rows asked for; `np.asarray` gives all.

    Parameters
    ----------
    files : sequence of Path
        ``.npy`` files, each (rows, dim).
    rows : sequence of int
        Rows in each file.
    dim : int
        Columns.
    dtype : numpy dtype
    """

    ndim = 2

    def __init__(
        self, files: Sequence[Path], rows: Sequence[int], dim: int, dtype: np.dtype
    ) -> None:
        self._files = list(files)
        self._starts = np.concatenate([[0], np.cumsum(rows, dtype=np.int64)]).astype(np.int64)
        self.dtype = np.dtype(dtype)
        self.shape = (int(self._starts[-1]), dim)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        n, d = self.shape
        return f"ShardedArray({n} x {d}, {self.dtype}, {len(self._files)} shards)"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("the rows lie in files: an array of them is always a copy")
        return np.asarray(self._rows(0, len(self)), dtype=dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        rest: tuple = ()
        if isinstance(key, tuple):
            key, rest = key[0], (slice(None), *key[1:])
        if isinstance(key, SupportsIndex) and not isinstance(key, np.ndarray | bool):
            row = self._pick(np.array([key.__index__()]))[0]
            return row[rest[1:]] if rest else row
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            if step == 1:
                rows = self._rows(start, max(start, stop))
            else:
                rows = self._pick(np.arange(start, stop, step))
        else:
            index = np.asarray(key)
            if index.dtype == bool:
                if index.shape != (len(self),):
                    raise IndexError(f"a mask of shape {index.shape} for {len(self)} rows")
                index = np.flatnonzero(index)
            rows = self._pick(index.astype(np.int64))
        return rows[rest] if rest else rows

    def _shard(self, number: int) -> np.ndarray:
        return np.load(self._files[number], mmap_mode="r", allow_pickle=False)

    def _rows(self, start: int, stop: int) -> np.ndarray:
        out = np.empty((stop - start, self.shape[1]), dtype=self.dtype)
        first = int(np.searchsorted(self._starts, start, side="right")) - 1
        for number in range(max(first, 0), len(self._files)):
            begin, end = int(self._starts[number]), int(self._starts[number + 1])
            low, high = max(start, begin), min(stop, end)
            if low < high:
                out[low - start : high - start] = self._shard(number)[low - begin : high - begin]
            if end >= stop:
                break
        return out

    def _pick(self, index: np.ndarray) -> np.ndarray:
        n = len(self)
        if len(index) and (index.min() < -n or index.max() >= n):
            raise IndexError(f"row {index[np.argmax(np.abs(index))]} is out of range for {n} rows")
        index = np.where(index < 0, index + n, index)
        out = np.empty((len(index), self.shape[1]), dtype=self.dtype)
        numbers = np.searchsorted(self._starts, index, side="right") - 1
        for number in np.unique(numbers):
            mine = numbers == number
            out[mine] = self._shard(int(number))[index[mine] - self._starts[number]]
        return out


def refuse_not_finite(X: np.ndarray | ShardedArray, ids: np.ndarray, source: str) -> None:
    """Raise InputError naming the rows of ``X`` that hold NaN or infinite values."""
    bad: list[str] = []
    for start in range(0, len(X), CHUNK_ROWS):
        rows = np.flatnonzero(~np.isfinite(X[start : start + CHUNK_ROWS]).all(axis=1))
        bad.extend(str(name) for name in ids[start + rows])
    if bad:
        raise InputError(
            f"{source} has NaN or infinite activations in row(s) {quoted(bad)}: "
            "repair them or leave these rows out"
        )
