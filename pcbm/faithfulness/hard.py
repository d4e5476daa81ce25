"""The head on yes-or-no concepts: what is lost when scores lose their shades."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pcbm.faithfulness.intervals import mean_interval
from pcbm.faithfulness.rows import Array, FittedRows, JudgedRows
from pcbm.heads import Selected, nec, refitted, standardise

THRESHOLDS = ("boundary", "median")


@dataclass(frozen=True)
class HardConcepts:
    """Figures of two heads on the same concepts: their scores, and whether they are present.

    Attributes
    ----------
    threshold : {"boundary", "median"}
        Score 0, or the median of each concept's training scores.
    figure : str
    nec : float
        Of both heads: they have the support of the run's head.
    soft, hard : float
        Fitted again on the scores, and on the binarised scores.
    difference : float
        ``hard - soft``, with ``interval`` (95 %, rows resampled in pairs).
    constant : int
        Concepts of the head that are on one side of the threshold in all training rows.
    """

    threshold: str
    figure: str
    nec: float
    soft: float
    hard: float
    difference: float
    interval: tuple[float, float]
    constant: int

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        at = "score 0" if self.threshold == "boundary" else "the training median"
        low, high = self.interval
        words = (
            f"the head's concepts as yes or no at {at}: {self.figure} {self.hard:.3f} against "
            f"{self.soft:.3f} with scores ({self.difference:+.3f}, 95 % {low:+.3f} to {high:+.3f})"
        )
        if self.constant:
            words += f"; {self.constant} of them are all on one side, so they say nothing there"
        elif high < 0:
            words += "; that much lies in the shades of the scores"
        return words

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "text": self.text}


def hard_concepts(
    judged: JudgedRows,
    fitted: FittedRows,
    coef: Array,
    intercept: Array,
    cut: Array,
    threshold: str,
    *,
    seed: int = 0,
) -> HardConcepts:
    """Fit the head's support again on scores and on binarised scores, and compare.

    Both fits have the ridge of `pcbm.heads.refitted` and no 1-norm, so that the same concepts
    speak in both. Binarised columns are standardised, as scores are.

    Parameters
    ----------
    judged : JudgedRows
    fitted : FittedRows
    coef, intercept : (C, K), (C,) arrays
        The run's head.
    cut : (K,) array
        Thresholds in standardised units; above is present.
    threshold : {"boundary", "median"}
        Their name.
    seed : int
        Of the interval.

    Returns
    -------
    HardConcepts
    """
    on = np.greater(fitted.Z, cut).astype(float)
    mean, scale = standardise(on, fitted.weight)
    support = Selected(coef, intercept, fitted.lam, nec(coef))

    def hits(train: Array, test: Array) -> Array:
        head = refitted(
            support,
            train,
            fitted.y,
            family=fitted.family,
            sample_weight=fitted.weight,
            lower=fitted.lower,
        )
        rows = JudgedRows(test, judged.y, judged.family, judged.classes)
        return rows.hits(head.coef, head.intercept)

    soft = hits(fitted.Z, judged.Z)
    hard = hits((on - mean) / scale, (np.greater(judged.Z, cut) - mean) / scale)
    used = np.abs(coef).max(axis=0) > 0
    return HardConcepts(
        threshold=threshold,
        figure=judged.figure,
        nec=nec(coef),
        soft=float(soft.mean()),
        hard=float(hard.mean()),
        difference=float((hard - soft).mean()),
        interval=mean_interval(hard - soft, seed),
        constant=int(((on.min(axis=0) == on.max(axis=0)) & used).sum()),
    )
