"""An edit and its guards as one step of a model's history, each guard with its price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.audit.guards import (
    TrainingData,
    guard_recentre,
    guard_residual,
    guard_scores,
    guard_silent,
)
from pcbm.editing import EditPlan, Step, head_of
from pcbm.editing.changes import changes_between
from pcbm.editing.edit import zeroed_concepts
from pcbm.editing.steps import STALE_RESIDUAL, with_history
from pcbm.errors import InputError, near, quoted
from pcbm.model.metrics import headline
from pcbm.model.run import task_of

# In the order they are made: what fits the head again comes before what follows the head.
GUARDS = (
    "scores",
    "silent",
    "recentre-classes",
    "recentre-groups",
    "residual",
    "residual-in-class",
)
EXCLUSIVE = (("recentre-classes", "recentre-groups"), ("residual", "residual-in-class"))
REFITTED = "the intercepts are fitted anew by {what}, so that recentring would be undone: "


def guarded_step(
    before: Any,
    model: Any,
    step: Step,
    guards: Sequence[str],
    data: TrainingData,
    *,
    pairs: tuple[Any, Any] | None = None,
    held_out: tuple[Any, NDArray] | None = None,
) -> tuple[Any, Step]:
    """Put guards on the concepts that an edit removed, and join them to its step.

    Parameters
    ----------
    before, model : PostHocCBM or PostHocCBMRegressor
        Before and after the edit.
    step : Step
        Of the edit.
    guards : sequence of str
        Of `GUARDS`; their order here does not matter.
    data : TrainingData
    pairs : (having, lacking), optional
        Activations (m, d) of the same inputs with and without the concept: ``silent`` takes the
        direction from them, else from the training rows; see `pcbm.audit.guards.guard_silent`.
    held_out : (X, y), optional
        Rows to measure prices on.

    Returns
    -------
    model, step
        One record a guard in ``step.structure``, each with its ``price``: ``figure`` (accuracy, or
        r2) ``before`` and ``after`` the guard on ``n`` held-out rows, or ``not_measurable``.

    Raises
    ------
    InputError
        An unknown guard, guards that undo each other, or whatever a guard refuses.
    """
    plan = EditPlan.from_dict(step.plan)
    check_guards(guards, plan)
    concepts = removed_concepts(plan, model)
    records = []
    result = model
    for guard in (name for name in GUARDS if name in guards):
        old = result
        if guard == "scores":
            again = plan.refit and "silent" not in guards
            result, record = guard_scores(old, concepts, data, refitted=again)
        elif guard == "silent":
            direction = None if pairs is None else _direction(old, pairs)
            result, record = guard_silent(old, concepts, data, direction=direction)
        elif guard.startswith("residual"):
            within = guard == "residual-in-class"
            result, record = guard_residual(old, concepts, data, in_class=within)
        else:
            by = guard.removeprefix("recentre-")
            result, record = guard_recentre(old, before, concepts, data, by=by)
        records.append({**record, "price": _price(old, result, held_out)})
    warnings = step.warnings
    if any(name.startswith("residual") for name in guards):
        warnings = tuple(text for text in warnings if text != STALE_RESIDUAL)
    whole = replace(
        step,
        changes=step.changes + changes_between("guard", head_of(model), head_of(result)),
        structure=(*step.structure, *records),
        warnings=warnings,
    )
    return with_history(result, before, whole), whole


def _direction(model: Any, pairs: tuple[Any, Any]) -> NDArray:
    """Return the mean move of a model's scores (K,) over pairs; another guard may change scores."""
    having, lacking = (model.transform(np.asarray(X)) for X in pairs)
    return (having - lacking).mean(axis=0)


def check_guards(guards: Sequence[str], plan: EditPlan) -> None:
    """Refuse unknown guards, and those that the plan or another guard would undo."""
    for name in guards:
        if name not in GUARDS:
            raise InputError(f"--guard {name!r} is unknown: {near(name, GUARDS)}")
    for one, other in EXCLUSIVE:
        if one in guards and other in guards:
            raise InputError(f"--guard {one} and {other} exclude each other: take one")
    recentred = any(name.startswith("recentre") for name in guards)
    anew = "--guard silent" if "silent" in guards else "--refit" if plan.refit else None
    if recentred and anew:
        raise InputError(REFITTED.format(what=anew) + "leave one of them out")
    if recentred and any(edit.at == "boundary" for edit in plan.edits):
        raise InputError(
            "--at boundary and --guard recentre hold a concept at two values: take one"
        )
    fits = "silent" in guards or ("scores" in guards and plan.refit)
    kept = [edit.concept for edit in plan.edits if edit.op in ("scale", "set", "clamp")]
    if fits and kept:
        raise InputError(
            f"the guard fits the other coefficients again, and that of {kept[0]!r} with them: "
            "edit it in a second step"
        )


def removed_concepts(plan: EditPlan, model: Any) -> list[str]:
    """Return the concepts that a plan zeroed, by the names they have in the end."""
    found = [name for name in zeroed_concepts(plan.edits) if name in model.concept_names_]
    if not found:
        raise InputError(
            "a guard closes what a removed concept leaves open, and the plan zeroes none: "
            "add --zero CONCEPT"
        )
    if any(edit.classes is not None for edit in plan.edits if edit.op == "zero"):
        raise InputError(f"a guard serves all classes: zero {quoted(found)} without naming classes")
    return found


def _price(before: Any, after: Any, held_out: tuple[Any, NDArray] | None) -> dict[str, Any]:
    if held_out is None:
        return {"not_measurable": "no held-out rows were given: add --eval DATA"}
    X, y = held_out
    task = task_of(after)
    old, new = (headline(y, np.asarray(m.predict(X)), task) for m in (before, after))
    name = "r2" if task == "regression" else "accuracy"
    return {"figure": name, "before": old, "after": new, "n": len(y)}
