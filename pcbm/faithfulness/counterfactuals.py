"""Counterfactuals: the smallest change of concept scores that flips a prediction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.errors import InputError, near
from pcbm.faithfulness.flips import (
    Array,
    Conditions,
    fewest_changes,
    least_change,
    single_changes,
    thinned,
)

MOST = 3
ALTERNATIVES = 5
OVERSHOOT = 1e-6  # beyond the tie, times 1 + the largest logit
NORM = (
    "fewest concepts first, then the least sum of absolute changes in standard deviations of the "
    "training scores; residual and other scores held fixed"
)


@dataclass(frozen=True)
class Range:
    """Bounds (K,) of raw concept scores, and where they come from."""

    low: Array
    high: Array
    source: str

    @classmethod
    def of(cls, scores: Array, source: str, quantiles: tuple[float, float] = (0.0, 1.0)) -> Range:
        """Return the quantiles of scores (n, K); the default is minimum and maximum."""
        low, high = np.quantile(scores, quantiles, axis=0)
        return cls(low, high, source)


@dataclass(frozen=True)
class Change:
    """One concept's change, in raw scores and in standard deviations from the training mean."""

    concept: str
    score: tuple[float, float]
    standardised: tuple[float, float]

    def as_dict(self) -> dict[str, Any]:
        """Return ``concept``, and ``from`` and ``to`` of ``score`` and ``standardised``."""
        pairs = {"score": self.score, "standardised": self.standardised}
        sides = {name: {"from": a, "to": b} for name, (a, b) in pairs.items()}
        return {"concept": self.concept, **sides}


@dataclass(frozen=True)
class Flip:
    """One way to flip a prediction; ``l1`` in standard deviations."""

    changes: tuple[Change, ...]
    l1: float

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values: ``changes``, their number ``n_changed``, and ``l1``."""
        return {
            "changes": [change.as_dict() for change in self.changes],
            "n_changed": len(self.changes),
            "l1": self.l1,
        }


@dataclass(frozen=True)
class Counterfactual:
    """What flips one row's prediction.

    Attributes
    ----------
    id, label, target : str
        The row, its prediction, and what it becomes (multilabel: ``label`` and ``target`` name
        the same label, as ``NAME`` and ``not NAME``).
    margin : float
        Logit of ``label`` minus that of ``target``.
    flips : tuple of Flip
        The smallest first, then the alternatives with as many concepts; empty when no change
        inside the range is enough.
    exact : bool
        Whether the first is proven to be the smallest. Impossibility always is proven.
    """

    id: str
    label: str
    target: str
    margin: float
    flips: tuple[Flip, ...]
    exact: bool

    @property
    def feasible(self) -> bool:
        """Whether some change inside the range flips the prediction."""
        return bool(self.flips)

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        if self.label == self.target:
            return f"{self.id}: is predicted {self.target} already"
        if not self.feasible:
            return (
                f"{self.id}: no change of concept scores inside their range turns {self.label} "
                f"into {self.target}"
            )
        steps = ", ".join(
            f"{c.concept!r} {c.score[0]:.3g} -> {c.score[1]:.3g} "
            f"({c.standardised[1] - c.standardised[0]:+.2f} sd)"
            for c in self.flips[0].changes
        )
        return f"{self.id}: {self.label} becomes {self.target} with {steps}"

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values; the keys of the first flip are null when there is none."""
        first, *others = self.flips or (None,)
        shown = {"changes": None, "n_changed": None, "l1": None}
        if first is not None:
            shown = first.as_dict()
        return {
            "id": self.id,
            "label": self.label,
            "target": self.target,
            "margin": self.margin,
            "feasible": self.feasible,
            "exact": self.exact,
            **shown,
            "alternatives": [flip.as_dict() for flip in others if flip is not None],
            "text": self.text,
        }


