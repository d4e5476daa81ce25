"""Random edits of the same size: what any change of so many coefficients would do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pcbm.editing import (
    Edit,
    Edited,
    EditPlan,
    LinearHead,
    TrainingData,
    apply_edits,
    refit,
    refit_settings,
    renormalise,
)
from pcbm.editing.balance import plan_weight
from pcbm.heads import class_weighted

PLAIN = ("zero", "scale", "set", "clamp")


def random_prune(
    head: LinearHead, edits: Sequence[Edit], rng: np.random.Generator, *, by_mass: bool = False
) -> LinearHead:
    """Make the change of some edits in other, random coefficients.

    Parameters
    ----------
    head : LinearHead
        Before the edits.
    edits : sequence of Edit
        Of zero, scale, set and clamp.
    rng : numpy.random.Generator
    by_mass : bool
        False: in each row as many non-zero coefficients as the edits changed are multiplied by
        the factors that those were multiplied by. True: in each row random coefficients are
        zeroed, the last one in part, until the row has lost as much of its L1 norm as it changed
        by.

    Returns
    -------
    LinearHead
        Coefficients that the edits changed are spared as long as others are left to draw. Where
        an edit holds concepts at the boundary, the drawn ones are held there too.
    """
    edited = apply_edits(head, edits).head.coef
    coef = head.coef.copy()
    for row in range(len(coef)):
        old, new = head.coef[row], edited[row]
        changed = np.flatnonzero((old != new) & (old != 0))
        if len(changed) == 0:
            continue
        free = np.flatnonzero((old != 0) & (old == new))
        drawn = rng.permutation(free)
        drawn = np.concatenate([drawn, rng.permutation(changed)])
        if by_mass:
            coef[row] = _without_mass(old, drawn, float(np.abs(old - new).sum()))
        else:
            factors = rng.permutation(new[changed] / old[changed])
            coef[row, drawn[: len(changed)]] *= factors
    intercept = head.intercept.copy()
    if any(edit.at == "boundary" for edit in edits):
        intercept += (head.coef - coef) @ (-head.mean / head.scale)
    return replace(head, coef=coef, intercept=intercept)


def _without_mass(old: np.ndarray, order: np.ndarray, mass: float) -> np.ndarray:
    """Remove L1 mass from coefficients in this order, from the last of them only a part."""
    size = np.abs(old[order])
    before = np.concatenate([[0.0], np.cumsum(size)[:-1]])
    share = np.clip((mass - before) / size, 0.0, 1.0)
    coef = old.copy()
    coef[order] *= 1 - share
    return coef


def followed(
    model: Any, plan: EditPlan, train: TrainingData | None
) -> Callable[[LinearHead, LinearHead], LinearHead]:
    """Return what renormalises or refits a pruned head as a plan does, the pruned part held.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Before the plan.
    plan : EditPlan
    train : TrainingData or None
        For a refit.

    Returns
    -------
    callable (before, pruned) -> LinearHead
    """
    Z = None
    if plan.refit and train is not None:
        weighted, _ = plan_weight(model, plan.edits, plan.balanced, train)
        assert weighted is not None
        weight = class_weighted(getattr(model, "class_weight", None), train.y, weighted.weight)
        Z = np.asarray((model.transform(train.X) - model.mean_) / model.scale_, dtype=np.float64)

    def make(before: LinearHead, pruned: LinearHead) -> LinearHead:
        touched = before.coef != pruned.coef
        edited = Edited(pruned, (), touched, np.zeros(touched.shape, dtype=int))
        if plan.renormalise:
            edited = renormalise(before, edited)
        if Z is not None and train is not None:
            edited, _ = refit(edited, Z, train.y, refit_settings(model), weight)
        return edited.head

    return make
