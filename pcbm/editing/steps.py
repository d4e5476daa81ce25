"""Editing a fitted model: the edits, what follows them, and the entry for its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pcbm.editing.apply import Edited, apply_edits
from pcbm.editing.clear import clear_removed, removed_columns
from pcbm.editing.data import TrainingData
from pcbm.editing.edit import Edit
from pcbm.editing.follow import check_labels, refit, refit_settings, renormalise
from pcbm.editing.head import EditableModel, LinearHead, head_of
from pcbm.editing.history import Step
from pcbm.editing.rebuild import check_can_mix, rebuilt
from pcbm.editing.structure import ScoreMoments, score_moments
from pcbm.errors import InputError
from pcbm.heads import class_weighted
from pcbm.model.logits import UNLABELLED
from pcbm.model.snapshot import Snapshot

STALE_RESIDUAL = (
    "the residual model was fitted before this edit and stays as it was: it reads the raw "
    "activations and can restore what the edit removed"
)


@dataclass(frozen=True)
class FollowUps:
    """What follows the edits, in this order."""

    orthogonalise: bool = False
    renormalise: bool = False
    refit: bool = False


def take_step(
    model: EditableModel,
    edits: Sequence[Edit],
    plan: Mapping[str, Any],
    *,
    follow: FollowUps = FollowUps(),
    train: TrainingData | None = None,
    when: str | None = None,
    notes: Sequence[str] = (),
) -> tuple[Any, Step]:
    """Return the edited copy of a model and the step that made it.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Fitted.
    edits : sequence of Edit
    plan : dict
        The JSON form of the plan that holds them, for the history.
    follow : FollowUps
    train : TrainingData, optional
        For merges and follow-ups.
    when : str, optional
        The time to record.
    notes : sequence of str
        To record beside those of the edits.

    Raises
    ------
    InputError
        The plan does not fit the model or the data; nothing was changed.
    """
    before = head_of(model)
    check_edits(model, edits, follow)
    rows = None if train is None else _weighted(model, before.family, train)
    moments = None
    if rows is not None and (follow.orthogonalise or any(edit.op == "merge" for edit in edits)):
        by_class = before.family not in UNLABELLED
        scores = model.transform(rows.X)
        moments = score_moments(scores, rows.y, by_class=by_class, weight=rows.weight)
    edited = apply_edits(before, edits, moments)
    if follow.orthogonalise and moments is not None:
        edited = clear_removed(edited, edits, moments)
    if follow.renormalise:
        edited = renormalise(before, edited)
    record = None
    if follow.refit and rows is not None:
        edited, record = _refit(rebuilt(model, edited), edited, rows)
    edited = _warn(edited, *_cautions(model, edits, follow))
    result = rebuilt(model, edited)
    step = Step(
        plan=plan,
        changes=edited.changes,
        follow_up="renormalise" if follow.renormalise else "refit" if follow.refit else None,
        refit=record,
        structure=edited.structure,
        notes=(*edited.notes, *notes),
        warnings=edited.warnings,
        when=when,
    )
    return with_history(result, model, step), step


def check_edits(model: EditableModel, edits: Sequence[Edit], follow: FollowUps) -> LinearHead:
    """Refuse what does not fit the model, before any data is read.

    Returns
    -------
    LinearHead
        After the edits, as far as it is known without data: its names and its zeros.

    Raises
    ------
    InputError
        As `take_step` would, but for what only the data can show.
    """
    if follow.renormalise and follow.refit:
        raise InputError("an edit is followed by --renormalise or by --refit: give one of the two")
    head = head_of(model)
    if follow.orthogonalise or any(edit.op == "merge" for edit in edits):
        check_can_mix(model)
    apart = np.diag(head.scale**2)  # as if no two scores went together: no merge cancels
    edited = apply_edits(head, edits, ScoreMoments(apart, apart))
    if follow.orthogonalise:
        removed_columns(edited, edits)
    return edited.head


def with_history(result: Any, before: Any, step: Step) -> Any:
    """Give an edited model the history of the model before and one step more."""
    past = history_of(before)
    result.edits_ = [*past, step.as_dict()]
    snapshots = dict(getattr(before, "snapshots_", None) or {})
    if step.structure:
        snapshots[len(past)] = Snapshot.between(before, result)
    if snapshots:
        result.snapshots_ = snapshots
    return result


def history_of(model: Any) -> list[dict[str, Any]]:
    """Return the entries of edits.json that a model carries; none if it was never edited."""
    return list(getattr(model, "edits_", None) or [])


def _weighted(model: Any, family: str, train: TrainingData) -> TrainingData:
    """Check the labels of training rows, and weigh them as the fit weighed its classes."""
    if family not in UNLABELLED:
        check_labels(train.y, model.head_.classes_)
    weight = class_weighted(getattr(model, "class_weight", None), train.y, train.weight)
    return replace(train, weight=weight)


def _refit(model: Any, edited: Edited, rows: TrainingData) -> tuple[Edited, dict[str, Any]]:
    """Refit the edited head on the scores of the model that was rebuilt with it."""
    settings = refit_settings(model)
    Z = (model.transform(rows.X) - model.mean_) / model.scale_
    return refit(edited, np.asarray(Z, dtype=np.float64), rows.y, settings, rows.weight)


def _cautions(model: Any, edits: Sequence[Edit], follow: FollowUps) -> list[str]:
    texts = []
    if getattr(model, "residual_", None) is not None:
        texts.append(STALE_RESIDUAL)
    if follow.refit and any(edit.at == "boundary" for edit in edits):
        texts.append(
            "the refit chose the intercepts anew, so holding a concept at the "
            "boundary or at the mean came to the same"
        )
    return texts


def _warn(edited: Edited, *texts: str) -> Edited:
    return replace(edited, warnings=(*edited.warnings, *texts))
