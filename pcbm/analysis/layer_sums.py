"""The sums that linear CKA needs, for all pairs of layers of two models at once.

Each layer's kernel is made once, not once a pair, and pairs meet in one matrix product: of all
columns on the feature side, of all kernels on the Gram side, whichever costs less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from pcbm.analysis.products import blocks

MOST_VALUES = 1 << 25  # 256 MiB of float64: what the products of a step may take
CACHED_VALUES = 1 << 17  # 1 MiB of float64
ENTRY = 32  # multiplications that take as long as writing and reading an entry of a kernel
FEWEST_COLUMNS = 64  # fewer make products of long tables slow


@dataclass(frozen=True)
class LayerSums:
    """`pcbm.analysis.cka.KernelSums` of L1 layers against L2 layers.

    Attributes
    ----------
    n : int
        Rows.
    xy, a_b : ndarray, shape (L1, L2)
    xx, a_a, a : ndarray, shape (L1, 1)
    yy, b_b, b : ndarray, shape (1, L2)
    """

    n: int
    xy: np.ndarray
    xx: np.ndarray
    yy: np.ndarray
    a_b: np.ndarray
    a_a: np.ndarray
    b_b: np.ndarray
    a: np.ndarray
    b: np.ndarray


def layer_sums(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> LayerSums:
    """Sum over the rows of all layers.

    Parameters
    ----------
    left, right : sequences of ndarray, each (n, d)
        The layers of two models on the same rows; centred here.
    """
    n = len(left[0])
    widths = [[table.shape[1] for table in side] for side in (left, right)]
    if gram_is_cheaper(n, *widths):
        xy, xx, yy, a, b = _gram_side(left, right)
    else:
        xy, xx, yy, a, b = _feature_side(left, right)
    return LayerSums(
        n=n,
        xy=xy,
        xx=xx[:, None],
        yy=yy[None, :],
        a_b=a @ b.T,
        a_a=np.square(a).sum(axis=1)[:, None],
        b_b=np.square(b).sum(axis=1)[None, :],
        a=a.sum(axis=1)[:, None],
        b=b.sum(axis=1)[None, :],
    )


def gram_is_cheaper(n: int, left: Sequence[int], right: Sequence[int]) -> bool:
    """Tell whether n x n kernels cost less than products of all columns; by experiment."""
    p, q = sum(left), sum(right)
    own = sum(d * d for d in [*left, *right])
    layers = len(left) + len(right)
    kernels = n * n * ((p + q) / 2 + len(left) * len(right) + layers * ENTRY)
    return kernels < n * (p * q + own / 2)


Sums = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _feature_side(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> Sums:
    """Return ``||A' B||_F^2`` of all pairs, of each layer with itself, and squared row norms."""
    means = [[_mean(table) for table in side] for side in (left, right)]
    n, p, q = len(left[0]), sum(map(_width, left)), sum(map(_width, right))
    a, b = np.empty((len(left), n)), np.empty((len(right), n))
    xx, yy = ([np.zeros((_width(t), _width(t))) for t in side] for side in (left, right))
    xy = np.empty((len(left), len(right)))
    rows = max(1, min(n, MOST_VALUES // (p + q)))
    for group in _groups(list(map(_width, left)), max(1, MOST_VALUES // q)):
        across = np.zeros((sum(map(_width, left[group])), q))
        for part in blocks(n, rows):
            A = _wide(left[group], means[0][group], part, a[group], xx[group])
            first = group.start == 0
            B = _wide(right, means[1], part, b if first else None, yy if first else None)
            across += A.T @ B
        xy[group] = _blockwise(np.square(across, out=across), left[group], right)
    own = [np.array([np.vdot(M, M) for M in side]) for side in (xx, yy)]
    return xy, own[0], own[1], a, b


def _wide(
    tables: Sequence[np.ndarray],
    means: Sequence[np.ndarray],
    part: slice,
    norms: np.ndarray | None,
    own: Sequence[np.ndarray] | None,
) -> np.ndarray:
    """Return rows of all layers side by side, centred; add up what each layer needs by itself."""
    wide = np.empty((part.stop - part.start, sum(map(_width, tables))))
    at = 0
    for number, (table, mean) in enumerate(zip(tables, means, strict=True)):
        values = wide[:, at : at + len(mean)]
        np.subtract(table[part], mean, out=values)
        at += len(mean)
        if norms is not None and own is not None:
            norms[number, part] = np.einsum("ij,ij->i", values, values)
            own[number][...] += values.T @ values
    return wide


def _blockwise(
    squares: np.ndarray, left: Sequence[np.ndarray], right: Sequence[np.ndarray]
) -> np.ndarray:
    """Sum the blocks (d_i, d_j) of a matrix of all columns against all columns."""
    rows, columns = (_starts(list(map(_width, side))) for side in (left, right))
    return np.add.reduceat(np.add.reduceat(squares, rows, axis=0), columns, axis=1)


def _gram_side(left: Sequence[np.ndarray], right: Sequence[np.ndarray]) -> Sums:
    """Return the same sums from kernels; of their rows as many at a time as memory allows.

    Kernels are symmetric: of a block of rows only the columns from its first row on are made, and
    what stands right of the block counts twice.
    """
    n, layers = len(left[0]), len(left) + len(right)
    rows = max(1, min(n, MOST_VALUES // (layers * n)))
    products = np.zeros((len(left), len(right)))
    own = np.zeros(layers)
    norms = np.empty((layers, n))
    for part in blocks(n, rows):
        m = part.stop - part.start
        kernels = np.empty((layers, m, n - part.start))
        for kernel, table in zip(kernels, [*left, *right], strict=True):
            _kernel(table, part, kernel)
        norms[:, part] = np.diagonal(kernels, axis1=1, axis2=2)
        kernels[:, :, m:] *= np.sqrt(2.0)
        flat = kernels.reshape(layers, -1)
        products += flat[: len(left)] @ flat[len(left) :].T
        own += np.einsum("ij,ij->i", flat, flat)
    return products, own[: len(left)], own[len(left) :], norms[: len(left)], norms[len(left) :]


def _kernel(table: np.ndarray, part: slice, out: np.ndarray) -> None:
    """Write the rows ``part`` of a layer's centred kernel, from its first of them on.

    Columns come in blocks that stay in the processor's cache while they are converted, centred
    and multiplied.
    """
    n, d = table.shape
    size = max(FEWEST_COLUMNS, CACHED_VALUES // n)
    memory = np.empty(n * min(size, d))
    product = out if d <= size else np.empty_like(out)
    for columns in blocks(d, size):
        block = table[:, columns]
        values = memory[: block.size].reshape(block.shape)
        np.subtract(block, block[0], out=values, dtype=np.float64)  # constant columns: exactly 0
        values -= values.mean(axis=0)
        if out.shape == (n, n):
            np.matmul(values, values.T, out=product)
        else:
            np.matmul(values[part], values[part.start :].T, out=product)
        if columns.start == 0:
            out[...] = product
        else:
            out += product


def _groups(widths: Sequence[int], most: int) -> list[slice]:
    """Divide layers into runs of at most ``most`` columns, each of one layer at least."""
    starts, filled = [0], 0
    for number, width in enumerate(widths):
        if filled and filled + width > most:
            starts.append(number)
            filled = 0
        filled += width
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(widths)], strict=True)]


def _starts(widths: Sequence[int]) -> list[int]:
    return [0, *accumulate(widths)][:-1]


def _mean(table: np.ndarray) -> np.ndarray:
    """Return the means of columns; that of a constant column is exactly its value."""
    mean = table.mean(axis=0, dtype=np.float64)
    first = np.asarray(table[0], dtype=np.float64)
    return np.where(np.ptp(table, axis=0) == 0, first, mean)


def _width(table: np.ndarray) -> int:
    return int(table.shape[1])
