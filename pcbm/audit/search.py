"""Searching edits of few coefficients: what they are, what they are for, greedy and best subset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from pcbm.audit.judged import worst_group
from pcbm.editing import Edit, LinearHead

FACTORS = (0.0, 0.5)
POOL = 12  # best subset is exact among so many single edits, the best ones
AIMS = ("shifted", "groups")
Value = tuple[float, float]


@dataclass(frozen=True)
class Candidate:
    """One edit that a search may choose, and the coefficients it multiplies by ``factor``."""

    edit: Edit
    column: int
    rows: tuple[int, ...]
    factor: float

    def effect(self, head: LinearHead, Z: np.ndarray) -> np.ndarray:
        """Return what the edit adds to the logits of each row, shape (n, R)."""
        change = np.zeros(len(head.coef))
        rows = list(self.rows)
        change[rows] = (self.factor - 1) * head.coef[rows, self.column]
        return Z[:, [self.column]] * change

    def meets(self, other: Candidate) -> bool:
        """Return whether both change the same coefficient."""
        return self.column == other.column and bool(set(self.rows) & set(other.rows))


def candidates(head: LinearHead, factors: Sequence[float] = FACTORS) -> list[Candidate]:
    """Return every edit of one concept that changes something.

    Each concept in use is zeroed or scaled in all classes, and where the head has several rows
    zeroed in each class that uses it.
    """
    found = []
    for column, name in enumerate(head.concept_names):
        used = tuple(int(row) for row in np.flatnonzero(head.coef[:, column]))
        if not used:
            continue
        for factor in factors:
            edit = Edit("zero", name) if factor == 0 else Edit("scale", name, factor)
            found.append(Candidate(edit, column, used, factor))
        if len(used) > 1:
            found += [
                Candidate(Edit("zero", name, None, (head.row_names[row],)), column, (row,), 0.0)
                for row in used
            ]
    return found


@dataclass(frozen=True)
class Aim:
    """What a search wants: the accuracy of rows, or that of their worst group.

    Attributes
    ----------
    y : ndarray of int, shape (n,)
        Positions of the true classes.
    group : ndarray, shape (n,), or None
    by : {"shifted", "groups"}
    """

    y: np.ndarray
    group: np.ndarray | None
    by: str

    def value(self, logits: np.ndarray) -> Value:
        """Return the accuracy of logits (n, C), and minus their mean log loss to break ties."""
        hits = (logits.argmax(axis=1) == self.y).astype(float)
        largest = logits.max(axis=1)
        total = largest + np.log(np.exp(logits - largest[:, None]).sum(axis=1))
        gain = logits[np.arange(len(logits)), self.y] - total
        if self.by == "groups" and self.group is not None:
            return worst_group(hits, self.group), worst_group(gain, self.group)
        return float(hits.mean()), float(gain.mean())

    def take(self, rows: np.ndarray) -> Aim:
        """Return the aim on some rows."""
        return Aim(self.y[rows], None if self.group is None else self.group[rows], self.by)


def greedy(
    logits: np.ndarray,
    effects: Sequence[np.ndarray],
    known: Sequence[Candidate],
    aim: Aim,
    most: int,
) -> tuple[int, ...]:
    """Add the edit that helps most, again and again, until none helps or ``most`` are chosen.

    Parameters
    ----------
    logits : ndarray, shape (n, C)
        Before any edit, one column a class.
    effects : sequence of ndarray, shape (n, C)
        What each candidate adds.
    known : sequence of Candidate
    aim : Aim
    most : int

    Returns
    -------
    tuple of int
        Positions of the chosen candidates, in the order they were chosen.
    """
    chosen: list[int] = []
    now, current = logits, aim.value(logits)
    while len(chosen) < most:
        free = [k for k, c in enumerate(known) if not any(c.meets(known[i]) for i in chosen)]
        if not free:
            break
        values = {k: aim.value(now + effects[k]) for k in free}
        best = max(free, key=lambda k: values[k])
        if values[best][0] <= current[0]:
            break
        chosen.append(best)
        now, current = now + effects[best], values[best]
    return tuple(chosen)


def best_subset(
    logits: np.ndarray,
    effects: Sequence[np.ndarray],
    known: Sequence[Candidate],
    aim: Aim,
    most: int,
) -> tuple[int, ...]:
    """Return the best set of at most ``most`` of the 12 edits that are best alone.

    Parameters and result as for `greedy`. Among equally accurate sets the smallest is taken; no
    edit at all is one of the sets.
    """
    alone = [aim.value(logits + effect) for effect in effects]
    pool = sorted(range(len(known)), key=lambda k: alone[k], reverse=True)[:POOL]
    score, loss = aim.value(logits)
    best: tuple[int, ...] = ()
    top = (score, 0, loss)
    for size in range(1, most + 1):
        for chosen in combinations(sorted(pool), size):
            if any(known[a].meets(known[b]) for a, b in combinations(chosen, 2)):
                continue
            score, loss = aim.value(logits + sum(effects[k] for k in chosen))
            if (score, -size, loss) > top:
                best, top = chosen, (score, -size, loss)
    return tuple(best)


SEARCHES = {"greedy": greedy, "best_subset": best_subset}
