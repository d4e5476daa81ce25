"""An edit along the whole regularisation path, so that one lucky point does not speak for it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pcbm.audit.judged import Judged, figures, predictions, scored
from pcbm.editing import EditPlan, TrainingData

Progress = Callable[[str, int, int], None]
NO_RESIDUAL = "the curve is of the concept model alone: the residual was fitted at one point"


def edit_curve(
    model: Any,
    plan: EditPlan,
    sets: Mapping[str, Judged],
    *,
    train: TrainingData | tuple[Any, ...] | None = None,
    pairs: tuple[Any, Any] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make one edit at every point of a model's path.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Before the edit. Earlier edits are not on its path.
    plan : EditPlan
    sets : dict of Judged
        The rows to judge on by name, in distribution first.
    train : TrainingData, (X, y) or (X, y, sample_weight), optional
        For plans that learn from data. A refit uses the penalty of each point.
    pairs : (having, lacking), optional
        For plans that need them. Guards of the head are on every point; those of the residual
        are left out with the residual.
    progress : callable (stage, done, total), optional

    Returns
    -------
    dict
        ``points``, from the sparsest on: ``lam``, ``nec``, ``chosen`` (the point in use, or the
        nearest to it where the head was cut or edited) and ``figures``: name -> ``before``,
        ``after`` (see `pcbm.audit.judged.figures`); ``notes``.
    """
    tell = progress or (lambda stage, done, total: None)
    notes = [] if model.residual_ is None else [NO_RESIDUAL]
    model = model.without_residual()
    own = tuple(guard for guard in plan.guards if not guard.name.startswith("residual"))
    if own != plan.guards:
        left = ", ".join(str(guard) for guard in plan.guards if guard not in own)
        notes.append(f"the curve is without {left}")
        plan = replace(plan, guards=own)
        plan = plan if plan.needs_data else plan.balance(None)
    path = model.head_.path_
    found = {name: scored(model, rows) for name, rows in sets.items()}
    chosen = int(np.argmin(np.abs(np.log(path.lams) - np.log(model.lam_))))
    learnt = None if plan.needs_data is None else train
    beside = pairs if "pairs" in plan.needs else None
    points = []
    for i in range(len(path)):
        at = _at(model, i)
        edited, step = plan.step(at, train=learnt, pairs=beside)
        if step.structure:
            after = {name: edited.predict(rows.X) for name, rows in sets.items()}
        else:
            after = predictions(model, found, edited.coef_, edited.intercept_)
        before = figures(model, sets, predictions(model, found, at.coef_, at.intercept_))
        changed = figures(model, sets, after)
        points.append(
            {
                "lam": float(path.lams[i]),
                "nec": float(path.nec[i]),
                "chosen": i == chosen,
                "figures": {
                    name: {"before": before[name], "after": changed[name]} for name in before
                },
            }
        )
        tell("edit along the path", i + 1, len(path))
    return {"points": points, "notes": notes}


def _at(model: Any, point: int) -> Any:
    """Return the model with the head of one path point."""
    path, head = model.head_.path_, model.head_
    copied = model.with_head(
        path.coef(point).reshape(head.coef_.shape),
        path.intercepts[point].reshape(head.intercept_.shape),
    )
    copied.head_ = copy.copy(copied.head_)
    copied.head_.lam_ = float(path.lams[point])
    return copied
