"""Choosing a strength by its score on rows that were not fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError
from pcbm.heads.inputs import check_scores, check_target, check_weights
from pcbm.heads.measures import check_rule, row_scores
from pcbm.heads.path import elastic_net_path
from pcbm.heads.solutions import Path

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Validation:
    """How a strength was chosen on held-out rows.

    Attributes
    ----------
    lam : the strength chosen; index : its place on the path
    best_index : the point with the best score
    rule : "1se" or "min"; measure : "accuracy" (of rows, or of labels) or "loss" (negated)
    lams, nec, score, standard_error : lists along the path
    n_train, n_validation, seed
    """

    lam: float
    index: int
    best_index: int
    rule: str
    measure: str
    lams: list[float]
    nec: list[float]
    score: list[float]
    standard_error: list[float]
    n_train: int
    n_validation: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


def validated_lam(
    Z: ArrayLike,
    y: ArrayLike,
    *,
    family: str = "multinomial",
    validation: float = 0.2,
    seed: int = 0,
    rule: str = "1se",
    measure: str | None = None,
    sample_weight: ArrayLike | None = None,
    l1_ratio: float = 0.99,
    n_lams: int = 50,
    lam_min_ratio: float = 1e-3,
    lams: Sequence[float] | None = None,
    tol: float = 1e-3,
) -> tuple[float, Validation]:
    """Choose a strength by its score on a part of the rows that was not fitted.

    Parameters
    ----------
    Z, y, family, sample_weight, l1_ratio, n_lams, lam_min_ratio, lams, tol
        As for `elastic_net_path`, which is fitted to the other rows.
    validation : float in (0, 1)
        Share of rows held out, stratified by class where there are classes.
    seed : int
    rule : {"1se", "min"}
        The sparsest point whose score is within one standard error of the best (among equally
        sparse ones the largest lam), or the best point itself (the largest lam among equals).
    measure : {"accuracy", "loss"}, optional
        Default: accuracy, or loss for gaussian.

    Returns
    -------
    lam, record : float, Validation
    """
    measure = measure or ("loss" if family == "gaussian" else "accuracy")
    check_rule(rule, measure, family)
    scores = check_scores(Z)
    target = check_target(y, len(scores))
    weights = check_weights(sample_weight, len(scores))
    there = weights > 0
    if not there.all():  # such rows do not exist, nor does a class that only they have
        scores, target, weights = scores[there], target[there], weights[there]
    held = held_out_rows(
        target if target.ndim == 1 and family != "gaussian" else len(scores), validation, seed
    )
    rest = np.setdiff1d(np.arange(len(scores)), held)
    path = elastic_net_path(
        scores[rest],
        target[rest],
        family=family,
        l1_ratio=l1_ratio,
        n_lams=n_lams,
        lam_min_ratio=lam_min_ratio,
        lams=lams,
        tol=tol,
        sample_weight=weights[rest],
    )
    mean, error = _scores(path, scores[held], target[held], weights[held], measure)
    best = int(mean.argmax())
    index = best
    if rule == "1se":
        near_best = np.flatnonzero(mean >= mean[best] - error[best])
        index = int(min(near_best, key=lambda i: (path.nec[i], -path.lams[i])))
    record = Validation(
        lam=float(path.lams[index]),
        index=index,
        best_index=best,
        rule=rule,
        measure=measure,
        lams=path.lams.tolist(),
        nec=path.nec.tolist(),
        score=mean.tolist(),
        standard_error=error.tolist(),
        n_train=len(rest),
        n_validation=len(held),
        seed=seed,
    )
    return record.lam, record


def held_out_rows(labels: NDArray | int, share: float, seed: int) -> NDArray[np.intp]:
    """Return the sorted rows of a held-out part, stratified when labels (n,) are given.

    Every class keeps at least one row outside the part.
    """
    if not 0 < share < 1:
        raise InputError(f"validation={share}: give a share between 0 and 1")
    rng = np.random.default_rng(seed)
    if isinstance(labels, int | np.integer):
        groups = [np.arange(labels)]
    else:
        _, index = np.unique(labels, return_inverse=True)
        groups = [np.flatnonzero(index == c) for c in range(index.max() + 1)]
    parts = [
        rng.permutation(rows)[: min(round(share * len(rows)), len(rows) - 1)] for rows in groups
    ]
    held = np.sort(np.concatenate(parts))
    if not len(held):
        raise InputError(
            f"a validation part of {share:g} leaves no rows to validate on: "
            "give more rows or a larger share"
        )
    return held


def _scores(path: Path, Z: Array, y: NDArray, weights: Array, measure: str) -> tuple[Array, Array]:
    """Return the weighted mean score of each point and its standard error."""
    weights = weights / weights.sum()
    per_row = np.array([row_scores(path, i, Z, y, measure) for i in range(len(path))])
    mean = per_row @ weights
    variance = ((per_row - mean[:, None]) ** 2) @ weights
    effective = 1 / (weights**2).sum()
    return mean, np.sqrt(variance / max(effective - 1, 1.0))
