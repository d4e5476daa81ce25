"""From activations to concept scores: four ways, one formula.

Every kind is ``scores = N(N(X) - shift) @ matrix + offset``, where N scales rows to unit length
for the kinds with ``normalise`` and does nothing for the others, and a missing shift is zero.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.concepts import ConceptBank
from pcbm.errors import InputError, near

RCOND = 1e-6
"""What counts as zero beside 1: activations and text embeddings carry float32's seven digits."""

_BLOCK_NUMBERS = 2**22


@dataclass(frozen=True)
class Projection:
    """A fitted map from activations (n, d) to concept scores (n, K).

    Parameters
    ----------
    kind : str
        One of `PROJECTIONS`.
    matrix : ndarray (d, K)
    offset : ndarray (K,)
        Zero except for ``margin``: the other kinds use no intercepts.
    shift : ndarray (d,) or None
        Only for ``centred``: the mean of the unit training activations.
    normalise : bool
        Whether rows are scaled to unit length, before the shift and again after it.
    """

    kind: str
    matrix: np.ndarray
    offset: np.ndarray
    shift: np.ndarray | None = None
    normalise: bool = False

    def transform(self, X: Any) -> np.ndarray:
        """Return concept scores (n, K) in float64.

        Parameters
        ----------
        X : array-like (n, d)
            Activations; a memory-mapped or lazy array is read in blocks of rows. A row that has no
            direction (zero, or at the shift) scores ``offset`` where rows are normalised.

        Raises
        ------
        InputError
            Another number of columns than the bank has dimensions.
        """
        rows, columns = _shape(X)
        if columns != self.matrix.shape[0]:
            raise InputError(
                f"the activations have {columns} columns but the concepts live in "
                f"{self.matrix.shape[0]} dimensions: use the bank's backbone, layer and pooling"
            )
        scores = np.empty((rows, self.matrix.shape[1]))
        for part, block in _blocks(X):
            if self.normalise:
                block = _unit(block)
            if self.shift is not None:
                block = block - self.shift
                block = _unit(block) if self.normalise else block
            scores[part] = block @ self.matrix + self.offset
        return scores


def fit_projection(
    X: Any, bank: ConceptBank, kind: str = "margin", sample_weight: Any = None
) -> Projection:
    r"""Build the map from activations to the scores of a bank's concepts.

    Parameters
    ----------
    X : array-like (n, d)
        Training activations. Only ``centred`` learns from them (the mean); the other kinds check
        their width.
    bank : ConceptBank
    kind : {"margin", "cosine", "centred", "least_squares"}
    sample_weight : array-like (n,), optional
        Counts of the rows for the mean of ``centred``.

    Returns
    -------
    Projection

    Raises
    ------
    InputError
        Unknown kind, another width than the bank's, or ``centred`` for a bank that has no mean
        text embedding.

    Warns
    -----
    UserWarning
        The bank has intercepts that this kind does not use.

    Notes
    -----
    f is an activation, v a concept's direction, b its intercept. A score is larger the more of the
    concept is there. No kind depends on the length of v, and with duplicates in the bank equal
    concepts get equal scores. Rotating f and v together changes no score.

    ``margin``
        (v . f + b) / ||v||: the signed distance to the probe's boundary, in units of the
        activations; 0 is the boundary (for text banks, where b = 0, the plane through the origin).
        The form of the official code of Yuksekgonul et al. 2023 (``compute_dist``); the paper
        (section 2) writes <f, v> / ||v||^2. For each concept the two differ by a positive factor
        and a constant, which standardising the scores removes: the head is the same.
    ``cosine``
        v . f / (||v|| ||f||), as CLIP compares images and texts. Intercepts belong to activations
        of their full length and are not used; 0 means at right angles.
    ``centred``
        The cosine between f / ||f|| - m and v / ||v|| - t, where m is the mean of f / ||f|| over
        the training rows and t the mean unit text embedding of the bank's words. Images and texts
        lie in two separate cones of the space (Liang et al. 2022, "Mind the gap"); subtracting the
        mean on each side removes the gap (as Bhalla et al. 2024, SpLiCE, do). Intercepts are
        not used; 0 means no more of the concept than an average image has.
    ``least_squares``
        The coordinates a of f in the span of the bank: f = sum_k a_k v_k / ||v_k|| + rest with the
        smallest rest and, where concepts depend on each other, the smallest ||a||, by the
        pseudo-inverse with ``rcond`` = 1e-6. A concept's score is what the others cannot explain,
        so it changes with the bank; equal concepts share their coordinate equally. Intercepts are
        not used; 0 means nothing of f is left to that concept.
    """
    if kind not in _MAKERS:
        raise InputError(f"unknown projection {kind!r}: {near(str(kind), PROJECTIONS)}")
    _, columns = _shape(X)
    if columns != bank.dim:
        raise InputError(
            f"the activations have {columns} columns but the bank's concepts live in {bank.dim} "
            "dimensions: use the backbone, layer and pooling the bank was made with"
        )
    if kind != "margin" and np.any(bank.intercepts):
        warnings.warn(
            f"projection {kind!r} does not use the bank's intercepts: a score of 0 is not the "
            "boundary of the concept's probe",
            stacklevel=2,
        )
    return _centred(X, bank, sample_weight) if kind == "centred" else _MAKERS[kind](X, bank)


