"""What an edit learns from, by role: training rows, their groups, pairs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.errors import InputError

TRAIN, GROUPS, PAIRS = "train", "groups", "pairs"
ROLES = (TRAIN, GROUPS, PAIRS)


@dataclass(frozen=True)
class TrainingData:
    """Training rows.

    Attributes
    ----------
    X : array-like, shape (n, d)
        Activations.
    y : ndarray, shape (n,) or (n, C)
        Labels as the model reads them.
    group : ndarray, shape (n,), optional
        A group for each row: who has the cue, say.
    weight : ndarray, shape (n,), optional
        Row weights. Those of the first fit are not remembered: give them anew.
    """

    X: Any
    y: NDArray
    group: NDArray | None = None
    weight: NDArray | None = None

    @classmethod
    def of(cls, train: TrainingData | tuple[Any, ...] | None) -> TrainingData | None:
        """Return training rows that were given as such, as (X, y) or as (X, y, weight).

        Raises
        ------
        InputError
            Parts of unequal length.
        """
        if train is None:
            return None
        if isinstance(train, TrainingData):
            X, y, group, weight = train.X, train.y, train.group, train.weight
        else:
            X, y, weight = (*train, None)[:3]
            group = None
        y = np.asarray(y)
        if len(y) != len(X):
            raise InputError(f"the training data has {len(X)} rows but {len(y)} labels")
        for name, values in (("groups", group), ("weights", weight)):
            if values is not None and np.shape(values) != (len(y),):
                raise InputError(
                    f"the training data has {len(y)} rows but {name} of shape {np.shape(values)}"
                )
        given = None if weight is None else np.asarray(weight, dtype=np.float64)
        return cls(X, y, None if group is None else np.asarray(group), given)


Pairs = tuple[Any, Any]
"""Activations (m, d) of the same inputs with and without a concept."""
