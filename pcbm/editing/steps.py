"""Editing a fitted model: the edits, what follows them, and the entry for its history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pcbm.editing.apply import Edited, apply_edits
from pcbm.editing.edit import Edit
from pcbm.editing.follow import RefitSettings, check_labels, refit, renormalise
from pcbm.editing.head import EditableModel, head_of
from pcbm.editing.history import Step, with_arrays
from pcbm.errors import InputError
from pcbm.heads import class_weighted


def take_step(
    model: EditableModel,
    edits: Sequence[Edit],
    plan: Mapping[str, Any],
    *,
    renormalised: bool = False,
    refit_on: tuple[Any, ...] | None = None,
    when: str | None = None,
) -> tuple[Any, Step]:
    """Return the edited copy of a model and the step that made it.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Fitted.
    edits : sequence of Edit
    plan : dict
        The JSON form of the plan that holds them, for the history.
    renormalised : bool
        Rescale the other coefficients, see `pcbm.editing.follow.renormalise`.
    refit_on : (X, y) or (X, y, sample_weight), optional
        Activations and labels to fit the other coefficients on again. Weights of the first fit
        are not remembered: give them anew.
    when : str, optional
        The time to record.
    """
    if renormalised and refit_on is not None:
        raise InputError("an edit is followed by --renormalise or by --refit: give one of the two")
    before = head_of(model)
    edited = apply_edits(before, edits)
    record = None
    if renormalised:
        edited = renormalise(before, edited)
    if refit_on is not None:
        edited, record = _refit(model, edited, *refit_on)
    if getattr(model, "residual_", None) is not None:
        edited = _warn(
            edited,
            "the residual model was fitted before this edit and stays as it was: it reads the raw "
            "activations and can restore what the edit removed",
        )
    if record is not None and any(edit.at == "boundary" for edit in edits):
        edited = _warn(
            edited,
            "the refit chose the intercepts anew, so holding a concept at the "
            "boundary or at the mean came to the same",
        )
    step = Step(
        plan=plan,
        changes=edited.changes,
        follow_up="renormalise" if renormalised else "refit" if record is not None else None,
        refit=record,
        notes=edited.notes,
        warnings=edited.warnings,
        when=when,
    )
    result = with_arrays(model, edited.head)
    result.edits_ = [*history_of(model), step.as_dict()]
    return result, step


def history_of(model: Any) -> list[dict[str, Any]]:
    """Return the entries of edits.json that a model carries; none if it was never edited."""
    return list(getattr(model, "edits_", None) or [])


def _refit(
    model: Any, edited: Edited, X: Any, y: Any, sample_weight: Any = None
) -> tuple[Edited, dict[str, Any]]:
    if model.head_.path_.solver == "sgd":
        raise InputError(
            "the head was fitted by solver 'sgd', whose lam is for scores that are not "
            "standardised: fit with another solver, or edit without refit"
        )
    y = np.asarray(y)
    if len(y) != len(X):
        raise InputError(f"the data to refit on has {len(X)} rows but {len(y)} labels")
    if edited.head.family not in ("gaussian", "multilabel"):
        check_labels(y, model.head_.classes_)
    weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    Z = (model.transform(X) - edited.head.mean) / edited.head.scale
    return refit(
        edited,
        np.asarray(Z, dtype=np.float64),
        y,
        RefitSettings(model.head_.lam_, model.l1_ratio, model.tol, model.nonnegative),
        class_weighted(getattr(model, "class_weight", None), y, weight),
    )


def _warn(edited: Edited, *texts: str) -> Edited:
    return replace(edited, warnings=(*edited.warnings, *texts))
