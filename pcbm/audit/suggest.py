"""Suggesting an edit from a small labelled set, and comparing it with what else could be done.

The rows that a search sees make its result look better than it is. Every figure here is therefore
cross-fitted: the rows are parted into folds, the search sees all folds but one, and is judged on
that one. The edit that is handed out is searched on all rows; its figure is that of the procedure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.audit.judged import Judged, logits, worst_group
from pcbm.audit.search import SEARCHES, candidates
from pcbm.audit.search_problem import Hits, Problem, base_hits, compared, problem_of
from pcbm.editing import ChosenOn, EditPlan, content_of, judged_on_chosen
from pcbm.errors import InputError
from pcbm.heads import elastic_net_path
from pcbm.model.intervals import Resampling, percentiles
from pcbm.model.logits import two_sided

NONE, RANDOM, FINE_TUNED, PERSON = "no_edit", "random_choice", "fine_tuned_head", "persons_plan"


@dataclass(frozen=True)
class Suggestions:
    """What was found.

    Attributes
    ----------
    plan : EditPlan or None
        The better suggestion by its cross-fitted figure (greedy where equal); None where the
        search found nothing that helps.
    chosen : str or None
        Which one it is.
    rows : tuple of dict
        The comparison, see `suggest_edits`.
    searched : dict
        What each search reached on the rows it saw. It is no result: it is kept apart so that
        nobody takes it for one, and is not part of `as_dict`.
    notes, warnings : tuple of str
    settings : dict
    """

    plan: EditPlan | None
    chosen: str | None
    rows: tuple[dict[str, Any], ...]
    searched: Mapping[str, float]
    settings: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "plan": None if self.plan is None else self.plan.as_dict(),
            "chosen": self.chosen,
            "comparison": list(self.rows),
            "settings": dict(self.settings),
            "notes": list(self.notes),
            "warnings": list(self.warnings),
        }


def suggest_edits(
    model: Any,
    X: Any,
    y: np.ndarray,
    group: np.ndarray | None = None,
    *,
    in_distribution: Judged | None = None,
    by: str = "shifted",
    max_edits: int = 3,
    plan: EditPlan | None = None,
    folds: int = 5,
    repeats: int = 20,
    seed: int = 0,
    source: ChosenOn | None = None,
) -> Suggestions:
    """Search edits that help on labelled rows, and compare them with what else could be done.

    Parameters
    ----------
    model : PostHocCBM
        With one class a row; its residual stays as it is.
    X : array-like, shape (n, d)
        Activations of the (shifted) rows to search on, at least 20.
    y : ndarray, shape (n,)
    group : ndarray, shape (n,), optional
        Needed for ``by="groups"``.
    in_distribution : Judged, optional
        Other rows, to see what a suggestion costs there. Nothing is chosen on them.
    by : {"shifted", "groups"}
        Maximise the accuracy, or the accuracy of the worst group.
    max_edits : int
    plan : EditPlan, optional
        A person's plan, to be compared.
    folds, repeats, seed : int
        Folds of the cross-fit; random choices; seed of folds, choices and intervals.
    source : ChosenOn, optional
        Where the rows come from, for the plan; default: the content hash of ``X``.

    Returns
    -------
    Suggestions
        ``rows`` has one entry each for ``no_edit``, ``greedy``, ``best_subset``, ``persons_plan``
        (where given), ``random_choice`` (zeroing as many concepts as greedy chose, at least one)
        and ``fine_tuned_head`` (coefficients and intercepts fitted on the rows from where they
        are, the change penalised as in the fit; the "fine-tune" of Yuksekgonul et al. 2023,
        section 4). ``here`` holds figures on ``X``: cross-fitted where something was learnt from
        them; ``there`` those on ``in_distribution``. Each: ``accuracy``, ``worst_group``, and
        their ``intervals``, ``difference`` to no edit, ``mcnemar``.

    Raises
    ------
    InputError
        Too few rows, no groups where they are needed, a task without one class a row.
    """
    problem = problem_of(model, X, y, group, in_distribution, by, max_edits, folds, seed)
    how = Resampling(seed=seed)
    base = base_hits(problem)
    rows: list[dict[str, Any]] = [compared(NONE, problem, base, base, how)]
    searched, chosen = {}, {}
    for name in SEARCHES:
        row, chosen[name], searched[name] = _searched(name, problem, base, how)
        rows.append(row)
    every = len(candidates(problem.head))
    notes, warnings = [], []
    if len(problem.known) < every:
        notes.append(
            f"the {len(problem.known):,} strongest of {every:,} possible edits were searched"
        )
    if plan is not None:
        row, told = _persons(plan, problem, base, how, source or ChosenOn(content_of(X)))
        rows.append(row)
        warnings += told
    rows.append(_random(problem, len(chosen["greedy"]) or 1, repeats, seed))
    tuned = _fine_tuned(problem, base, how)
    if tuned is None:
        notes.append("the head was not fine-tuned: a part of the rows lacks a class")
    else:
        rows.append(tuned)
    by_name = {row["name"]: row for row in rows}
    best = max(SEARCHES, key=lambda name: by_name[name]["here"][_figure(by)])
    found = _plan(
        best, by, problem, chosen[best], by_name[best], source or ChosenOn(content_of(X), n=len(y))
    )
    warnings += _warnings(by_name, best, by, found)
    settings = {
        "by": by, "max_edits": max_edits, "folds": folds, "repeats": repeats, "seed": seed,
        "n": len(y), "candidates": len(problem.known),
    }  # fmt: skip
    return Suggestions(
        found, None if found is None else best, tuple(rows), searched, settings,
        tuple(notes), tuple(warnings),
    )  # fmt: skip


def _figure(by: str) -> str:
    return "worst_group" if by == "groups" else "accuracy"


def _searched(
    name: str, problem: Problem, base: Hits, how: Resampling
) -> tuple[dict[str, Any], tuple[int, ...], float]:
    """Search on all folds but one, judge on that one; then search on all rows."""
    search, known, aim = SEARCHES[name], problem.known, problem.aim
    start, effects = problem.base(problem.here), problem.effects(problem.here.Z)
    hits = np.zeros(len(start), dtype=bool)
    counted: Counter[int] = Counter()
    for fold in np.unique(problem.folds):
        out = problem.folds == fold
        seen = [effect[~out] for effect in effects]
        chosen = search(start[~out], seen, known, aim.take(~out), problem.most)
        counted.update(chosen)
        moved = start[out] + sum(effects[k][out] for k in chosen)
        hits[out] = moved.argmax(axis=1) == aim.y[out]
    final = search(start, effects, known, aim, problem.most)
    there = None
    if problem.there is not None:
        beside = problem.effects(problem.there.Z)
        moved = problem.base(problem.there) + sum(beside[k] for k in final)
        there = problem.hits(problem.there, moved)
    total = len(np.unique(problem.folds))
    more = {
        "edits": [str(known[k].edit) for k in final],
        "cross_fitted": True,
        "chosen_in_folds": {str(known[k].edit): n / total for k, n in counted.most_common()},
    }
    reached = aim.value(start + sum(effects[k] for k in final))[0]
    return compared(name, problem, base, (hits, there), how, **more), final, reached


def _persons(
    plan: EditPlan, problem: Problem, base: Hits, how: Resampling, source: ChosenOn
) -> tuple[dict[str, Any], list[str]]:
    """Judge a person's plan, which learnt nothing from these rows unless it says so."""
    if plan.needs_data is not None:
        raise InputError(
            f"the plan to compare has {plan.needs_data}, which needs training data: compare it "
            "with pcbm edit --plan, or leave that part out"
        )
    edited, _ = plan.step(problem.model)
    here = edited.predict(problem.here.rows.X) == problem.here.rows.y
    there = None
    if problem.there is not None:
        there = edited.predict(problem.there.rows.X) == problem.there.rows.y
    chosen = None if plan.chosen_on is None else plan.chosen_on.as_dict()
    edits = [str(edit) for edit in plan.edits]
    return (
        compared(PERSON, problem, base, (here, there), how, edits=edits, cross_fitted=False),
        judged_on_chosen([chosen], source),
    )


