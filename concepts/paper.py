"""The official code's concept learning, with its settings and its figures, solved faster.

Source: Yuksekgonul et al. 2023, "Post-hoc concept bottleneck models", and its published code: for
each C a linear support vector machine on activations as they are, without class weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike

from pcbm.concepts.examples import check_pair
from pcbm.concepts.learners import PAPER_PENALTIES
from pcbm.concepts.svm import TOLERANCE, svm_path
from pcbm.errors import InputError


@dataclass(frozen=True)
class PaperCav:
    """One vector of the official code: direction (d,), intercept, and its figures.

    ``margins`` describes the signed distances (v . f + b) / ||v|| of the training rows: ``max``,
    ``min``, ``q_90``, ``q_10``, mean and standard deviation of those above 0 (``pos_``) and below
    (``neg_``; NaN where there are none), and the numbers of examples (``pos_count``,
    ``neg_count``); NaN for a vector of length zero. ``gap`` is the relative duality gap: where the
    sides are separable, C times slacks of the size of ``tol`` count in it, beside a small
    ``||v||^2 / 2``, so it can be large at a vector that is right.
    """

    vector: np.ndarray
    intercept: float
    train_accuracy: float
    test_accuracy: float
    margins: dict[str, float]
    gap: float


def paper_cavs(
    train: tuple[ArrayLike, ArrayLike],
    test: tuple[ArrayLike, ArrayLike],
    *,
    penalties: Sequence[float] = PAPER_PENALTIES,
    tol: float = TOLERANCE,
) -> dict[float, PaperCav]:
    """Learn one concept as the official code does, once for each C.

    Parameters
    ----------
    train, test : (positives, negatives)
        Activations (n, d), used as they are.
    penalties : sequence of float
        Values of C, the cost of a unit of hinge loss on every row.
    tol : float
        Where the solver stops, see `pcbm.concepts.svm.svm_path`.

    Returns
    -------
    dict of float to PaperCav
        In the order of ``penalties``. To make the official bank of one C, give these vectors and
        intercepts to `ConceptBank`.

    Raises
    ------
    InputError
        A side without examples, NaN or infinity, unequal dimensions, a C that is not positive.
    """
    try:
        positive = len(penalties) > 0 and all(0 < float(c) < np.inf for c in penalties)
    except (TypeError, ValueError):
        positive = False
    if not positive:
        raise InputError(f"the penalties are {penalties!r}: give a list of positive numbers")
    if not isinstance(tol, Real) or not 0 < tol < np.inf:
        raise InputError(f"tol={tol!r}: give a positive number")
    positives, negatives = check_pair("train", train)
    others = check_pair("test", test)
    if not len(positives) or not len(negatives):
        raise InputError("a side has no training examples: give positives and negatives")
    if others[0].shape[1] != positives.shape[1]:
        raise InputError(
            f"the training examples have {positives.shape[1]} columns and the test examples "
            f"{others[0].shape[1]}: both must come from one layer of one backbone"
        )
    rows = np.concatenate([positives, negatives])
    labels = np.repeat([True, False], [len(positives), len(negatives)])
    mean = rows.mean(axis=0)
    rows -= mean
    growing = sorted(set(penalties))
    costs = np.repeat(np.array(growing)[:, None], len(rows), axis=1)
    path = svm_path(rows @ rows.T, np.where(labels, 1.0, -1.0), costs, tol=tol)
    vectors = path.coefficients @ rows
    intercepts = path.intercepts - vectors @ mean
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = path.margins / np.where(lengths > 0, lengths, np.nan)
    tenths = np.quantile(distances, [0.9, 0.1], axis=1)  # of all at once: a call costs as much
    held_out = np.concatenate([side @ vectors.T for side in others]) + intercepts
    truth = np.repeat([True, False], [len(side) for side in others])
    found = {
        c: PaperCav(
            vectors[p],
            float(intercepts[p]),
            float(np.mean((path.margins[p] > 0) == labels)),
            float(np.mean((held_out[:, p] > 0) == truth)) if len(truth) else float("nan"),
            _margins(distances[p], tenths[:, p], labels),
            float(path.gaps[p]),
        )
        for p, c in enumerate(growing)
    }
    return {c: found[c] for c in penalties}


def _margins(margins: np.ndarray, tenths: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    above, below = margins[margins > 0], margins[margins < 0]
    figures = {"max": float(margins.max()), "min": float(margins.min())}
    for side, part in (("pos", above), ("neg", below)):
        figures[f"{side}_mean"] = float(part.mean()) if part.size else float("nan")
        figures[f"{side}_std"] = float(part.std()) if part.size else float("nan")
    figures |= {"q_90": float(tenths[0]), "q_10": float(tenths[1])}
    return figures | {"pos_count": float(labels.sum()), "neg_count": float((~labels).sum())}
