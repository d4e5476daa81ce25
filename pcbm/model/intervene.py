"""Holding concept scores at chosen values: what would the model say then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.errors import InputError, near
from pcbm.heads import probabilities
from pcbm.model.contributions import Contributions, contributions

RESIDUAL_NOTE = (
    "the residual reads the raw activations, so an intervention on concept scores leaves its part "
    "of the logits as it was"
)


@dataclass(frozen=True)
class Intervention:
    """What a model says before and after concept scores were held at other values.

    Attributes
    ----------
    scores : ndarray, shape (n, K)
        Raw concept scores after the intervention.
    logits_before, logits_after : ndarray, shape (n, C), or (n, 1) for one row
        Of head and residual together; in a binary head positive = ``classes_[1]``.
    proba_before, proba_after : ndarray, shape (n, C), or None for regression
    predicted_before, predicted_after : ndarray
        As ``model.predict`` gives them.
    contributions : Contributions
        The margins after the intervention, split as ``model.explain`` does.
    notes : tuple of str
    """

    scores: np.ndarray
    logits_before: np.ndarray
    logits_after: np.ndarray
    proba_before: np.ndarray | None
    proba_after: np.ndarray | None
    predicted_before: np.ndarray
    predicted_after: np.ndarray
    contributions: Contributions
    notes: tuple[str, ...] = ()

    @property
    def changed(self) -> np.ndarray:
        """Which rows have another prediction after it, bool of shape (n,)."""
        differs = self.predicted_before != self.predicted_after
        return np.asarray(differs.reshape(len(differs), -1).any(axis=1))


def intervene(model: Any, X: Any, values: Mapping[str, Any]) -> Intervention:
    """Hold concept scores at given values and predict again; the model stays as it is.

    The other scores stay as they are: in the world a change of one concept would move others.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Fitted.
    X : array-like of shape (n, d)
        Activations.
    values : dict
        Concept -> its raw score, one number or an array of shape (n,). Raw scores are those of
        ``model.transform``: for projection ``margin`` the signed distance to the concept's
        boundary in units of the activations, 0 on it; ``model.mean_`` and ``model.scale_`` hold
        mean and deviation of the training rows.

    Returns
    -------
    Intervention

    Raises
    ------
    InputError
        No concept or an unknown one is named, or a value is not finite or of another shape.
    """
    scores = model.transform(X)
    held = np.array(scores, dtype=np.float64)
    notes = []
    if not values:
        raise InputError("no concept was given to intervene on: name one, like {'stripes': 0.0}")
    names = list(model.concept_names_)
    for name, value in values.items():
        if name not in names:
            raise InputError(f"the model has no concept {name!r}: {near(str(name), names)}")
        column = names.index(name)
        held[:, column] = _finite_scores(name, value, len(held))
        if not model.coef_[:, column].any():
            notes.append(f"no coefficient uses {name!r}, so nothing changes by it")
    residual = None if model.residual_ is None else model.residual_.decision(np.asarray(X))
    if residual is not None:
        notes.append(RESIDUAL_NOTE)
    before, after = (_logits(model, part, residual) for part in (scores, held))
    family = model.head_.family_
    proba: list[np.ndarray | None] = [None, None]
    if family != "gaussian":
        proba = [probabilities(logits, family) for logits in (before, after)]
    parts = contributions(
        (held - model.mean_) / model.scale_, model.coef_, model.intercept_, residual, family
    )
    return Intervention(
        held,
        before,
        after,
        proba[0],
        proba[1],
        model.decide(before),
        model.decide(after),
        parts,
        tuple(notes),
    )


def _finite_scores(name: str, value: Any, n: int) -> np.ndarray:
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        numbers = np.array(np.nan)
    if numbers.ndim > 0 and numbers.shape != (n,):
        raise InputError(
            f"{name!r} was given values of shape {numbers.shape}: give one number, or one for each "
            f"of {n} rows"
        )
    if isinstance(value, bool | str) or not np.isfinite(numbers).all():
        raise InputError(
            f"{name!r} was given a score that is not a finite number: give one, like 0.0"
        )
    return numbers


def _logits(model: Any, scores: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
    logits = (scores - model.mean_) / model.scale_ @ model.coef_.T + model.intercept_
    return logits if residual is None else logits + residual
