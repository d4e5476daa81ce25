"""Applying edits to a head: pure functions on arrays, with a record of every number they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from pcbm.editing.changes import Change
from pcbm.editing.edit import Edit
from pcbm.editing.head import LinearHead
from pcbm.editing.structure import ScoreMoments, merge, share_kept
from pcbm.errors import InputError
from pcbm.model.logits import COMPARED

MUCH_LOST = 0.1


@dataclass(frozen=True)
class Edited:
    """An edited head, every change in order, and what the person should know.

    Attributes
    ----------
    head : LinearHead
    changes : tuple of Change
    touched : ndarray of bool, shape (R, K)
        The coefficients that edits gave a value, even if it is the old one; for ``clamp`` those
        that it moved.
    signs : ndarray of int, shape (R, K)
        1 and -1 where ``clamp`` lets a coefficient lie on one side only, else 0.
    notes, warnings : tuple of str
    mix, carry : ndarray of shape (K before, K), or None
        Maps from the scores and coefficients before to those now, see `pcbm.editing.structure`;
        None while the scores are those of before.
    structure : tuple of dict
        What was done to the concepts themselves, one JSON value an operation.
    """

    head: LinearHead
    changes: tuple[Change, ...]
    touched: np.ndarray
    signs: np.ndarray
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    mix: np.ndarray | None = None
    carry: np.ndarray | None = None
    structure: tuple[dict[str, Any], ...] = ()


@dataclass
class _Draft:
    """The head while edits are made, one after the other."""

    head: LinearHead
    touched: np.ndarray
    signs: np.ndarray
    moments: ScoreMoments | None
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    places: list[tuple[Edit, int, list[int]]] = field(default_factory=list)
    mix: np.ndarray | None = None
    carry: np.ndarray | None = None
    structure: list[dict[str, Any]] = field(default_factory=list)


def apply_edits(
    head: LinearHead, edits: Sequence[Edit], moments: ScoreMoments | None = None
) -> Edited:
    """Apply edits in order, all or nothing.

    With w a coefficient on the standardised score z = (s - mean) / scale:

    - ``zero`` at the mean: w -> 0. The concept then counts as if it were at its training mean.
    - ``zero`` at the boundary: w -> 0 and intercept -> intercept - w * mean / scale, because a
      score of 0 has z = -mean / scale. The concept then counts as if its score were 0.
    - ``scale``: w -> factor * w;  ``set``: w -> value;  ``clamp``: w -> max(w, 0) or min(w, 0).
      The intercept stays.
    - ``rename``: names alone.  ``merge``: see `pcbm.editing.structure.merge`.

    Parameters
    ----------
    head : LinearHead
    edits : sequence of Edit
    moments : ScoreMoments, optional
        Of the head's concept scores on train; merging needs them.

    Raises
    ------
    InputError
        A concept or class is unknown, a class is named in a binary head, a new name exists
        already, a merge has no moments, or there is no edit.
    """
    if not edits:
        raise InputError("the plan holds no edits: add one, like EditPlan().zero('stripes')")
    shape = head.coef.shape
    draft = _Draft(
        replace(head, coef=head.coef.copy(), intercept=head.intercept.copy()),
        np.zeros(shape, dtype=bool),
        np.zeros(shape, dtype=int),
        moments,
    )
    for edit in edits:
        _MAKERS.get(edit.op, _coefficients)(draft, edit)
    return Edited(
        draft.head,
        tuple(draft.changes),
        draft.touched,
        draft.signs,
        tuple(draft.notes),
        (*draft.warnings, *_still_used(draft.head, draft.places)),
        draft.mix,
        draft.carry,
        tuple(draft.structure),
    )


def _coefficients(draft: _Draft, edit: Edit) -> None:
    """Zero, scale, set or clamp the coefficients of one concept."""
    head = draft.head
    column, rows = head.column(edit.concept), head.rows(edit.classes)
    coef, intercept = head.coef, head.intercept
    sign = {"+": 1, "-": -1}.get(edit.sign or "", 0)
    if edit.op == "clamp" and not (sign * coef[rows, column] < 0).any():
        draft.notes.append(f"{edit}: the coefficient has that sign already, so nothing changes")
    elif edit.op in ("zero", "scale") and not coef[rows, column].any():
        draft.notes.append(f"{edit}: the coefficient is 0 already, so nothing changes")
    for row in rows:
        before = float(coef[row, column]), float(intercept[row])
        coef[row, column] = _new_value(edit, before[0])
        if edit.at == "boundary":
            intercept[row] += before[0] * (-head.mean[column] / head.scale[column])
        after = float(coef[row, column]), float(intercept[row])
        valued = draft.touched[row, column] and draft.signs[row, column] == 0
        draft.touched[row, column] |= edit.op != "clamp" or before[0] != after[0]
        draft.signs[row, column] = 0 if valued else sign  # a value that was asked for is held
        pairs = (before[0], after[0]), (before[1], after[1])
        draft.changes.append(Change(edit.op, head.row_names[row], edit.concept, *pairs))
    draft.places.append((edit, column, rows))


def _new_value(edit: Edit, old: float) -> float:
    if edit.op == "clamp":
        # `old` first, so that a zero keeps its sign and a second clamp changes no bit.
        return old if (old >= 0 if edit.sign == "+" else old <= 0) else 0.0
    if edit.op == "zero" or edit.number is None:
        return 0.0
    return edit.number * old if edit.op == "scale" else edit.number


def _rename(draft: _Draft, edit: Edit) -> None:
    head = draft.head
    column, new = head.column(edit.concept), str(edit.to)
    check_new_name(new, head.concept_names)
    names = list(head.concept_names)
    names[column] = new
    draft.head = replace(head, concept_names=tuple(names))
    draft.structure.append({"op": "rename", "concept": edit.concept, "to": new})


def _merge(draft: _Draft, edit: Edit) -> None:
    """Put the merged concept in the place of its parts; the other columns stay bit for bit."""
    head = draft.head
    columns = [head.column(name) for name in edit.parts]
    if edit.concept not in edit.parts:
        check_new_name(edit.concept, head.concept_names)
    if draft.moments is None:
        raise InputError(
            f"{edit} needs training data, for the spread of the merged score: give --train DATA, "
            "or in Python train=(X, y)"
        )
    merged = merge(head.concept_names, columns, head.scale, draft.moments)
    share = share_kept(head.coef, merged, draft.moments.cov, head.scale)
    others = merged.kept >= 0
    names = [head.concept_names[j] if j >= 0 else edit.concept for j in merged.kept]
    coef, mean = head.coef @ merged.carry, head.mean @ merged.mix
    coef[:, others], mean[others] = (
        head.coef[:, merged.kept[others]],
        head.mean[merged.kept[others]],
    )
    scale = np.where(others, head.scale[merged.kept], merged.std)
    draft.head = replace(head, coef=coef, mean=mean, scale=scale, concept_names=tuple(names))
    draft.changes += _merge_changes(head, draft.head, edit, columns, merged.place)
    touched = np.where(others, draft.touched[:, merged.kept], False)
    touched[:, merged.place] = draft.touched[:, columns].any(axis=1)
    draft.touched = touched
    draft.signs = np.where(others, draft.signs[:, merged.kept], 0)
    place = {int(old): new for new, old in enumerate(merged.kept) if old >= 0}
    draft.places = [(e, place[c], rows) for e, c, rows in draft.places if c in place]
    draft.mix = merged.mix if draft.mix is None else draft.mix @ merged.mix
    draft.carry = merged.carry if draft.carry is None else draft.carry @ merged.carry
    draft.moments = draft.moments.mixed(merged.mix)
    draft.structure.append(
        {
            "op": "merge",
            "concepts": list(edit.parts),
            "into": edit.concept,
            "correlation": dict(zip(edit.parts, merged.correlation, strict=True)),
            "kept": share,
        }
    )
    if share < 1 - MUCH_LOST:
        draft.warnings.append(
            f"{edit} keeps {share:.0%} of what the parts said (the variance they gave the logits): "
            "they are not near copies; compare predictions with --eval"
        )


def _merge_changes(
    before: LinearHead, after: LinearHead, edit: Edit, columns: Sequence[int], place: int
) -> list[Change]:
    """Record the parts' coefficients going to 0 and the merged one's coming from 0."""
    changes = []
    for row, name in enumerate(before.row_names):
        same = (float(before.intercept[row]),) * 2
        for part, column in zip(edit.parts, columns, strict=True):
            pair = (float(before.coef[row, column]), 0.0)
            changes.append(Change("merge", name, part, pair, same))
        pair = (0.0, float(after.coef[row, place]))
        changes.append(Change("merge", name, edit.concept, pair, same))
    return changes


_MAKERS: dict[str, Callable[[_Draft, Edit], None]] = {"rename": _rename, "merge": _merge}


def check_new_name(name: str, known: Sequence[str]) -> None:
    """Raise InputError unless a concept can be given this name."""
    if name in known:
        raise InputError(
            f"there is a concept {name!r} already: choose another name, or merge the two (--merge, "
            "op merge)"
        )
    if not name.strip():
        raise InputError(f"the concept name {name!r} is blank: choose another")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"the concept name {name!r} is no valid Unicode: choose another") from None


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
            f"{head.concept_names[column]!r} has no coefficient for {chosen} any more, but {names} "
            f"still use it, and softmax compares the classes: it can still move the probability of "
            f"{chosen}; leave the class out to remove it everywhere"
        )
