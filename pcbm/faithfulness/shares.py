"""How much of each prediction the few strongest concepts explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pcbm.faithfulness.intervals import quantiles
from pcbm.faithfulness.rows import Array
from pcbm.model.contributions import Contributions

TOPS = (1, 3, 5, 10)
PART = 0.9


@dataclass(frozen=True)
class TopShare:
    """What the ``top`` largest contributions of each row explain.

    Attributes
    ----------
    top : int
    margin : dict
        Quartiles over rows of the sum of the shown contributions over the sum of all
        contributions and the residual: the part of the margin that is not intercept. Below 0 or
        above 1 where what is not shown argues the other way.
    mass : dict
        Quartiles of the absolute size of what is shown over that of everything, in [0, 1].
    same_side : float or None
        Part of the rows that intercept and shown concepts alone decide as the whole model does
        between the two classes of the margin; None for regression.
    """

    top: int
    margin: dict[str, float]
    mass: dict[str, float]
    same_side: float | None


@dataclass(frozen=True)
class ExplainedShare:
    """Shares of the strongest concepts, and how many are needed for 90 % of the margin.

    ``needed`` are quartiles over the rows for which some number is enough; ``never`` is the part
    of the rows for which none is, because the residual is more than a tenth of the margin;
    ``counts[m]`` is the number of rows that need m concepts.
    """

    n: int
    part: float
    tops: tuple[TopShare, ...]
    needed: dict[str, float] | None
    never: float
    counts: tuple[int, ...]

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        shown = next((t for t in self.tops if t.top == 5), self.tops[-1])
        words = (
            f"the {shown.top} largest contributions are {shown.mass['median']:.0%} of all by size "
            "(median row)"
        )
        if shown.same_side is not None:
            words += f" and alone decide {shown.same_side:.1%} of the rows as the model does"
        if self.needed is not None:
            words += (
                f"; concepts needed for {self.part:.0%} of the margin: "
                f"{self.needed['median']:.0f} in the median row, {self.needed['q75']:.0f} at the "
                "upper quartile"
            )
        if self.never:
            words += f"; for {self.never:.1%} of the rows no number of concepts is enough"
        return words

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "text": self.text}


def explained_share(
    parts: Contributions, family: str, *, tops: Sequence[int] = TOPS, part: float = PART
) -> ExplainedShare:
    """Measure how far few concepts explain each margin.

    Concepts are taken by the size of their contribution, as explanations show them. ``m``
    concepts are enough for a part p when, from m on, what is left (other concepts and residual)
    stays within 1 - p of the margin; in regression of the prediction minus the intercept.

    Parameters
    ----------
    parts : Contributions
        Of n rows.
    family : str
    tops : sequence of int
    part : float in (0, 1)

    Returns
    -------
    ExplainedShare
    """
    values = -np.sort(-np.abs(parts.values), axis=1)
    order = np.argsort(-np.abs(parts.values), axis=1, kind="stable")
    signed = np.take_along_axis(parts.values, order, axis=1)
    start = np.zeros((len(signed), 1))
    shown = np.hstack([start, signed.cumsum(axis=1)])  # of the first m = 0..K concepts
    whole = shown[:, -1] + parts.residual
    size = np.hstack([start, values.cumsum(axis=1)])
    mass = size[:, -1] + np.abs(parts.residual)
    margin = whole if family == "gaussian" else whole + parts.intercept
    left = np.abs(whole[:, None] - shown)
    width = parts.values.shape[1]
    found = []
    for top in tops:
        m = min(top, width)
        alone = shown[:, m] + parts.intercept
        share = {
            "margin": quantiles(_ratio(shown[:, m], whole)),
            "mass": quantiles(_ratio(size[:, m], mass)),
        }
        same = None if family == "gaussian" else float(((alone > 0) == (parts.margin > 0)).mean())
        found.append(TopShare(top, **share, same_side=same))
    rounding = 1e-9 * (mass + np.abs(parts.intercept))  # a sum in another order
    enough = left <= ((1 - part) * np.abs(margin) + rounding)[:, None]
    need = _from_then_on(enough)
    known = need[need >= 0]
    return ExplainedShare(
        n=len(signed),
        part=part,
        tops=tuple(found),
        needed=quantiles(known) if len(known) else None,
        never=float((need < 0).mean()),
        counts=tuple(np.bincount(known, minlength=1).tolist()),
    )


def _ratio(part: Array, whole: Array) -> Array:
    """Return part / whole, and 1 where both are zero: nothing is left to explain."""
    tiny = np.abs(whole) <= 1e-12
    return np.where(tiny, 1.0, part / np.where(tiny, 1.0, whole))


def _from_then_on(enough: np.ndarray) -> np.ndarray:
    """Return the first column (n,) from which on a row is true throughout; -1 for none."""
    width = enough.shape[1]
    last_false = np.where(enough.all(axis=1), -1, width - 1 - np.argmax(~enough[:, ::-1], axis=1))
    first = last_false + 1
    return np.where(first == width, -1, first)
