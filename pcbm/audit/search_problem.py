"""A search for edits, laid out: rows, candidates, folds, and how results are compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.audit.judged import Judged, Scored, logits, scored, worst_group
from pcbm.audit.search import AIMS, Aim, Candidate, candidates
from pcbm.editing import LinearHead, head_of
from pcbm.errors import InputError
from pcbm.heads import assign_folds
from pcbm.model.intervals import Resampling, mcnemar, paired_intervals
from pcbm.model.logits import two_sided
from pcbm.model.run import task_of

FEWEST_ROWS = 20
NUMBERS = 2**26  # effects of candidates that are kept at once
FEWEST_CANDIDATES = 50


@dataclass(frozen=True)
class Problem:
    """A model on the rows to search on, and on those to judge on beside them."""

    model: Any
    head: LinearHead
    known: list[Candidate]
    here: Scored
    aim: Aim
    folds: np.ndarray
    there: Scored | None
    most: int

    def base(self, found: Scored) -> np.ndarray:
        """Return the logits before any edit, one column a class."""
        return two_sided(logits(found, self.head.coef, self.head.intercept))

    def effects(self, Z: np.ndarray) -> list[np.ndarray]:
        """Return what each candidate adds to them."""
        made = [candidate.effect(self.head, Z) for candidate in self.known]
        return [two_sided(effect) for effect in made]

    def hits(self, found: Scored, values: np.ndarray) -> np.ndarray:
        """Return which rows logits get right."""
        return np.asarray(self.model.classes_[values.argmax(axis=1)] == found.rows.y)


def problem_of(
    model: Any,
    X: Any,
    y: np.ndarray,
    group: np.ndarray | None,
    there: Judged | None,
    by: str,
    most: int,
    folds: int,
    seed: int,
) -> Problem:
    """Check what was given and lay it out."""
    y = np.asarray(y)
    if by not in AIMS:
        raise InputError(f"--by was given as {by!r}: give one of {', '.join(AIMS)}")
    if task_of(model) not in ("binary", "multiclass"):
        raise InputError(
            f"edits are suggested for models with one class a row, and this is a {task_of(model)} "
            "model: write the plan by hand"
        )
    if by == "groups" and group is None:
        raise InputError("--by groups needs a group for each row: give data with a group column")
    if len(y) < FEWEST_ROWS:
        raise InputError(
            f"{len(y)} rows are too few to search edits on: give at least {FEWEST_ROWS}"
        )
    head = head_of(model)
    known = candidates(head)
    if not known:
        raise InputError("the head uses no concept, so there is nothing to edit: fit it denser")
    known = strongest(known, head, len(y) * max(len(model.classes_), 2))
    strata = y.astype(str) if group is None else np.char.add(y.astype(str), np.asarray(group, str))
    aim = Aim(np.searchsorted(model.classes_, y), None if group is None else np.asarray(group), by)
    return Problem(
        model,
        head,
        known,
        scored(model, Judged(X, y, group)),
        aim,
        assign_folds(strata, folds, seed),
        None if there is None else scored(model, there),
        most,
    )


def strongest(known: list[Candidate], head: LinearHead, width: int) -> list[Candidate]:
    """Return the candidates that change the coefficients most, as many as memory allows."""

    def size(candidate: Candidate) -> float:
        changed = np.abs(head.coef[list(candidate.rows), candidate.column]).sum()
        return float((1 - candidate.factor) * changed)

    order = sorted(range(len(known)), key=lambda k: -size(known[k]))
    return [known[k] for k in sorted(order[: max(FEWEST_CANDIDATES, NUMBERS // width)])]


Hits = tuple[np.ndarray, np.ndarray | None]


def base_hits(problem: Problem) -> Hits:
    """Return which rows are right before any edit, here and there."""
    here = problem.hits(problem.here, problem.base(problem.here))
    if problem.there is None:
        return here, None
    return here, problem.hits(problem.there, problem.base(problem.there))


def compared(
    name: str, problem: Problem, base: Hits, hits: Hits, how: Resampling, **more: Any
) -> dict[str, Any]:
    """Return one line of the comparison."""
    sets = (problem.here, problem.there)
    here, there = (
        None if found is None or before is None or after is None
        else _figures(before, after, found.rows.group, how)
        for found, before, after in zip(sets, base, hits, strict=True)
    )  # fmt: skip
    return {"name": name, "here": here, "there": there, **more}


def _figures(
    before: np.ndarray, after: np.ndarray, group: np.ndarray | None, how: Resampling
) -> dict[str, Any]:
    groups = None if group is None else {str(g): group == g for g in np.unique(group)}
    spans = paired_intervals(before, after, None, groups, how)
    worst = None if group is None else worst_group(after.astype(float), group)
    names = ("accuracy", "worst_group")
    return {
        "accuracy": float(after.mean()),
        "worst_group": worst,
        "intervals": {n: None if spans[n] is None else spans[n]["after"] for n in names},
        "difference": {
            "accuracy": float(after.mean() - before.mean()),
            "worst_group": None
            if group is None or worst is None
            else worst - worst_group(before.astype(float), group),
            "intervals": {n: None if spans[n] is None else spans[n]["difference"] for n in names},
        },
        "mcnemar": mcnemar(before, after),
    }
