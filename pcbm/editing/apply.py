"""Applying edits to a head: pure functions on arrays, with a record of every number they change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pcbm.editing.edit import Edit
from pcbm.editing.head import COMPARED, LinearHead
from pcbm.errors import InputError


@dataclass(frozen=True)
class Change:
    """What one operation did to one row: the coefficient and the intercept, before and after.

    ``concept`` is None where only the intercept moved. Numbers are in the units of ``coef_``
    (standardised scores), those of ``intercept`` in logits; both round-trip exactly through JSON.
    """

    op: str
    row: str
    concept: str | None
    coef: tuple[float, float] | None
    intercept: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form: pairs as ``{"before", "after"}``."""
        return {
            "op": self.op,
            "class": self.row,
            "concept": self.concept,
            "coef": None if self.coef is None else _pair(self.coef),
            "intercept": _pair(self.intercept),
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Change:
        """Read the JSON form; a malformed record raises KeyError or TypeError."""
        coef = record["coef"]
        return cls(
            op=record["op"],
            row=record["class"],
            concept=record["concept"],
            coef=None if coef is None else (float(coef["before"]), float(coef["after"])),
            intercept=(float(record["intercept"]["before"]), float(record["intercept"]["after"])),
        )


@dataclass(frozen=True)
class Edited:
    """An edited head, every change in order, and what the person should know."""

    head: LinearHead
    changes: tuple[Change, ...]
    touched: np.ndarray  # (R, K) bool: the coefficients that edits named, even if unchanged
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def apply_edits(head: LinearHead, edits: Sequence[Edit]) -> Edited:
    """Apply edits in order, all or nothing.

    With w a coefficient on the standardised score z = (s - mean) / scale:

    - ``zero`` at the mean: w -> 0. The concept then counts as if it were at its training mean.
    - ``zero`` at the boundary: w -> 0 and intercept -> intercept - w * mean / scale, because a
      score of 0 has z = -mean / scale. The concept then counts as if its score were 0.
    - ``scale``: w -> factor * w;  ``set``: w -> value. The intercept stays.

    Raises
    ------
    InputError
        A concept or class is unknown, a class is named in a binary head, or there is no edit.
    """
    if not edits:
        raise InputError("the plan holds no edits: add one, like EditPlan().zero('stripes')")
    places = [(edit, head.column(edit.concept), head.rows(edit.classes)) for edit in edits]
    coef, intercept = head.coef.copy(), head.intercept.copy()
    touched = np.zeros(coef.shape, dtype=bool)
    changes: list[Change] = []
    notes: list[str] = []
    for edit, column, rows in places:
        if edit.op != "set" and not coef[rows, column].any():
            notes.append(f"{edit}: the coefficient is 0 already, so nothing changes")
        for row in rows:
            before = float(coef[row, column]), float(intercept[row])
            coef[row, column] = _new_value(edit, before[0])
            if edit.at == "boundary":
                intercept[row] += before[0] * (-head.mean[column] / head.scale[column])
            touched[row, column] = True
            after = float(coef[row, column]), float(intercept[row])
            changes.append(_change(edit.op, head.row_names[row], edit.concept, before, after))
    edited = replace(head, coef=coef, intercept=intercept)
    warnings = tuple(_still_used(edited, places))
    return Edited(edited, tuple(changes), touched, tuple(notes), warnings)


def undo(head: LinearHead, changes: Iterable[Change]) -> LinearHead:
    """Take recorded changes back, last first; the numbers come back bit for bit.

    Raises
    ------
    InputError
        The head does not hold the numbers that the changes left behind.
    """
    coef, intercept = head.coef.copy(), head.intercept.copy()
    rows = {name: row for row, name in enumerate(head.row_names)}
    for change in reversed(list(changes)):
        row = rows.get(change.row)
        if row is None:
            raise InputError(
                f"the history changes class {change.row!r}, which the model does not have: "
                "use the history of this very run"
            )
        found = intercept[row] == change.intercept[1]
        intercept[row] = change.intercept[0]
        if change.concept is not None and change.coef is not None:
            column = head.column(change.concept)
            found = found and coef[row, column] == change.coef[1]
            coef[row, column] = change.coef[0]
        if not found:
            raise InputError(
                f"the model does not hold what the history's {change.op} left in class "
                f"{change.row!r}: use the history of this very run"
            )
    return replace(head, coef=coef, intercept=intercept)


def changes_between(op: str, before: LinearHead, after: LinearHead) -> tuple[Change, ...]:
    """Return every coefficient and intercept that differs between two heads of one shape.

    The first change of a row carries its intercept's move, so that `undo` restores both.
    """
    changes: list[Change] = []
    for row, name in enumerate(before.row_names):
        old, new = float(before.intercept[row]), float(after.intercept[row])
        columns = np.flatnonzero(before.coef[row] != after.coef[row])
        if old != new:
            changes.append(Change(op, name, None, None, (old, new)))
        for column in columns:
            pair = float(before.coef[row, column]), float(after.coef[row, column])
            changes.append(Change(op, name, before.concept_names[column], pair, (new, new)))
    return tuple(changes)


def _new_value(edit: Edit, old: float) -> float:
    if edit.op == "zero" or edit.number is None:
        return 0.0
    return edit.number * old if edit.op == "scale" else edit.number


def _still_used(head: LinearHead, places: Sequence[tuple[Edit, int, list[int]]]) -> Iterable[str]:
    """Say which per-class removals leave the concept at work in rows that softmax compares."""
    if head.family not in COMPARED:
        return
    said: set[int] = set()
    for edit, column, rows in places:
        removed = edit.classes is not None and not head.coef[rows, column].any()
        others = np.flatnonzero(head.coef[:, column])
        if not removed or len(others) == 0 or column in said:
            continue
        said.add(column)
        names = ", ".join(repr(head.row_names[row]) for row in others[:5])
        names += ", ..." if len(others) > 5 else ""
        chosen = ", ".join(repr(head.row_names[row]) for row in rows)
        yield (
            f"{edit.concept!r} has no coefficient for {chosen} any more, but {names} still use it, "
            f"and softmax compares the classes: it can still move the probability of {chosen}; "
            "leave the class out to remove it everywhere"
        )


def _change(
    op: str, row: str, concept: str, before: tuple[float, float], after: tuple[float, float]
) -> Change:
    return Change(op, row, concept, (before[0], after[0]), (before[1], after[1]))


def _pair(values: tuple[float, float]) -> dict[str, float]:
    return {"before": values[0], "after": values[1]}
