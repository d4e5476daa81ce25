"""Weights that make rows with a cue and rows without it count alike in every class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.editing.data import TrainingData
from pcbm.editing.edit import Edit, zeroed
from pcbm.editing.head import LinearHead
from pcbm.errors import InputError, near, quoted
from pcbm.model.logits import UNLABELLED

BY_GROUPS, BY_SCORES = BALANCES = ("groups", "scores")
GIVEN_WEIGHTS = "row weights were given with the training data: the plan does not hold them"


def balanced_weight(y: ArrayLike, group: ArrayLike) -> NDArray[np.float64]:
    """Return row weights under which every pair of class and group that there is weighs the same.

    Where a cue is tied to the class in training, the rows that break the tie are few. A refit
    under these weights sees class and cue as unrelated (Idrissi et al. 2022, "Simple data balancing
    achieves competitive worst-group-accuracy", reweighting by group).

    Parameters
    ----------
    y : array-like, shape (n,)
        Classes.
    group : array-like, shape (n,)
        Who has the cue: given groups, or `told_by_scores`.

    Returns
    -------
    ndarray, shape (n,)
        Positive, with mean 1: n / (number of pairs * rows of the pair).

    Raises
    ------
    InputError
        Other lengths, one group only, or a class without rows of one of the groups: no weight can
        replace those.
    """
    names, groups = np.asarray(y), np.asarray(group)
    if names.ndim != 1 or names.shape != groups.shape:
        raise InputError(
            f"y has shape {names.shape} and group {groups.shape}: give one class and one group "
            "a row"
        )
    classes, row = np.unique(names, return_inverse=True)
    kinds, column = np.unique(groups, return_inverse=True)
    if len(kinds) < 2:
        raise InputError(
            f"every row is of the group {str(kinds[0])!r}, so nothing tells which rows have the "
            "cue: give two groups or more, or do not balance"
        )
    count = np.zeros((len(classes), len(kinds)), dtype=int)
    np.add.at(count, (row, column), 1)
    if not count.all():
        i, j = np.argwhere(count == 0)[0]
        raise InputError(
            f"the class {str(classes[i])!r} has no row of the group {str(kinds[j])!r}: groups tell "
            "who has the cue, and every class needs rows of each; add such rows, or do not balance"
        )
    return len(names) / (count.size * count[row, column])


def told_by_scores(model: Any, X: Any, concepts: Sequence[str]) -> NDArray[np.str_]:
    """Return who has a cue as its concepts' scores tell it, where no one has labelled it.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    X : array-like, shape (n, d)
        Activations.
    concepts : sequence of str
        The concepts that name the cue.

    Returns
    -------
    ndarray of str, shape (n,)
        One concept: ``"with"`` where its score is positive, else ``"without"``. Several: the
        name of the one whose standardised score is the largest.

    Raises
    ------
    InputError
        No concept was named, or the model has not got one.
    """
    if not concepts:
        raise InputError("no concept was named: give those that name the cue")
    for name in concepts:
        if name not in model.concept_names_:
            raise InputError(
                f"the model has no concept {name!r}: {near(name, model.concept_names_)}"
            )
    columns = [model.concept_names_.index(name) for name in concepts]
    scores = model.transform(X)[:, columns]
    if len(columns) == 1:
        return np.where(scores[:, 0] > 0, "with", "without")
    standard = (scores - model.mean_[columns]) / model.scale_[columns]
    return np.array(concepts, dtype=str)[standard.argmax(axis=1)]


def check_balance(
    by: str | None, edits: Sequence[Edit], needs_data: str | None, head: LinearHead
) -> None:
    """Refuse balanced weights that a plan cannot have, before data is read.

    Raises
    ------
    InputError
        Nothing learns under them, the head has no classes, or no removed concept has a score.
    """
    if by is None:
        return
    if needs_data is None:
        raise InputError(
            f"rows are balanced by {by}, but nothing in the plan learns from rows: add --refit, "
            "--orthogonalise or a guard"
        )
    if head.family in UNLABELLED:
        raise InputError(
            f"balanced rows need one class a row, not a {head.family} head: leave the balance out"
        )
    if by == BY_SCORES:
        _told_concepts(edits)


def _told_concepts(edits: Sequence[Edit]) -> list[str]:
    """Return the concepts that the edits zero, by the names they have before the edits."""
    names = zeroed(edits)
    if not names:
        raise InputError(
            "rows are balanced by the scores of the removed concepts, and the plan zeroes none: "
            "add --zero CONCEPT, or balance by groups"
        )
    before = [first for _, first in names if first is not None]
    if len(before) < len(names):
        merged = next(name for name, first in names if first is None)
        raise InputError(
            f"rows are balanced by scores, but {merged!r} has no score before this plan merges "
            "it: merge in a first edit, or balance by groups"
        )
    return before


def plan_weight(
    model: Any, edits: Sequence[Edit], by: str | None, data: TrainingData | None
) -> tuple[TrainingData | None, list[str]]:
    """Return training rows with the weights that a plan asks for, and what to note of them.

    Parameters
    ----------
    model : PostHocCBM
        Before the edits.
    edits : sequence of Edit
    by : {"groups", "scores"} or None
    data : TrainingData or None

    Raises
    ------
    InputError
        Weights were given beside ``by``, or a class lacks rows with or without the cue.
    """
    if by is None or data is None:
        given = data is not None and data.weight is not None
        return data, [GIVEN_WEIGHTS] if given else []
    if data.weight is not None:
        raise InputError(
            f"row weights were given, and the plan balances rows by {by}: leave one of them out"
        )
    concepts = _told_concepts(edits) if by == BY_SCORES else []
    told = told_by_scores(model, data.X, concepts) if concepts else data.group
    if told is None:
        raise InputError("rows are balanced by groups, but the training data names none")
    if len(concepts) == 1 and len(np.unique(told)) < 2:
        raise InputError(
            f"the score of {concepts[0]!r} has one sign on all training rows, so it cannot tell "
            "which rows have the cue: balance by groups"
        )
    words = f"the scores of {quoted(concepts)} tell" if concepts else "their groups tell"
    note = (
        f"training rows weigh so that class and cue are unrelated; {words} which rows have the cue"
    )
    return replace(data, weight=balanced_weight(data.y, told)), [note]
