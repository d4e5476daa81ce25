"""Activations with the ids, labels, split and groups of their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pcbm.activations.dataset import Dataset
from pcbm.activations.read import read_data
from pcbm.activations.store import write_store
from pcbm.errors import InputError


@dataclass(frozen=True, eq=False)
class ActivationSet:
    """Activations (n, d) and what is known about each row.

    Attributes
    ----------
    X : array-like, shape (n, d)
        An ndarray, or a lazy view of a store's shards: ``X[10:20]`` reads those rows and
        ``np.asarray(X)`` all of them. Values are as the backbone gave them, never normalised.
    ids : ndarray of str, shape (n,)
    y, split, group : ndarray or None
        See `Dataset`.
    label_names : list of str or None
        Names of the columns of an (n, C) `y`.
    record : dict or None
        Which backbone, layer and pooling made `X`; None for activations from elsewhere.
    skipped : tuple of str
        Ids of inputs that could not be read and were left out.
    notes : tuple of str
        What was decided or left out on the way, one sentence each.
    cached : bool
        True when no row had to go through the backbone.
    """

    X: Any
    ids: np.ndarray
    y: np.ndarray | None = None
    split: np.ndarray | None = None
    group: np.ndarray | None = None
    label_names: list[str] | None = None
    record: dict[str, Any] | None = None
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cached: bool = False

    @classmethod
    def from_dataset(cls, data: Dataset) -> ActivationSet:
        """Wrap a data set that holds activations already; other kinds raise InputError."""
        if data.kind != "array":
            raise InputError(
                f"{data.source} holds {data.kind}s, not activations: "
                "run pcbm embed on it first, or name a --backbone"
            )
        return cls(
            X=data.inputs,
            ids=data.ids,
            y=data.y,
            split=data.split,
            group=data.group,
            label_names=data.label_names,
            record=data.record,
            notes=data.notes,
        )

    @classmethod
    def load(cls, path: str | Path) -> ActivationSet:
        """Read activations: a store, or a ``.npz``, ``.safetensors`` or ``.parquet`` file.

        Raises
        ------
        InputError
            Nothing there, not activations, damaged, unfinished, or with NaN or infinite values.
        """
        return cls.from_dataset(read_data(path))

    def save(self, path: str | Path, *, force: bool = False) -> None:
        """Write a complete activation store (a folder), as `pcbm embed` does."""
        rows = Dataset(
            source=str(path),
            kind="array",
            ids=self.ids,
            inputs=self.X,
            y=self.y,
            split=self.split,
            group=self.group,
            label_names=self.label_names,
            record=self.record,
        )
        write_store(Path(path), rows, force=force)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def dim(self) -> int:
        """Width d of the activations."""
        return int(self.X.shape[1])

    @property
    def fingerprint(self) -> str | None:
        """Fingerprint of the backbone that made the activations, or None."""
        return None if self.record is None else self.record.get("fingerprint")

    @property
    def class_names(self) -> list[str] | None:
        """Names of the classes in order, or None for numbers with fractions and missing labels."""
        if self.label_names is not None:
            return list(self.label_names)
        if self.y is None or self.y.ndim != 1 or self.y.dtype.kind == "f":
            return None
        return [str(name) for name in np.unique(self.y)]

    def take(self, rows: np.ndarray | Sequence[int]) -> ActivationSet:
        """Return the set of these rows (positions, or a mask of length n), read into memory."""
        index = np.arange(len(self))[np.asarray(rows)]
        return replace(
            self,
            X=self.X[index],
            ids=self.ids[index],
            y=None if self.y is None else self.y[index],
            split=None if self.split is None else self.split[index],
            group=None if self.group is None else self.group[index],
        )
