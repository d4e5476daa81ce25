"""All checks on one fitted model: what they need, and why one could not be made."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from pcbm.errors import InputError, near, quoted
from pcbm.faithfulness.constraint import bank_constraint
from pcbm.faithfulness.hard import THRESHOLDS, hard_concepts
from pcbm.faithfulness.leakage import leakage
from pcbm.faithfulness.nec_levels import accuracy_at_nec
from pcbm.faithfulness.rashomon import rashomon
from pcbm.faithfulness.rows import Array, FittedRows, JudgedRows
from pcbm.faithfulness.shares import explained_share
from pcbm.faithfulness.stability import REPEATS, support_stability
from pcbm.heads import class_weighted, elastic_net_path, select_by_nec
from pcbm.model.controls import Sample, random_bank
from pcbm.model.logits import UNLABELLED
from pcbm.model.run import row_names
from pcbm.projection import fit_projection

ROWS = 10_000  # at most so many for the checks that need no labels
RANDOM_BANKS = 3

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ConceptLabels:
    """Which rows show which concepts: names (m), values (n, m) of 1, 0 and -1 (not known)."""

    names: list[str]
    values: np.ndarray


class Finding(Protocol):
    """What a check returns."""

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values, with the finding in one sentence as ``text``."""
        ...


class NotMeasurableError(Exception):
    """A check cannot be made on what was given; the message says why."""


@dataclass(frozen=True)
class Case:
    """A fitted model and the rows to check it on.

    Attributes
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    judged : Sample
        Activations and labels to judge on: not those of the fit.
    train : Sample or None
        Those of the fit.
    concepts : ConceptLabels or None
        Of the judged rows.
    seed, repeats : int
    """

    model: Any
    judged: Sample
    train: Sample | None = None
    concepts: ConceptLabels | None = None
    seed: int = 0
    repeats: int = REPEATS

    def rows(self) -> JudgedRows:
        """Return the rows to judge on as heads see them."""
        head = self.model.head_
        classes = None if head.family_ in UNLABELLED else self.model.classes_
        return JudgedRows(self.standardised(self.judged), self.judged.y, head.family_, classes)

    def fitted(self) -> FittedRows:
        """Return the rows to fit on, at the strength of the run."""
        if self.train is None:
            raise NotMeasurableError("no training rows were given: add them")
        model, y = self.model, self.train.y
        rows = FittedRows(
            self.standardised(self.train),
            y,
            model.head_.family_,
            lam=float(model.lam_),
            l1_ratio=model.l1_ratio,
            tol=max(model.tol, 1e-4),
            lower=0.0 if model.nonnegative else None,
            weight=class_weighted(getattr(model, "class_weight", None), y, None),
        )
        return rows if model.solver != "sgd" else replace(rows, lam=_equal_nec(rows, model.nec_))

    def standardised(self, part: Sample) -> Array:
        """Return the concept scores of rows in the units of the head (n, K)."""
        scores = np.asarray(self.model.transform(part.X), np.float64)
        return (scores - self.model.mean_) / self.model.scale_


