"""The head on yes-or-no concepts: what is lost when scores lose their shades."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pcbm.faithfulness.intervals import mean_interval
from pcbm.faithfulness.rows import Array, FittedRows, JudgedRows
from pcbm.heads import at_point, elastic_net_path, lam_max, nec, select_by_nec, standardise

THRESHOLDS = ("boundary", "median")
POINTS = 20
BEYOND = 0.3  # the grid ends at this part of the run's own relative strength


@dataclass(frozen=True)
class HardConcepts:
    """Figures of a head on binarised scores, at the NEC of the soft head or below.

    Attributes
    ----------
    threshold : {"boundary", "median"}
        Score 0, or the median of each concept's training scores.
    figure : str
    soft, hard : float
        Of the soft head, and of the one fitted on binarised scores.
    soft_nec, hard_nec : float
    difference : float
        ``hard - soft``, with ``interval`` (95 %, rows resampled in pairs).
    constant : int
        Concepts that are on one side of the threshold in all training rows.
    """

    threshold: str
    figure: str
    soft: float
    hard: float
    soft_nec: float
    hard_nec: float
    difference: float
    interval: tuple[float, float]
    constant: int

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        at = "score 0" if self.threshold == "boundary" else "the training median"
        low, high = self.interval
        words = (
            f"scores as yes or no at {at}: {self.figure} {self.hard:.3f} at NEC "
            f"{self.hard_nec:.3g} against {self.soft:.3f} soft ({self.difference:+.3f}, 95 % "
            f"{low:+.3f} to {high:+.3f})"
        )
        if self.constant:
            words += f"; {self.constant} concepts are all on one side"
        if high < 0:
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
    """Fit the head again on binarised scores and compare.

    Binarised columns are standardised, as scores are. The path of heads on them goes down to
    0.3 of the run's strength over its lam_max; its point with the largest NEC not above the soft
    head's is taken, so that neither has more concepts to speak with.

    Parameters
    ----------
    judged : JudgedRows
    fitted : FittedRows
        With the strength ``lam`` of the soft head.
    coef, intercept : (C, K), (C,) arrays
        The soft head.
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
    settings: dict[str, Any] = {
        "family": fitted.family,
        "l1_ratio": fitted.l1_ratio,
        "sample_weight": fitted.weight,
        "lower": fitted.lower,
    }
    top = lam_max(fitted.Z, fitted.y, **settings)
    path = elastic_net_path(
        (on - mean) / scale,
        fitted.y,
        n_lams=POINTS,
        lam_min_ratio=float(np.clip(BEYOND * fitted.lam / top, 1e-3, 1.0)),
        tol=fitted.tol,
        **settings,
    )
    head = at_point(path, select_by_nec(path, nec(coef)))
    hard_rows = JudgedRows(
        (np.greater(judged.Z, cut) - mean) / scale, judged.y, judged.family, judged.classes
    )
    soft = judged.hits(coef, intercept)
    hard = hard_rows.hits(head.coef, head.intercept)
    return HardConcepts(
        threshold=threshold,
        figure=judged.figure,
        soft=float(soft.mean()),
        hard=float(hard.mean()),
        soft_nec=nec(coef),
        hard_nec=head.nec,
        difference=float((hard - soft).mean()),
        interval=mean_interval(hard - soft, seed),
        constant=int((on.min(axis=0) == on.max(axis=0)).sum()),
    )
