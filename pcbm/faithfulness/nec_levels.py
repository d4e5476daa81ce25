"""Accuracy at fixed numbers of effective concepts, by truncation and by a refit on the support."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pcbm.faithfulness.rows import Array, FittedRows, JudgedRows
from pcbm.heads import Path, nec, refitted, truncated_nec

LEVELS = (5, 10, 15, 20, 25, 30)  # of the paper


@dataclass(frozen=True)
class NecLevel:
    """One level: a head of at most ``wanted`` concepts a class.

    ``nec`` is what the head has; ``reached`` whether that is the level. ``truncated`` and
    ``refit`` are the figures of the cut head and of the same support fitted again (None without
    training rows).
    """

    wanted: float
    nec: float
    reached: bool
    truncated: float
    refit: float | None


@dataclass(frozen=True)
class NecCurve:
    """Figures along the levels, beside the run's own head without its residual.

    ``average`` is the mean over all levels (ANEC-avg of the paper), for ``truncated`` and
    ``refit``; a level that the path or the bank does not reach counts with its densest head.
    """

    figure: str
    own_nec: float
    own: float
    levels: tuple[NecLevel, ...]
    average: dict[str, float | None]

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        first = self.levels[0]
        reached = sum(level.reached for level in self.levels)
        words = f"{self.figure} {self.own:.3f} at the run's own NEC {self.own_nec:.3g}; "
        words += f"cut to NEC {first.nec:.3g}: {first.truncated:.3f}"
        words += "" if first.refit is None else f", fitted again on that support {first.refit:.3f}"
        words += f"; average over the levels {self.average['truncated']:.3f}"
        if self.average["refit"] is not None:
            words += f" cut, {self.average['refit']:.3f} refitted"
        short = len(self.levels) - reached
        return words + (f" ({short} of {len(self.levels)} levels not reached)" if short else "")

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "text": self.text}


def accuracy_at_nec(
    path: Path,
    judged: JudgedRows,
    fitted: FittedRows | None,
    coef: Array,
    intercept: Array,
    *,
    levels: Sequence[float] = LEVELS,
    progress: Callable[[int, int], None] | None = None,
) -> NecCurve:
    """Measure heads of fixed sizes.

    Parameters
    ----------
    path : Path
        Of the run, on standardised scores.
    judged : JudgedRows
    fitted : FittedRows or None
        Rows for the refit; None leaves it out.
    coef, intercept : (C, K), (C,) arrays
        The run's own head.
    levels : sequence of float
    progress : callable (done, total), optional

    Returns
    -------
    NecCurve

    References
    ----------
    Srivastava, Yan, Weng, "VLG-CBM: training concept bottleneck models with vision-language
    guidance", NeurIPS 2024, section 4: accuracy at NEC 5 to 30 and its average. The cut head is
    `pcbm.heads.truncated_nec`, the refit `pcbm.heads.refitted` on its support.
    """
    found = []
    for done, level in enumerate(levels, 1):
        head = truncated_nec(path, level)
        again = None
        if fitted is not None:
            point = refitted(
                head,
                fitted.Z,
                fitted.y,
                family=fitted.family,
                sample_weight=fitted.weight,
                lower=fitted.lower,
            )
            again = float(judged.hits(point.coef, point.intercept).mean())
        cut = float(judged.hits(head.coef, head.intercept).mean())
        found.append(NecLevel(float(level), head.nec, head.note is None, cut, again))
        if progress:
            progress(done, len(levels))
    refits = [level.refit for level in found if level.refit is not None]
    average = {
        "truncated": float(np.mean([level.truncated for level in found])),
        "refit": float(np.mean(refits)) if refits else None,
    }
    own = float(judged.hits(coef, intercept).mean())
    return NecCurve(judged.figure, nec(coef), own, tuple(found), average)
