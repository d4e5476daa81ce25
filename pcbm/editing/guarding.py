"""An edit and its guards as one step of a model's history, each guard with its price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.editing.changes import changes_between
from pcbm.editing.data import Pairs, TrainingData
from pcbm.editing.guard import FROM_PAIRS, Guard
from pcbm.editing.guards import guard_recentre, guard_residual, guard_scores, guard_silent
from pcbm.editing.head import head_of
from pcbm.editing.history import Step
from pcbm.editing.steps import STALE_RESIDUAL, with_history
from pcbm.model.metrics import headline
from pcbm.model.run import task_of


def guarded_step(
    before: Any,
    model: Any,
    step: Step,
    guards: Sequence[Guard],
    removed: Mapping[str, str],
    data: TrainingData,
    *,
    refit: bool = False,
    pairs: Pairs | None = None,
    held_out: tuple[Any, NDArray] | None = None,
) -> tuple[Any, Step]:
    """Put guards on the concepts that an edit removed, and join them to its step.

    Parameters
    ----------
    before, model : PostHocCBM or PostHocCBMRegressor
        Before and after the edit.
    step : Step
        Of the edit.
    guards : sequence of Guard
        In the order of `pcbm.editing.guard.GUARDS`.
    removed : dict of str to str
        The concepts that the edit removed: name now -> name before.
    data : TrainingData
    refit : bool
        Whether the edit fitted the head again; ``scores`` does so too then.
    pairs : (having, lacking), optional
        Activations (m, d) of the same inputs with and without the concept, for ``silent``.
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
        Whatever a guard refuses.
    """
    again = refit and all(guard.name != "silent" for guard in guards)
    concepts, old_names = list(removed), list(removed.values())
    records, result = [], model
    for guard in guards:
        old = result
        if guard.name == "scores":
            result, record = guard_scores(old, concepts, data, refitted=again)
        elif guard.name == "silent":
            direction = None
            if guard.direction == FROM_PAIRS and pairs is not None:
                direction = _direction(old, pairs)
            result, record = guard_silent(old, concepts, data, direction=direction)
        elif guard.name.startswith("residual"):
            in_class, erased = guard.name == "residual-in-class", guard.name != "residual-balanced"
            result, record = guard_residual(old, concepts, data, in_class=in_class, erased=erased)
        else:
            by = guard.name.removeprefix("recentre-")
            result, record = guard_recentre(old, before, concepts, data, by=by, old_names=old_names)
        records.append({**record, "price": _price(old, result, held_out)})
    warnings = step.warnings
    if any(guard.name.startswith("residual") for guard in guards):
        warnings = tuple(text for text in warnings if text != STALE_RESIDUAL)
    whole = replace(
        step,
        changes=step.changes + changes_between("guard", head_of(model), head_of(result)),
        structure=(*step.structure, *records),
        warnings=warnings,
    )
    return with_history(result, before, whole), whole


def _direction(model: Any, pairs: Pairs) -> NDArray:
    """Return the mean move of a model's scores (K,) over pairs; another guard may change scores."""
    having, lacking = (model.transform(np.asarray(X)) for X in pairs)
    return (having - lacking).mean(axis=0)


def _price(before: Any, after: Any, held_out: tuple[Any, NDArray] | None) -> dict[str, Any]:
    if held_out is None:
        return {"not_measurable": "no held-out rows were given: add --eval DATA"}
    X, y = held_out
    task = task_of(after)
    old, new = (headline(y, np.asarray(m.predict(X)), task) for m in (before, after))
    name = "r2" if task == "regression" else "accuracy"
    return {"figure": name, "before": old, "after": new, "n": len(y)}
