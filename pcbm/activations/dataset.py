"""One data set, whatever form it came in: inputs, ids, labels, split and groups, row by row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from pcbm.errors import InputError
from pcbm.files import sha256_file

Kind = Literal["image", "text", "array"]

HASH_THREADS = 8
HASH_PART = 4096
MISSING = "missing"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of one data set, before a backbone has seen them (or holding activations already).

    Attributes
    ----------
    source : str
        What the user gave: a path or ``demo:shapes``. Used in messages only.
    kind : {"image", "text", "array"}
        What `inputs` holds.
    ids : ndarray of str, shape (n,)
        Unique names of the rows.
    inputs : sequence or array-like, length n
        Image paths (or PIL images, or (h, w, 3) uint8 arrays), texts, or an (n, d) array-like.
    y : ndarray or None
        Labels (n,) as strings, integers or floats, or (n, C) of 0/1; None where there are none.
    split : ndarray of str or None
        ``train``, ``val`` or ``test`` for every row.
    group : ndarray of str or None
        A group for every row, for accuracy per group.
    label_names : list of str or None
        Names of the columns of an (n, C) `y`.
    record : dict or None
        The backbone record of an activation store.
    notes : tuple of str
        What the reader decided or left out, one sentence each.
    """

    source: str
    kind: Kind
    ids: np.ndarray
    inputs: Any
    y: np.ndarray | None = None
    split: np.ndarray | None = None
    group: np.ndarray | None = None
    label_names: list[str] | None = None
    record: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.ids)
        if n == 0:
            raise InputError(f"{self.source} holds no rows: give data with at least one row")
        columns = {"inputs": self.inputs, "y": self.y, "split": self.split, "group": self.group}
        for name, column in columns.items():
            if column is not None and len(column) != n:
                raise InputError(
                    f"{self.source} has {len(column)} values of {name!r} for {n} rows: "
                    "give exactly one for each row"
                )
        refuse_duplicates(self.ids, self.source)

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray | Sequence[int]) -> Dataset:
        """Return the data set of these rows (positions, or a mask of length n), in this order."""
        index = np.arange(len(self))[np.asarray(rows)]
        inputs = self.inputs[index] if self.kind == "array" else [self.inputs[i] for i in index]
        return replace(
            self,
            ids=self.ids[index],
            inputs=inputs,
            y=None if self.y is None else self.y[index],
            split=None if self.split is None else self.split[index],
            group=None if self.group is None else self.group[index],
        )

    def content_hash(self) -> str:
        """Return a SHA-256 over the contents of all inputs in order; names and labels do not count.

        A file that cannot be read counts as missing, so that its absence is part of the content.
        """
        return self._content

    @cached_property
    def _content(self) -> str:
        total = hashlib.sha256(f"{self.kind}:{len(self)}\n".encode())
        if self.kind == "array":
            array = np.ascontiguousarray(np.asarray(self.inputs))
            total.update(f"{array.dtype.str}:{array.shape}\n".encode())
            total.update(array.data)
            return total.hexdigest()
        with ThreadPoolExecutor(HASH_THREADS) as pool:
            # Texts are too short for threads to help; files go in parts, so that millions of them
            # do not wait in memory.
            each = map if self.kind == "text" else pool.map
            for start in range(0, len(self), HASH_PART):
                for digest in each(_input_hash, self.inputs[start : start + HASH_PART]):
                    total.update(digest.encode() + b"\n")
        return total.hexdigest()


def refuse_duplicates(ids: np.ndarray, source: str) -> None:
    """Raise InputError when an id occurs twice."""
    names, counts = np.unique(ids, return_counts=True)
    if len(names) == len(ids):
        return
    repeated = names[counts > 1]
    raise InputError(
        f"{source} has {len(repeated)} id(s) that occur more than once, first "
        f"{str(repeated[0])!r}: ids must be unique, give each row its own"
    )


def row_ids(n: int) -> np.ndarray:
    """Return the default ids: the row numbers, from "0"."""
    return np.arange(n).astype(str)


def _input_hash(item: Any) -> str:
    if isinstance(item, str):
        return hashlib.sha256(item.encode("utf-8", "surrogatepass")).hexdigest()
    if isinstance(item, Path):
        try:
            return sha256_file(item)
        except OSError:
            return MISSING
    if isinstance(item, Image.Image):
        frame = f"{item.mode}:{item.size}\n".encode()
        return hashlib.sha256(frame + item.tobytes()).hexdigest()
    array = np.ascontiguousarray(item)
    return hashlib.sha256(
        f"{array.dtype.str}:{array.shape}\n".encode() + array.tobytes()
    ).hexdigest()
