"""A small sample that stands for many rows: drawn from every class and group, with weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_ROWS = 2000
FEWEST_ROWS = 100
NUMBER_BYTES = 600_000  # of coefficients, scores and residual logits; base64 makes 4/3 of it
BINS = 5  # of a regression's labels


@dataclass(frozen=True)
class Drawn:
    """Rows drawn from N rows, each with the number of rows that it stands for.

    Attributes
    ----------
    rows : ndarray of int, shape (n,)
        Positions among the N, ascending.
    weight : ndarray, shape (n,)
        Adds up to N.
    strata : str
        What the draw was stratified by, in words; empty for all rows or a plain draw.
    """

    rows: np.ndarray
    weight: np.ndarray
    strata: str


def sample_size(width: int, logits: int, coefficients: int) -> int:
    """Return how many rows fit into a page.

    Parameters
    ----------
    width, logits : int
        Scores and residual logits of a row, 4 bytes each.
    coefficients : int
        How many are not zero; each takes 12 bytes with its place.
    """
    room = NUMBER_BYTES - 12 * coefficients
    return int(np.clip(room // (4 * (width + logits)), FEWEST_ROWS, MOST_ROWS))


def draw(kinds: dict[str, np.ndarray], n: int, seed: int = 0) -> Drawn:
    """Draw n rows, stratified by every kind at once where that leaves a row for each stratum.

    A stratum of N_h rows gives n_h of about ``n sqrt(N_h) / sum sqrt(N_h)``, between equal and
    proportional shares, so that small groups are seen and the whole is estimated well. A row drawn
    from it has the weight N_h / n_h (Horvitz and Thompson 1952).

    Parameters
    ----------
    kinds : dict of ndarray of int, shape (N,)
        Name -> what each row is; the first name weighs most where not all can be kept.
    n : int
    seed : int
    """
    size = len(next(iter(kinds.values())))
    if size <= n:
        return Drawn(np.arange(size), np.ones(size), "")
    words, strata = _strata(kinds, n)
    sizes = np.bincount(strata)
    taken = allocation(sizes, n)
    generator = np.random.default_rng(seed)
    order = np.argsort(strata, kind="stable")
    parts = np.split(order, np.cumsum(sizes)[:-1])
    rows = np.sort(
        np.concatenate([generator.permutation(p)[:k] for p, k in zip(parts, taken, strict=True)])
    )
    return Drawn(rows, (sizes / taken)[strata[rows]], words)


def _strata(kinds: dict[str, np.ndarray], n: int) -> tuple[str, np.ndarray]:
    """Return the finest strata of which there are no more than n, with their name."""
    names = list(kinds)
    choices = [names, *([name] for name in names if len(names) > 1)]
    for chosen in choices:
        table = np.column_stack([kinds[name] for name in chosen])
        found, place = np.unique(table, axis=0, return_inverse=True)
        if len(found) <= n:
            return " and ".join(chosen), place.ravel()
    return "", np.zeros(len(kinds[names[0]]), dtype=int)


def allocation(sizes: np.ndarray, n: int) -> np.ndarray:
    """Return how many of n rows each stratum gives: as its square root, one to all of it.

    Parameters
    ----------
    sizes : ndarray of int, shape (H,)
        All above 0, at most n of them.
    n : int
        Below their sum.
    """
    low, high = 0.0, float(sizes.max())
    roots = np.sqrt(sizes)
    for _ in range(60):  # enough to halve any range down to the last bit
        middle = (low + high) / 2
        fits = np.clip(middle * roots, 1, sizes).sum() <= n
        low, high = (middle, high) if fits else (low, middle)
    wanted = np.clip(low * roots, 1, sizes)
    taken = np.floor(wanted).astype(int)
    left = np.argsort(-(wanted - taken), kind="stable")
    left = left[taken[left] < sizes[left]][: n - taken.sum()]
    taken[left] += 1
    return taken


def label_kinds(y: np.ndarray, task: str) -> np.ndarray:
    """Return what each row is for stratifying: its class, its rarest label, or its fifth of range.

    Parameters
    ----------
    y : ndarray, shape (n,) or (n, C)
        Positions of classes, 0/1 labels, or numbers.
    task : str
    """
    if task == "multilabel":
        order = np.argsort(y.sum(axis=0), kind="stable")
        ranked = np.column_stack([y[:, order], np.ones(len(y), dtype=int)])
        return ranked.argmax(axis=1)
    if task == "regression":
        first = y if y.ndim == 1 else y[:, 0]
        edges = np.quantile(first, np.linspace(0, 1, BINS + 1)[1:-1])
        return np.searchsorted(edges, first)
    return y
