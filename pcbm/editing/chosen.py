"""Where an edit was chosen, and the warning that it is judged on the same rows.

An edit that was searched on some rows looks better on them than it is. A plan can therefore hold
``chosen_on``: the content hash of those rows, never the rows themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.errors import InputError

KEYS = ("content", "rows", "n", "data")
ALL, TEST, NOT_TEST = "all", "test", "not test"
TRAIN, VAL = "train", "val"
PARTS = (ALL, TEST, NOT_TEST, TRAIN, VAL)
APART = ({TEST, NOT_TEST}, {TEST, TRAIN}, {TEST, VAL}, {TRAIN, VAL})
NAMES = {"train": "training data", "pairs": "pairs"}
SAME = "judged on the data it was chosen on"


@dataclass(frozen=True)
class ChosenOn:
    """The rows that suggested an edit.

    Attributes
    ----------
    content : str
        SHA-256 of the data: `pcbm.activations.Dataset.content_hash`, or `content_of` an array.
    rows : {"all", "test", "not test", "train", "val"}
        Which of its rows; test rows and rows not marked as test have nothing in common.
    n : int or None
        How many.
    data : str or None
        What the data was called, for people.
    """

    content: str
    rows: str = ALL
    n: int | None = None
    data: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {key: getattr(self, key) for key in KEYS}

    def meets(self, other: ChosenOn) -> bool:
        """Return whether two sets of rows may have rows in common."""
        return self.content == other.content and {self.rows, other.rows} not in APART

    @classmethod
    def from_dict(cls, record: Any, source: str, key: str = "chosen_on") -> ChosenOn:
        """Read the JSON form, found under ``key``; every fault begins with ``source``."""
        known = isinstance(record, Mapping) and set(record) <= set(KEYS)
        if not known or not isinstance(record.get("content"), str):
            raise InputError(
                f"{source} has {key} {record!r}: give an object with 'content', a content "
                "hash, and if known 'rows', 'n' and 'data', or leave it out"
            )
        rows = record.get("rows", ALL)
        if rows not in PARTS:
            raise InputError(f"{source} has {key} rows {rows!r}: give one of {PARTS}")
        return cls(record["content"], rows, record.get("n"), record.get("data"))


@dataclass(frozen=True)
class LearntOn:
    """The data an edit learnt from, by role.

    Attributes
    ----------
    train : ChosenOn or None
        The training rows.
    pairs : ChosenOn or None
        The pairs, by the content of their activations.
    """

    train: ChosenOn | None = None
    pairs: ChosenOn | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            key: None if value is None else value.as_dict()
            for key, value in (("train", self.train), ("pairs", self.pairs))
        }

    @classmethod
    def from_dict(cls, record: Any, source: str) -> LearntOn:
        """Read the JSON form; every fault is one line that begins with ``source``."""
        if not isinstance(record, Mapping) or not set(record) <= {"train", "pairs"}:
            raise InputError(
                f"{source} has learnt_on {record!r}: give an object with 'train' and 'pairs', or "
                "leave it out"
            )
        found = {
            role: ChosenOn.from_dict(value, source, f"learnt_on {role}")
            for role, value in record.items()
            if value is not None
        }
        return cls(**found)

    def differs(self, other: LearntOn) -> list[str]:
        """Return a warning for each role whose data is known on both sides and is not the same."""
        told = []
        for role in ("train", "pairs"):
            mine, theirs = getattr(self, role), getattr(other, role)
            if mine is None or theirs is None:
                continue
            if (mine.content, mine.rows, mine.n) != (theirs.content, theirs.rows, theirs.n):
                named = f" ({mine.data})" if mine.data else ""
                told.append(
                    f"the plan was first applied with other {NAMES[role]}{named}: what it learns "
                    "from the data given now differs, so the model is not the same"
                )
        return told


def content_of(X: Any) -> str:
    """Return the SHA-256 of an array of rows, equal to `Dataset.content_hash` of such data."""
    array = np.ascontiguousarray(np.asarray(X))
    total = hashlib.sha256(f"array:{len(array)}\n{array.dtype.str}:{array.shape}\n".encode())
    total.update(array.data)
    return total.hexdigest()


def judged_on_chosen(chosen: Iterable[Mapping[str, Any] | None], judged: ChosenOn) -> list[str]:
    """Return a warning for each edit that is judged on rows it was chosen on.

    Parameters
    ----------
    chosen : iterable of dict or None
        ``chosen_on`` of each plan in the model's history.
    judged : ChosenOn
        The rows to judge on.
    """
    told = []
    for number, record in enumerate(chosen, start=1):
        if record is None:
            continue
        own = ChosenOn(record["content"], record.get("rows", ALL))
        if not own.meets(judged):
            continue
        named = f" ({judged.data})" if judged.data else ""
        told.append(
            f"edit {number} is {SAME}{named}: the figures there are too good; judge it on other "
            "rows"
        )
    return told