def _margin(X: Any, bank: ConceptBank) -> Projection:
    lengths = np.linalg.norm(bank.vectors, axis=1)
    return Projection("margin", (bank.vectors / lengths[:, None]).T, bank.intercepts / lengths)


def _cosine(X: Any, bank: ConceptBank) -> Projection:
    return Projection("cosine", _unit(bank.vectors).T, np.zeros(len(bank)), normalise=True)


def _centred(X: Any, bank: ConceptBank, sample_weight: Any = None) -> Projection:
    if bank.text_mean is None:
        raise InputError(
            f"projection 'centred' needs the mean text embedding, which a bank with source "
            f"{bank.source!r} has not: make the bank from text, or use another projection"
        )
    directions = _unit(bank.vectors) - bank.text_mean
    if np.linalg.norm(directions, axis=1).min() < RCOND:
        raise InputError(
            "projection 'centred' finds a concept equal to the mean text embedding (is it the only "
            "word?): make the bank from more words, or use projection 'cosine'"
        )
    rows, columns = _shape(X)
    total = np.zeros(columns)
    weight = np.ones(rows) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    for part, block in _blocks(X):
        total += weight[part] @ _unit(block)
    return Projection(
        "centred",
        _unit(directions).T,
        np.zeros(len(bank)),
        shift=total / weight.sum(),
        normalise=True,
    )


def _least_squares(X: Any, bank: ConceptBank) -> Projection:
    inverse = np.linalg.pinv(_unit(bank.vectors), rcond=RCOND)
    return Projection("least_squares", inverse, np.zeros(len(bank)))


_MAKERS: dict[str, Callable[[Any, ConceptBank], Projection]] = {
    "margin": _margin,
    "cosine": _cosine,
    "centred": _centred,
    "least_squares": _least_squares,
}
PROJECTIONS = tuple(_MAKERS)


def _shape(X: Any) -> tuple[int, int]:
    shape = np.shape(X) if not hasattr(X, "shape") else tuple(X.shape)
    if len(shape) != 2 or shape[0] == 0:
        raise InputError(f"the activations have shape {shape}, expected (n, d) with at least a row")
    return int(shape[0]), int(shape[1])


def _blocks(X: Any) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of rows and their values in float64, some 32 MB at a time."""
    if not hasattr(X, "shape"):
        X = np.asarray(X)
    rows, columns = X.shape
    step = max(1, _BLOCK_NUMBERS // columns)
    for start in range(0, rows, step):
        part = slice(start, min(start + step, rows))
        yield part, np.asarray(X[part], dtype=np.float64)


def _unit(rows: np.ndarray) -> np.ndarray:
    """Scale rows to unit length; zero rows stay zero."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)
