"""The examples of one concept: checked, told apart by input, divided into two parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pcbm.concepts.splitting import duplicate_groups, grouped_folds, numbered
from pcbm.errors import InputError

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Examples:
    """Rows (n, d), labels (n,) 1 = positive, groups (n,) of the same input, row numbers (n,)."""

    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    origin: np.ndarray

    def take(self, chosen: np.ndarray) -> Examples:
        """Return the chosen rows."""
        return Examples(
            self.rows[chosen], self.labels[chosen], self.groups[chosen], self.origin[chosen]
        )

    def different(self, label: int) -> int:
        """Return how many different inputs have a label."""
        return len(np.unique(self.groups[self.labels == label]))


def check_pair(name: str, pair: tuple[ArrayLike, ArrayLike]) -> Pair:
    """Return both sides as finite float64 arrays of equal width."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InputError(
            f"the examples of concept {name!r} are no pair: give (positives, negatives)"
        )
    sides = []
    for side, rows in zip(("positive", "negative"), pair, strict=True):
        try:
            array = np.asarray(rows, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(
                f"the {side} examples of concept {name!r} are no array of numbers: give activations"
            ) from None
        if array.ndim != 2 or array.shape[1] == 0:
            raise InputError(
                f"the {side} examples of concept {name!r} have shape {array.shape}, "
                "expected (n, d): give one row an example"
            )
        bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
        if bad.size:
            raise InputError(
                f"row {bad[0]} of the {side} examples of concept {name!r} holds NaN or infinity "
                f"({bad.size} such rows): remove them"
            )
        sides.append(array)
    if sides[0].shape[1] != sides[1].shape[1]:
        raise InputError(
            f"concept {name!r} has positives with {sides[0].shape[1]} columns and negatives with "
            f"{sides[1].shape[1]}: both must come from one layer of one backbone"
        )
    return sides[0], sides[1]


def split_examples(
    name: str,
    pair: Pair,
    held_out: float,
    rng: np.random.Generator,
    groups: np.ndarray | None = None,
) -> tuple[Examples, Examples, int]:
    """Divide a concept's examples into what is learnt from and what is held out.

    Parameters
    ----------
    name : str
        For messages.
    pair : (positives, negatives), checked
    held_out : float
        Share that is held out, above 0 and at most .5.
    rng : numpy.random.Generator
    groups : ndarray (n_positive + n_negative,) of int, optional
        Equal for the same input; found from the rows where it is not given.

    Returns
    -------
    train, test : Examples
    contradictions : int
        Rows left out because their input is given both as positive and as negative.
    """
    if not 0 < held_out <= 0.5:
        raise InputError(f"held_out is {held_out}: give a share above 0 and at most 0.5")
    positive, negative = pair
    rows = np.concatenate(pair)
    labels = np.repeat([1, 0], [len(positive), len(negative)])
    origin = np.concatenate([np.arange(len(positive)), np.arange(len(negative))])
    groups = numbered(duplicate_groups(rows) if groups is None else groups)
    both = np.isin(groups, np.intersect1d(groups[labels == 1], groups[labels == 0]))
    examples = Examples(rows, labels, groups, origin).take(~both)
    for label, side in ((1, "positive"), (0, "negative")):
        if examples.different(label) < 2:
            raise InputError(
                f"concept {name!r} has {examples.different(label)} different {side} example(s) "
                "that the other side has not, expected at least 2 (one to learn from, one held "
                "out): add examples"
            )
    folds = grouped_folds(examples.labels, examples.groups, round(1 / held_out), rng)
    return examples.take(folds != 0), examples.take(folds == 0), int(both.sum())
