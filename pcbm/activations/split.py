"""Which rows are for training and which for testing."""

from __future__ import annotations

import numpy as np

from pcbm.activations.activation_set import ActivationSet
from pcbm.activations.labels import Labels, check_classes, resolve_task
from pcbm.errors import InputError


def split_rows(
    data: ActivationSet | Labels | np.ndarray,
    split: np.ndarray | None = None,
    test_size: float = 0.2,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows for training and the rows for testing, each in ascending order.

    With test rows in the split column, that column decides: rows marked ``val`` are training rows
    (``split[train] == "val"`` tells them apart). Without, every class is divided by chance, with at
    least one row on each side; multilabel rows are divided label by label, rarest first; numbers
    are divided by chance alone.

    Parameters
    ----------
    data : ActivationSet, Labels or array
        The labels; an ActivationSet brings its split column too.
    split : ndarray of str, shape (n,), optional
    test_size : float
        Part of the rows for testing, where there are no test rows in the split column.
    seed : int

    Raises
    ------
    InputError
        No labels, no training rows, a class with fewer than two training examples where the split
        column decides, or a class with one example at all.
    """
    if isinstance(data, ActivationSet):
        split = data.split if split is None else split
        labels = resolve_task(data.y, label_names=data.label_names)
    else:
        labels = data if isinstance(data, Labels) else resolve_task(data)
    if split is not None and (split == "test").any():
        return _by_column(labels, split)
    if not 0 < test_size < 1:
        raise InputError(
            f"--test-size {test_size} is not between 0 and 1: give a part, such as 0.2"
        )
    check_classes(labels)
    generator = np.random.default_rng(seed)
    if labels.task == "regression":
        chosen = _part(generator.permutation(len(labels.y)), test_size)
    elif labels.task == "multilabel":
        chosen = _multilabel_part(labels.y, test_size, generator)
    else:
        _, which, sizes = np.unique(labels.y, return_inverse=True, return_counts=True)
        parts = np.split(np.argsort(which, kind="stable"), np.cumsum(sizes)[:-1])
        chosen = np.concatenate([_part(generator.permutation(rows), test_size) for rows in parts])
    is_test = np.zeros(len(labels.y), dtype=bool)
    is_test[chosen] = True
    return np.flatnonzero(~is_test), np.flatnonzero(is_test)


def _by_column(labels: Labels, split: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(split) != len(labels.y):
        raise InputError(f"the split column has {len(split)} values for {len(labels.y)} labels")
    train, test = np.flatnonzero(split != "test"), np.flatnonzero(split == "test")
    if len(train) == 0:
        raise InputError("all rows are marked 'test': mark rows to train on as 'train'")
    check_classes(
        Labels(labels.task, labels.y[train], labels.classes), "the training part of the data"
    )
    return train, test


def _part(rows: np.ndarray, test_size: float) -> np.ndarray:
    """Return the first rows, as many as ``test_size`` says, at least one and never all of them."""
    return rows[: int(np.clip(round(test_size * len(rows)), 1, max(len(rows) - 1, 1)))]


def _multilabel_part(y: np.ndarray, test_size: float, generator: np.random.Generator) -> np.ndarray:
    """Divide rows so that each label keeps its share on both sides (rarest label first)."""
    side = np.full(len(y), -1)
    for label in np.argsort(y.sum(0), kind="stable"):
        rows = np.flatnonzero(y[:, label])
        wanted = int(np.clip(round(test_size * len(rows)), 1, max(len(rows) - 1, 1)))
        free = generator.permutation(rows[side[rows] < 0])
        cut = int(np.clip(wanted - (side[rows] == 1).sum(), 0, len(free)))
        side[free[:cut]], side[free[cut:]] = 1, 0
    free = generator.permutation(np.flatnonzero(side < 0))
    cut = int(np.clip(round(test_size * len(y)) - (side == 1).sum(), 0, len(free)))
    side[free[:cut]] = 1
    return np.flatnonzero(side == 1)
