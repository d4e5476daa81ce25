"""Columns that every form of data shares: ids, split, group, whatever type they were stored in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcbm.errors import InputError, near

SPLITS = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"}


def as_texts(values: Sequence[Any] | np.ndarray, name: str, source: str) -> np.ndarray:
    """Return a column as a string array; whole numbers as their digits, blanks refused."""
    values = np.asarray(values)
    if values.ndim != 1:
        raise InputError(f"{source} has {name} of shape {values.shape}, expected one a row")
    texts = [_text(value) for value in values.tolist()]
    blank = [row for row, text in enumerate(texts) if not text]
    if blank:
        raise InputError(
            f"{source} has no {name} in {len(blank)} of {len(texts)} rows, first row {blank[0]}: "
            "fill them in or leave these rows out"
        )
    return np.array(texts, dtype=str)


def as_splits(values: Sequence[Any] | np.ndarray, source: str) -> np.ndarray:
    """Return a split column as ``train``, ``val`` and ``test``; other words are refused."""
    texts = as_texts(values, "split", source)
    words, inverse = np.unique(texts, return_inverse=True)
    known = []
    for word in words.tolist():
        if word.casefold() not in SPLITS:
            hint = near(word, ["train", "val", "test"])
            raise InputError(f"{source} has the split {word!r}: {hint}")
        known.append(SPLITS[word.casefold()])
    return np.array(known)[inverse]


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
