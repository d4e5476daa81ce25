"""Changed coefficients on record, and taking them back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pcbm.editing.head import LinearHead
from pcbm.errors import InputError


@dataclass(frozen=True)
class Change:
    """What one operation did to one row: the coefficient and the intercept, before and after.

    ``concept`` is None where only the intercept moved. Numbers are in the units of ``coef_``
    (standardised scores), those of ``intercept`` in logits; both round-trip exactly through JSON.
    A merge takes the coefficients of its parts to 0 and that of the merged concept from 0.
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


def undo(head: LinearHead, changes: Iterable[Change]) -> LinearHead:
    """Take recorded changes of coefficients back, last first; the numbers come back bit for bit.

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


def _pair(values: tuple[float, float]) -> dict[str, float]:
    return {"before": values[0], "after": values[1]}