def _random(problem: Problem, size: int, repeats: int, seed: int) -> dict[str, Any]:
    """Zero random concepts in use, ``size`` at a time."""
    rng = np.random.default_rng([seed, 2])
    zeros = [k for k, c in enumerate(problem.known) if c.factor == 0 and c.edit.classes is None]
    row: dict[str, Any] = {"name": RANDOM, "here": None, "there": None, "edits": size}
    draws = [rng.permutation(zeros)[:size] for _ in range(repeats)]
    for key, found in (("here", problem.here), ("there", problem.there)):
        if found is None or not draws:
            continue
        start, effects = problem.base(found), problem.effects(found.Z)
        hits = [problem.hits(found, start + sum(effects[k] for k in drawn)) for drawn in draws]
        group = found.rows.group
        values = {"accuracy": np.array([each.mean() for each in hits])}
        if group is not None:
            values["worst_group"] = np.array([worst_group(h.astype(float), group) for h in hits])
        row[key] = {
            "accuracy": None,
            "worst_group": None,
            **{name: float(each.mean()) for name, each in values.items()},
            "intervals": {name: percentiles(each) for name, each in values.items()},
            "repeats": repeats,
        }
    return row


def _fine_tuned(problem: Problem, base: Hits, how: Resampling) -> dict[str, Any] | None:
    """Fit a sparse change of all coefficients on the rows, cross-fitted."""
    classes, y = problem.model.classes_, problem.here.rows.y
    hits = np.zeros(len(y), dtype=bool)
    for fold in np.unique(problem.folds):
        out = problem.folds == fold
        if len(np.unique(y[~out])) < len(classes):
            return None
        coef, intercept = _tuned(problem, ~out)
        hits[out] = problem.hits(problem.here, two_sided(logits(problem.here, coef, intercept)))[
            out
        ]
    there = None
    if problem.there is not None:
        coef, intercept = _tuned(problem, np.ones(len(y), dtype=bool))
        there = problem.hits(problem.there, two_sided(logits(problem.there, coef, intercept)))
    return compared(FINE_TUNED, problem, base, (hits, there), how, edits=None, cross_fitted=True)


