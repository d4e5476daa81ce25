"""Whether the chosen concepts are needed, or other heads do as well without them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pcbm.faithfulness.intervals import mean_interval
from pcbm.faithfulness.rows import Array, FittedRows, JudgedRows
from pcbm.heads import Selected

TOLERANCE = 0.01
MOST = 20
STEPS = 10


@dataclass(frozen=True)
class Dropped:
    """A head fitted again without some concepts.

    ``for_rows`` are the rows of the head whose strongest concept the (last) one is; ``change`` is
    the figure after minus before, with a paired 95 % ``interval``; ``near_equal`` says that the
    whole interval lies above minus the tolerance.
    """

    concepts: tuple[str, ...]
    for_rows: tuple[str, ...]
    value: float
    change: float
    interval: tuple[float, float]
    near_equal: bool


@dataclass(frozen=True)
class Rashomon:
    """Heads without the strongest concepts, one dropped at a time, and one after another.

    Attributes
    ----------
    figure : str
    value : float
        Of the head at the same lam with all concepts.
    tolerance : float
    singles : tuple of Dropped
        Each without one concept: the strongest of each row, the strongest of all first.
    in_turn : tuple of Dropped
        The strongest concept of the newest head is dropped again and again, until the figure is
        no longer nearly equal, or the steps end.
    """

    figure: str
    value: float
    tolerance: float
    singles: tuple[Dropped, ...]
    in_turn: tuple[Dropped, ...]

    @property
    def text(self) -> str:
        """The finding in one sentence."""
        if not self.singles:
            return "the head uses no concept, so none can be dropped"
        equal = sum(drop.near_equal for drop in self.singles)
        worst = min(self.singles, key=lambda drop: drop.change)
        low, high = worst.interval
        turns = sum(drop.near_equal for drop in self.in_turn)
        words = (
            f"{equal} of {len(self.singles)} heads without one of the strongest concepts are as "
            f"good (95 % sure within {self.tolerance:g}); the dearest to lose is "
            f"{worst.concepts[-1]!r} ({worst.change:+.3f}, {low:+.3f} to {high:+.3f})"
        )
        ended = len(self.in_turn) > 0 and not self.in_turn[-1].near_equal
        count = f"{turns}" if ended else f"at least {turns}"
        return words + f"; {count} can be dropped one after another before it shows"

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**asdict(self), "text": self.text}


def rashomon(
    judged: JudgedRows,
    fitted: FittedRows,
    row_names: Sequence[str],
    concept_names: Sequence[str],
    *,
    tolerance: float = TOLERANCE,
    most: int = MOST,
    steps: int = STEPS,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Rashomon:
    """Drop strong concepts, fit again at the same lam, and measure the change.

    Many heads that are nearly as good without a concept mean that its place in the explanation
    is one choice among several: the data does not say that the class is so.

    Parameters
    ----------
    judged : JudgedRows
    fitted : FittedRows
    row_names, concept_names : sequences of str, lengths C and K
    tolerance : float
        In the figure: accuracy or R2.
    most, steps : int
        How many concepts are dropped singly (those of the largest coefficients), and in turn.
    seed : int
        Of the intervals.
    progress : callable (done, total), optional

    Returns
    -------
    Rashomon

    References
    ----------
    Breiman, "Statistical modeling: the two cultures", Statistical Science 16 (2001), section 8.
    """
    whole = fitted.fit()
    before = judged.hits(whole.coef, whole.intercept)
    tops = _strongest_of_rows(whole.coef)[:most]
    total = len(tops) + steps

    def without(columns: list[int], start: Selected) -> tuple[Selected, Dropped]:
        free = np.ones(whole.coef.shape, dtype=bool)
        free[:, columns] = False
        head = fitted.fit(free=free, start=start)
        change = judged.hits(head.coef, head.intercept) - before
        interval = mean_interval(change, seed)
        top = columns[-1]
        owners = [row_names[c] for c in range(len(start.coef)) if _top(start.coef[c]) == top]
        return head, Dropped(
            concepts=tuple(concept_names[j] for j in columns),
            for_rows=tuple(owners),
            value=float((before + change).mean()),
            change=float(change.mean()),
            interval=interval,
            near_equal=interval[0] >= -tolerance,
        )

    singles = []
    for done, column in enumerate(tops, 1):
        singles.append(without([column], whole)[1])
        if progress:
            progress(done, total)
    in_turn: list[Dropped] = []
    head, gone = whole, []
    for step in range(steps):
        if not head.coef.any() or (in_turn and not in_turn[-1].near_equal):
            break
        gone.append(_strongest(head.coef))
        head, dropped = without(list(gone), head)
        in_turn.append(dropped)
        if progress:
            progress(len(tops) + step + 1, total)
    return Rashomon(judged.figure, float(before.mean()), tolerance, tuple(singles), tuple(in_turn))


def _strongest(coef: Array) -> int:
    """Return the concept with the largest coefficient of any row."""
    return int(np.abs(coef).max(axis=0).argmax())


def _top(row: Array) -> int | None:
    return int(np.abs(row).argmax()) if row.any() else None


def _strongest_of_rows(coef: Array) -> list[int]:
    """Return the strongest concept of each row once, the largest coefficient first."""
    size = np.abs(coef)
    rows = [c for c in np.argsort(-size.max(axis=1), kind="stable") if size[c].any()]
    return list(dict.fromkeys(int(size[c].argmax()) for c in rows))