def run_checks(
    model: Any,
    judged: Sample,
    train: Sample | None = None,
    concepts: ConceptLabels | None = None,
    *,
    only: Sequence[str] | None = None,
    repeats: int = REPEATS,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Make the checks of faithfulness on a fitted model.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    judged : Sample
        Rows to judge on: not those of the fit.
    train : Sample, optional
        The rows of the fit; without them what needs a fit is not measured.
    concepts : ConceptLabels, optional
        Of the judged rows; without them leakage is not measured.
    only : sequence of str, optional
        Names from `CHECKS`; default all.
    repeats : int
        Bootstraps of the stability.
    seed : int
    progress : callable (check, done, total), optional

    Returns
    -------
    dict
        ``checks``: name -> the figures and one sentence ``text``, None where not measured;
        ``not_measurable``: name -> why.

    Raises
    ------
    InputError
        An unknown check, fewer than two repeats, or training rows that lack a class.
    """
    for name in only or ():
        if name not in CHECKS:
            raise InputError(f"there is no check {name!r}: {near(name, CHECKS)}")
    if repeats < 2:
        raise InputError(f"repeats={repeats}: stability compares at least 2 bootstraps")
    case = Case(model, judged, train, concepts, seed, repeats)
    _check_classes(case)
    checks: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for name, check in CHECKS.items():
        if only and name not in only:
            continue

        def tell(done: int, total: int, stage: str = name) -> None:
            if progress:
                progress(stage, done, total)

        tell(0, 1)
        try:
            found = check(case, tell)
            checks[name] = found if isinstance(found, Mapping) else found.as_dict()
        except NotMeasurableError as reason:
            checks[name], missing[name] = None, str(reason)
    return {"checks": checks, "not_measurable": missing}


def _check_classes(case: Case) -> None:
    if case.train is None or case.model.head_.family_ in UNLABELLED:
        return
    absent = [str(c) for c in case.model.classes_ if not (case.train.y == c).any()]
    if absent:
        raise InputError(
            f"the training rows have none of the class(es) {quoted(absent)}: give the data that "
            "the run was fitted on"
        )


def _equal_nec(rows: FittedRows, nec: float) -> float:
    """Return the strength at which a converged head has as many concepts, or fewer."""
    path = elastic_net_path(
        rows.Z, rows.y, family=rows.family, l1_ratio=rows.l1_ratio, sample_weight=rows.weight
    )
    return float(path.lams[select_by_nec(path, nec)])


Tell = Callable[[int, int], None]


def _nec(case: Case, tell: Tell) -> Finding:
    fitted = None if case.train is None else case.fitted()
    head = case.model.head_
    return accuracy_at_nec(
        head.path_, case.rows(), fitted, head.coef_, head.intercept_, progress=tell
    )


def _share(case: Case, tell: Tell) -> Finding:
    _needs_concepts(case)
    X = _some(case.judged.X, case.seed)
    return explained_share(case.model.explain(X), case.model.head_.family_)


def _hard(case: Case, tell: Tell) -> dict[str, Any]:
    _needs_concepts(case)
    fitted, judged, model = case.fitted(), case.rows(), case.model
    zero = (0.0 - model.mean_) / model.scale_
    cuts = dict(zip(THRESHOLDS, (zero, np.median(fitted.Z, axis=0)), strict=True))
    found = {}
    for done, (name, cut) in enumerate(cuts.items(), 1):
        hard = hard_concepts(
            judged, fitted, model.coef_, model.intercept_, cut, name, seed=case.seed
        )
        found[name] = hard.as_dict()
        tell(done, len(cuts))
    return {**found, "text": "; ".join(found[name]["text"] for name in THRESHOLDS)}


def _leakage(case: Case, tell: Tell) -> Finding:
    if case.model.head_.family_ in UNLABELLED:
        raise NotMeasurableError("it is for tasks with one class a row")
    labels = case.concepts
    if labels is None:
        raise NotMeasurableError("no concept labels were given")
    names = list(case.model.concept_names_)
    columns = [names.index(name) for name in labels.names if name in names]
    kept = [j for j, name in enumerate(labels.names) if name in names]
    if not kept:
        raise InputError(
            f"the concept labels name none of the run's concepts (they start with "
            f"{labels.names[0]!r}): {near(labels.names[0], names)}"
        )
    scores = np.asarray(case.model.transform(case.judged.X))[:, columns]
    return leakage(scores, labels.values[:, kept], case.judged.y, seed=case.seed, progress=tell)


def _stability(case: Case, tell: Tell) -> Finding:
    _needs_concepts(case)
    model = case.model
    cut = getattr(model, "nec_rule", "path") == "truncate"
    return support_stability(
        case.fitted(),
        row_names(model),
        model.concept_names_,
        repeats=case.repeats,
        keep=int((np.abs(model.coef_) > 0).sum()) if cut else None,
        seed=case.seed,
        progress=tell,
    )


def _rashomon(case: Case, tell: Tell) -> Finding:
    _needs_concepts(case)
    model = case.model
    return rashomon(
        case.rows(),
        case.fitted(),
        row_names(model),
        model.concept_names_,
        seed=case.seed,
        progress=tell,
    )


def _constraint(case: Case, tell: Tell) -> Finding:
    parts = [case.judged] if case.train is None else [case.judged, case.train]
    X = np.asarray(_some(max(parts, key=len).X, case.seed), np.float64)
    model, rng = case.model, np.random.default_rng(case.seed)
    kind = "margin" if model.projection_ is None else model.projection_.kind
    banks = (random_bank(model.bank, X.shape[1], rng) for _ in range(RANDOM_BANKS))
    others = (fit_projection(X, bank, kind).transform(X) for bank in banks)
    return bank_constraint(X, model.transform(X), others, seed=case.seed)


def _needs_concepts(case: Case) -> None:
    if not case.model.coef_.any():
        raise NotMeasurableError("the head uses no concept")


def _some(X: Any, seed: int) -> Any:
    """Return at most `ROWS` rows, by chance."""
    if len(X) <= ROWS:
        return X
    return X[np.sort(np.random.default_rng(seed).permutation(len(X))[:ROWS])]


CHECKS: dict[str, Callable[[Case, Tell], Finding | dict[str, Any]]] = {
    "nec": _nec,
    "share": _share,
    "hard": _hard,
    "leakage": _leakage,
    "stability": _stability,
    "rashomon": _rashomon,
    "constraint": _constraint,
}