def _tuned(problem: Problem, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    model, here = problem.model, problem.here
    start = logits(here, problem.head.coef, problem.head.intercept)[rows]
    path = elastic_net_path(
        here.Z[rows],
        here.rows.y[rows],
        family=problem.head.family,
        l1_ratio=model.l1_ratio,
        lams=np.array([model.lam_]),
        tol=model.tol,
        offset=start,
    )
    return problem.head.coef + path.coef(0), problem.head.intercept + path.intercepts[0]


def _plan(
    name: str,
    by: str,
    problem: Problem,
    chosen: Sequence[int],
    row: Mapping[str, Any],
    source: ChosenOn,
) -> EditPlan | None:
    """Return the suggestion as a plan that says where it comes from."""
    if not chosen:
        return None
    gain = row["here"]["difference"][_figure(by)]
    reason = (
        f"suggested by {name.replace('_', ' ')} search ({_figure(by).replace('_', ' ')}) on "
        f"{len(problem.here.rows.y)} labelled rows; cross-fitted change {gain:+.3f}"
    )
    edits = tuple(problem.known[k].edit for k in chosen)
    return EditPlan(edits=edits, reason=reason, chosen_on=source)


def _warnings(
    rows: Mapping[str, Mapping[str, Any]], best: str, by: str, plan: EditPlan | None
) -> list[str]:
    """Say where the suggestion is not shown to help, or goes too far."""
    if plan is None:
        return ["no edit of few concepts helps on these rows: nothing is suggested"]
    found, told = rows[best], []
    difference = found["here"]["difference"]
    low, high = difference["intervals"][_figure(by)]
    if low <= 0:
        told.append(
            f"the suggestion is not shown to help: its cross-fitted change of the "
            f"{_figure(by).replace('_', ' ')} is {difference[_figure(by)]:+.3f} ({low:+.3f} to "
            f"{high:+.3f})"
        )
    if found["there"] is not None:
        before = rows[NONE]["there"]["accuracy"] - rows[NONE]["here"]["accuracy"]
        after = found["there"]["accuracy"] - found["here"]["accuracy"]
        if by == "shifted" and before > 0 > after and min(before, -after) > ROOM:
            told.append(
                f"over-correction: the accuracy in distribution minus here goes from {before:+.3f} "
                f"to {after:+.3f}; scale instead of zeroing, or take fewer edits"
            )
    return told


ROOM = 0.02  # below this a change of sign is within what a few hundred rows can tell
