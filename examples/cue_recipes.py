"""Recipes: what to do with a model after a spurious concept was found, each as a function."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from cue_cases import Case

from pcbm import EditPlan
from pcbm.editing import TrainingData, balanced_weight, told_by_scores
from pcbm.editing.guards import guard_silent

Recipe = Callable[[Case, Any], Any]


def zeroed(case: Case) -> EditPlan:
    """Return the plan that removes the cue's concepts."""
    plan = EditPlan()
    for name in case.cue:
        plan = plan.zero(name)
    return plan


def rows(case: Case) -> TrainingData:
    """Return the training rows with their groups."""
    return TrainingData(case.X, case.y, case.group)


def balance(case: Case, model: Any) -> np.ndarray:
    """Return training weights that untie cue and class; the cue's own scores tell who has it."""
    return balanced_weight(case.y, told_by_scores(model, case.X, case.cue))


def planned(*after: str, guard: str | None = None, balanced: bool = False) -> Recipe:
    """Return the recipe: zero, followed by what is named, and a guard on the head."""

    def make(case: Case, model: Any) -> Any:
        plan = zeroed(case).followed_by(**dict.fromkeys(after, True))
        plan = plan.balance("scores" if balanced else None)
        plan = plan if guard is None else plan.guarded(guard)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each warns of what the tables show
            return model.edit(plan, train=rows(case) if plan.needs else None)

    return make


def silent_in_pairs(case: Case, model: Any) -> Any:
    """Zero, then refit so that the mean change of scores over pairs leaves the logits alone."""
    if case.move is None:
        return None
    move = model.projection_.matrix.T @ case.move
    return guard_silent(planned()(case, model), case.cue, rows(case), direction=move)[0]


ON_THE_HEAD: dict[str, Recipe] = {
    "zero": planned(),
    "zero, recentre by classes": planned(guard="recentre-classes"),
    "zero, recentre by groups": planned(guard="recentre-groups"),
    "zero, renormalise": planned("renormalise"),
    "zero, refit": planned("refit"),
    "zero, orthogonalise": planned("orthogonalise"),
    "zero, orthogonalise, renormalise": planned("orthogonalise", "renormalise"),
    "zero, orthogonalise, refit": planned("orthogonalise", "refit"),
    "zero, guard scores": planned(guard="scores"),
    "zero, guard scores, refit": planned("refit", guard="scores"),
    "zero, guard silent": planned(guard="silent"),
    "zero, guard silent (pairs)": silent_in_pairs,
    "zero, balanced refit": planned("refit", balanced=True),
    "zero, balanced orthogonalise": planned("orthogonalise", balanced=True),
    "zero, balanced orthogonalise, refit": planned("orthogonalise", "refit", balanced=True),
}
"""Name -> what is done to the concept model. All but ``recentre by groups`` and ``silent (pairs)``
need nothing but the training rows."""

KIND = "linear"


def fitted_again(*, erase: bool = False, balanced: bool = False, in_class: bool = False) -> Recipe:
    """Return the recipe: fit the residual again, guarded or not, on top of the edited head."""

    def make(case: Case, model: Any) -> Any:
        options: dict[str, Any] = {"erase": case.cue, "in_class": in_class} if erase else {}
        weight = balance(case, model) if balanced else None
        return model.refit_residual(case.X, case.y, kind=KIND, sample_weight=weight, **options)

    return make


ON_THE_RESIDUAL: dict[str, Recipe] = {
    "fitted again, no guard": fitted_again(),
    "guard: cue erased": fitted_again(erase=True),
    "guard: cue erased in class": fitted_again(erase=True, in_class=True),
    "guard: balanced": fitted_again(balanced=True),
    "guard: balanced, cue erased": fitted_again(erase=True, balanced=True),
}
"""Name -> what is done to the residual on top of an edited concept model."""
UNGUARDED = tuple(ON_THE_RESIDUAL)[:1]
