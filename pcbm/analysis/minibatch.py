"""Minibatch CKA: sums of unbiased HSIC over batches, so that memory is that of one batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pcbm.analysis.cka import ROUNDING, KernelSums, ratio, unbiased_hsic
from pcbm.analysis.result import RIGID, SYMMETRIC, Comparison
from pcbm.analysis.sides import FEWEST_ROWS, same_rows, side, two_sides
from pcbm.errors import InputError

BATCH_SIZE = 256
WHAT = "minibatch CKA"


@dataclass
class MinibatchCKA:
    """A streaming state: sums over batches of the unbiased HSIC of the batch.

    Attributes
    ----------
    batches, rows : int
        What was counted.
    single_class : int
        Batches whose labels were all the same.
    both, one, other : float
        Sums of HSIC(K, L), HSIC(K, K), HSIC(L, L).
    zero_one, zero_other : float
        What counts as zero for the self-terms.
    """

    batches: int = 0
    rows: int = 0
    single_class: int = 0
    both: float = 0.0
    one: float = 0.0
    other: float = 0.0
    zero_one: float = 0.0
    zero_other: float = 0.0

    def update(self, X: ArrayLike, Y: ArrayLike, y: ArrayLike | None = None) -> None:
        """Count one more batch of at least 4 rows; ``y`` are its labels."""
        A, B = two_sides(X, Y, WHAT)
        sums = KernelSums.of(A, B)
        n = sums.n
        scale = n * (n - 3)
        self.batches += 1
        self.rows += n
        self.single_class += one_class(y)
        self.both += unbiased_hsic(n, sums.xy, sums.a_b, sums.a * sums.b) / scale
        self.one += unbiased_hsic(n, sums.xx, sums.a_a, sums.a**2) / scale
        self.other += unbiased_hsic(n, sums.yy, sums.b_b, sums.b**2) / scale
        self.zero_one += ROUNDING * sums.xx / scale
        self.zero_other += ROUNDING * sums.yy / scale

    def merge(self, other: MinibatchCKA) -> None:
        """Count the batches of another state as well."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def compute(self) -> Comparison:
        """Return the value over all batches so far."""
        if not self.batches:
            raise InputError(f"{WHAT} was given no batch: it needs at least one")
        value, reason = ratio(
            self.both, self.one, self.other, np.array([self.zero_one, self.zero_other])
        )
        if self.single_class:
            value = None
            reason = single_class(self.single_class, self.batches)
        return Comparison(
            metric="cka_minibatch",
            value=value,
            kind="similarity",
            direction=SYMMETRIC,
            invariances=RIGID,
            n=self.rows,
            reason=reason,
            details={"batches": self.batches},
        )


def minibatch_cka(
    X: ArrayLike,
    Y: ArrayLike,
    batch_size: int = BATCH_SIZE,
    y: ArrayLike | None = None,
    shuffle: bool = True,
    seed: int = 0,
) -> Comparison:
    """Compare two sides by minibatch CKA, an estimator of its own.

    ``sum_b HSIC_1(K_b, L_b) / sqrt(sum_b HSIC_1(K_b, K_b) sum_b HSIC_1(L_b, L_b))`` over batches
    b. It centres in each batch, and depends on how rows come together in batches; debiased CKA on
    all rows does not.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order.
    batch_size : int
        Rows of a batch, at least 4. A last batch of fewer than 4 rows is left out.
    y : array-like, shape (n,), optional
        Labels: batches of a single class are refused, because they hide what tells classes apart.
    shuffle : bool
        Draw the batches by the seed instead of taking the rows as they come.
    seed : int

    References
    ----------
    Nguyen, Raghu, Kornblith, "Do wide and deep networks learn the same things?", ICLR 2021, eq. 4.
    """
    left, right = side(X, WHAT), side(Y, WHAT)
    same_rows(left, right, WHAT)
    labels = None if y is None else np.asarray(y)
    state = MinibatchCKA()
    for rows in batches(len(left), batch_size, shuffle, seed):
        state.update(left[rows], right[rows], None if labels is None else labels[rows])
    return state.compute()


def one_class(y: ArrayLike | None) -> bool:
    """Return whether the labels of a batch, where they are known, are all the same."""
    return y is not None and len(np.unique(np.asarray(y))) == 1


def single_class(count: int, batches: int) -> str:
    """Return why batches of one class give no value."""
    return (
        f"{count} of {batches} batches hold one class alone, so what tells classes apart is not "
        "seen: shuffle the rows"
    )


def batches(n: int, batch_size: int, shuffle: bool, seed: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch; a last one of fewer than 4 rows is left out."""
    if batch_size < FEWEST_ROWS:
        raise InputError(
            f"the batches of {WHAT} were given {batch_size} rows: they need at least {FEWEST_ROWS}"
        )
    order = np.random.default_rng(seed).permutation(n) if shuffle else np.arange(n)
    for start in range(0, n, batch_size):
        rows = order[start : start + batch_size]
        if len(rows) >= FEWEST_ROWS:
            yield rows
