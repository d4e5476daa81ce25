"""Choosing a strength by cross-validation on one grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError
from pcbm.heads.certificates import lam_max
from pcbm.heads.folds import ALWAYS_FITTED, assign_folds
from pcbm.heads.inputs import check_grid, check_scores, check_target, check_weights
from pcbm.heads.measures import check_rule, row_scores
from pcbm.heads.path import elastic_net_path
from pcbm.heads.solutions import Path
from pcbm.heads.strengths import grid

Array = NDArray[np.float64]
Fold = NDArray[np.intp]

FOLDS = 5


@dataclass(frozen=True)
class CrossValidation:
    """How a strength was chosen by cross-validation.

    Attributes
    ----------
    lam : the strength chosen; index : its place on the grid
    best_index : the point with the best score
    rule : "1se" or "min"; measure : "accuracy" (of rows, or of labels) or "loss" (negated)
    lams, score, standard_error : lists along the grid
    nec : list along the grid, the mean over the folds' fits
    n_folds, n_held_out, seed
        Rows that are held out once; the others were fitted in every fold.
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
    n_folds: int
    n_held_out: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, ready for JSON."""
        return asdict(self)


def cross_validated_lam(
    Z: ArrayLike,
    y: ArrayLike,
    *,
    family: str = "multinomial",
    folds: int | ArrayLike = FOLDS,
    rule: str = "1se",
    measure: str = "loss",
    seed: int = 0,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    l1_ratio: float = 0.99,
    n_lams: int = 50,
    lam_min_ratio: float = 1e-3,
    lams: Sequence[float] | Array | None = None,
    tol: float = 1e-3,
    lower: ArrayLike | None = None,
) -> tuple[float, CrossValidation]:
    """Choose a strength by its score on each fold, fitted to the other folds.

    The grid is that of all rows. With m_f the weighted mean score of fold f, W_f the sum of its
    weights and F folds, the score of a strength is ``m = sum_f W_f m_f / sum_f W_f`` and its
    standard error ``sqrt(sum_f W_f (m_f - m)^2 / sum_f W_f / (F - 1))``, both as in glmnet's
    ``cv.glmnet`` (``grouped=TRUE``). ``Z`` is used as given in every fold.

    Parameters
    ----------
    Z, y, family, sample_weight, l1_ratio, n_lams, lam_min_ratio, lams, tol, lower
        As for `elastic_net_path`. Weights count in the fits and in the scores, up to a common
        factor; rows of weight 0 do not exist. Folds hold rows, not weights: a row of weight 2 is
        held out as one, while two copies may be parted.
    folds : int, or (n,) array
        The number of folds, see `assign_folds`; or the fold of each row, any whole numbers,
        -1 for rows that are never held out.
    rule : {"1se", "min"}
        The largest strength whose score is within one standard error of the best, or the
        strength with the best score (the largest among equals).
    measure : {"loss", "accuracy"}
    seed : int
    groups : (n,) array, optional
        Rows with equal entries share a fold; not together with given folds.

    Returns
    -------
    lam, record : float, CrossValidation

    Raises
    ------
    InputError
        Folds or groups do not fit the rows, or a given fold holds a whole class.

    References
    ----------
    Friedman, Hastie, Tibshirani, J. Stat. Softw. 33 (2010); Breiman et al., "Classification and
    Regression Trees" (1984), section 3.4.3, for the rule of one standard error.
    """
    check_rule(rule, measure, family)
    scores = check_scores(Z)
    target = check_target(y, len(scores))
    weights = check_weights(sample_weight, len(scores))
    labelled = target.ndim == 1 and family != "gaussian"
    there = weights > 0  # other rows do not exist
    counts = None if sample_weight is None else np.asarray(sample_weight, float)[there]
    fold = _folds(
        target[there] if labelled else int(there.sum()),
        _rows(folds, there, "folds"),
        seed,
        _rows(groups, there, "groups"),
        counts,
    )
    scores, target, weights = scores[there], target[there], weights[there]
    settings: dict[str, Any] = {"family": family, "l1_ratio": l1_ratio, "lower": lower}
    strengths = check_grid(n_lams, lam_min_ratio, lams)
    if strengths is None:
        top = lam_max(scores, target, sample_weight=weights, **settings)
        strengths = grid(top, n_lams, lam_min_ratio)
    parts = [fold == f for f in np.unique(fold[fold != ALWAYS_FITTED])]
    means, necs = np.empty((len(parts), len(strengths))), np.empty((len(parts), len(strengths)))
    for f, held in enumerate(parts):
        fitted = weights[~held]
        path = elastic_net_path(
            scores[~held], target[~held], lams=strengths, tol=tol, sample_weight=fitted, **settings
        )
        means[f] = _mean_scores(path, scores[held], target[held], weights[held], measure)
        necs[f] = path.nec
    shares = np.array([weights[held].sum() for held in parts])
    mean, error = _over_folds(means, shares)
    best, index = _choose(mean, error, strengths, rule)
    record = CrossValidation(
        lam=float(strengths[index]),
        index=index,
        best_index=best,
        rule=rule,
        measure=measure,
        lams=strengths.tolist(),
        nec=necs.mean(axis=0).tolist(),
        score=mean.tolist(),
        standard_error=error.tolist(),
        n_folds=len(parts),
        n_held_out=int((fold != ALWAYS_FITTED).sum()),
        seed=seed,
    )
    return record.lam, record


def _rows(values: ArrayLike | None, there: NDArray[np.bool_], name: str) -> Any:
    """Return the entries of existing rows; numbers and None as they are."""
    if values is None or np.ndim(values) == 0:
        return values
    given = np.asarray(values)
    if given.shape != there.shape:
        raise InputError(f"{name} has shape {given.shape}: give one entry for {len(there)} rows")
    return given[there]


def _folds(labels: NDArray | int, folds: Any, seed: int, groups: Any, counts: Array | None) -> Fold:
    """Return the fold of each row, dealt or as given."""
    if np.ndim(folds) == 0:
        fold = assign_folds(labels, folds, seed, groups, counts)
    else:
        fold = folds
        if groups is not None:
            raise InputError("folds gives the fold of each row, and groups is given too: keep one")
        if fold.dtype.kind not in "iu":
            raise InputError(f"folds holds {fold.dtype}: give whole numbers")
    named = np.unique(fold[fold != ALWAYS_FITTED])
    if len(named) < 2:
        raise InputError(f"there are {len(named)} folds with rows to hold out: give at least 2")
    if not isinstance(labels, int | np.integer):
        for name in np.unique(labels):
            inside = np.unique(fold[labels == name])
            if len(inside) == 1 and inside[0] != ALWAYS_FITTED:
                raise InputError(
                    f"fold {inside[0]} holds every row of class {str(name)!r}, which leaves none "
                    "to fit: spread the class over two folds"
                )
    return fold


def _mean_scores(path: Path, Z: Array, y: NDArray, weights: Array, measure: str) -> Array:
    share = weights / weights.sum()
    return np.array([row_scores(path, i, Z, y, measure) @ share for i in range(len(path))])


def _over_folds(means: Array, weights: Array) -> tuple[Array, Array]:
    """Return the mean over folds and its standard error, along the grid."""
    share = weights / weights.sum()
    mean = share @ means
    return mean, np.sqrt(share @ (means - mean) ** 2 / (len(means) - 1))


def _choose(mean: Array, error: Array, lams: Array, rule: str) -> tuple[int, int]:
    """Return the place of the best strength and that of the one chosen."""
    best = max(np.flatnonzero(mean == mean.max()), key=lambda i: lams[i])
    if rule == "min":
        return int(best), int(best)
    near_best = np.flatnonzero(mean >= mean[best] - error[best])
    return int(best), int(max(near_best, key=lambda i: lams[i]))
