"""What the logits of each family of heads decide."""

from __future__ import annotations

import numpy as np

COMPARED = ("multinomial", "grouped")
"""Families whose classes compete for a row, so that their logits hold up to a common shift."""
UNLABELLED = ("multilabel", "gaussian")
"""Families whose targets are columns of numbers, not one class a row."""


def decided(logits: np.ndarray, family: str) -> np.ndarray:
    """Return what logits (n, C) decide.

    Returns
    -------
    ndarray
        Positions of classes (n,), for labels 0 and 1 (n, C), for regression the numbers (n, C). One
        column of two classes: positive = second class.
    """
    if family in COMPARED:
        return logits.argmax(axis=1)
    if family == "binomial":
        return (logits[:, 0] > 0).astype(int)
    return (logits > 0).astype(int) if family == "multilabel" else logits


def two_sided(logits: np.ndarray) -> np.ndarray:
    """Return logits with one column a class; one row (n, 1) becomes (0, s)."""
    return np.column_stack([np.zeros(len(logits)), logits]) if logits.shape[1] == 1 else logits