def counterfactuals(
    model: Any,
    X: Any,
    ids: Sequence[Any] | None = None,
    *,
    within: Range,
    target: str | None = None,
    most: int = MOST,
    alternatives: int = ALTERNATIVES,
    progress: Callable[[int, int], None] | None = None,
) -> list[Counterfactual]:
    """Find for each row the smallest change of concept scores that flips its prediction.

    Fewest concepts first, then the least sum of absolute changes in standard deviations of the
    training scores. One concept is solved in closed form; two to ``most`` by a search over all
    sets of concepts (the 50,000 that reach farthest, where there are more); more by the least
    sum of changes over all concepts, thinned. No score leaves its range (one that lies outside
    may stay where it is), and the residual stays as it is: the row's activations do not change,
    only what is said of its concepts.

    Parameters
    ----------
    model : PostHocCBM
        Fitted.
    X : array-like of shape (n, d)
        Activations.
    ids : sequence of length n, optional
        Default: the row numbers.
    within : Range
    target : str, optional
        The class to reach; default the runner-up. Multilabel: the label to turn over, default
        the one nearest to its threshold.
    most : int, at least 1
    alternatives : int
        Other ways to report, ranked, with as many concepts as the first.
    progress : callable (done, total), optional

    Returns
    -------
    list of Counterfactual

    Raises
    ------
    InputError
        A regression model, an unknown target, or bounds that do not fit.

    References
    ----------
    Wachter, Mittelstadt, Russell, "Counterfactual explanations without opening the black box",
    Harvard J. Law & Technology 31 (2018).
    """
    names = _class_names(model, target, within)
    scores = np.asarray(model.transform(X), np.float64)
    Z = (scores - model.mean_) / model.scale_
    extra = None if model.residual_ is None else model.residual_.decision(np.asarray(X))
    logits = Z @ model.coef_.T + model.intercept_ + (0.0 if extra is None else extra)
    rows = [str(i) for i in range(len(Z))] if ids is None else [str(i) for i in ids]
    found = []
    for i, name in enumerate(rows):
        label, goal, slopes, gaps = _question(model, logits[i], names, target)
        slack = OVERSHOOT * (1 + np.abs(logits[i]).max())
        conditions = Conditions(
            slopes,
            gaps + slack,
            np.minimum((within.low - scores[i]) / model.scale_, 0.0),
            np.maximum((within.high - scores[i]) / model.scale_, 0.0),
        )
        deltas, exact = [np.zeros(Z.shape[1])], True
        if label != goal:
            deltas, exact = _smallest(conditions, most, 1 + alternatives)
        flips = tuple(_flip(model, scores[i], Z[i], delta) for delta in deltas)
        margin = float(gaps.max()) if label != goal else 0.0
        found.append(Counterfactual(name, label, goal, margin, flips, exact))
        if progress:
            progress(i + 1, len(rows))
    return found


def _class_names(model: Any, target: str | None, within: Range) -> list[str]:
    if model.head_.family_ == "gaussian":
        raise InputError("a regression has no prediction to flip: counterfactuals are for classes")
    if within.low.shape != model.mean_.shape or within.high.shape != model.mean_.shape:
        raise InputError(
            f"the range has {within.low.shape[0]} concepts, the model {len(model.mean_)}: give "
            "one bound for each"
        )
    names = [str(name) for name in model.classes_]
    if target is not None and target not in names:
        raise InputError(f"the model has no class {target!r}: {near(target, names)}")
    return names


def _question(
    model: Any, logits: Array, names: list[str], target: str | None
) -> tuple[str, str, Array, Array]:
    """Return label, target, and what a change must do: slopes (m, K) and gaps (m,) to close."""
    coef = model.coef_
    if model.head_.family_ == "multilabel":
        row = int(np.abs(logits).argmin()) if target is None else names.index(target)
        on = bool(logits[row] > 0)
        sides = (names[row], f"not {names[row]}")
        sign = -1.0 if on else 1.0
        label, goal = sides if on else sides[::-1]
        return label, goal, sign * coef[row][None], -sign * logits[row][None]
    if model.head_.family_ == "binomial":  # as two rows, of which the first is zero
        coef = np.vstack([np.zeros_like(coef), coef])
        logits = np.array([0.0, logits[0]])
    order = np.argsort(-logits, kind="stable")
    first = int(order[0])
    reached = int(order[1]) if target is None else names.index(target)
    others = [k for k in range(len(logits)) if k != reached]
    gaps = logits[others] - logits[reached]
    return names[first], names[reached], coef[reached] - coef[others], gaps


def _smallest(conditions: Conditions, most: int, count: int) -> tuple[list[Array], bool]:
    """Return the smallest changes, none where no change is enough, and whether proven."""
    alone = single_changes(conditions)
    width = len(alone)
    order = [j for j in np.argsort(np.abs(alone), kind="stable") if np.isfinite(alone[j])]
    if order:
        return [conditions.spread([int(j)], alone[[j]]) for j in order[:count]], True
    every = least_change(conditions)
    if every is None:
        return [], True
    proven = True
    for size in range(2, min(most, width) + 1):
        found, whole = fewest_changes(conditions, size, count)
        proven = proven and whole
        if found:
            return found, proven
    return [thinned(conditions, every)], False


def _flip(model: Any, scores: Array, z: Array, delta: Array) -> Flip:
    moved = np.flatnonzero(delta)
    moved = moved[np.argsort(-np.abs(delta[moved]), kind="stable")]
    changes = []
    for j in moved:
        raw = (float(scores[j]), float(scores[j] + delta[j] * model.scale_[j]))
        standard = (float(z[j]), float(z[j] + delta[j]))
        changes.append(Change(model.concept_names_[j], raw, standard))
    return Flip(tuple(changes), float(np.abs(delta).sum()))
