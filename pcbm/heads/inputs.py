"""From what a caller gives to a checked problem."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError, near
from pcbm.heads.datafits import Datafit, Gaussian, Logistic, Multinomial
from pcbm.heads.problem import Problem

Array = NDArray[np.float64]

COPY_UP_TO = 1 << 20  # entries of Z that are copied without a thought
CENTRED = 1e-6  # mean over largest entry, up to which a column counts as centred

FAMILIES = ("multinomial", "grouped", "binomial", "multilabel", "gaussian")


def check_problem(
    Z: ArrayLike,
    y: ArrayLike,
    family: str,
    sample_weight: ArrayLike | None,
    offset: ArrayLike | None,
    free: ArrayLike | None,
) -> tuple[Problem, NDArray | None]:
    """Return the problem and its classes (None for multilabel and gaussian)."""
    if family not in FAMILIES:
        raise InputError(f"family={family!r} is unknown: {near(str(family), FAMILIES)}")
    Z = check_scores(Z)
    target = np.asarray(y)
    if len(target) != len(Z) or target.ndim not in (1, 2):
        raise InputError(
            f"y has shape {target.shape} for {len(Z)} rows of Z: give one label per row"
        )
    weights = check_weights(sample_weight, len(Z))
    if offset is not None:
        offset = np.asarray(offset, float).reshape(len(Z), -1)
    kept = weights > 0
    if not kept.all():
        Z, target, weights = Z[kept], target[kept], weights[kept]
        offset = None if offset is None else offset[kept]
    datafit, classes = _datafit(target, family, weights)
    rows, width = datafit.n_rows, Z.shape[1]
    features, means = _feature_major(Z, weights)
    return (
        Problem(
            features=features,
            means=means,
            datafit=datafit,
            free=_check_free(free, rows, width),
            offset=None if offset is None else _check_offset(offset, rows),
        ),
        classes,
    )


def _feature_major(Z: Array, weights: Array) -> tuple[NDArray, Array]:
    """Return features (K, n) and the means that were subtracted.

    Columns that are centred already are taken as they lie, without a copy; so are few columns
    never: a contiguous copy of them is quicker to use.
    """
    means = weights @ Z
    spread = np.abs(Z).max(axis=0)
    if Z.size > COPY_UP_TO and (np.abs(means) <= CENTRED * spread).all():
        return Z.T, np.zeros_like(means)
    features = np.array(Z.T, order="C")
    features -= means[:, None]
    rest = features @ weights  # what rounding left in the means
    return features - rest[:, None], means + rest


def check_scores(Z: ArrayLike) -> Array:
    """Return ``Z`` as a finite float64 matrix with at least one row and one column."""
    scores = np.asarray(Z, float)
    if scores.ndim != 2 or 0 in scores.shape:
        raise InputError(
            f"Z has shape {scores.shape}: give a matrix of n rows and K concept scores"
        )
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise InputError(f"Z holds {bad} values that are NaN or infinite: remove those rows")
    return scores


def check_weights(sample_weight: ArrayLike | None, n: int) -> Array:
    """Return weights (n,) that sum to one."""
    if sample_weight is None:
        return np.full(n, 1.0 / n)
    weights = np.asarray(sample_weight, float)
    if weights.shape != (n,):
        raise InputError(f"sample_weight has shape {weights.shape}: give one weight for {n} rows")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise InputError("sample_weight holds negative or non-finite values: give weights >= 0")
    total = weights.sum()
    if total == 0:
        raise InputError("every sample_weight is zero: give at least one row a positive weight")
    return weights / total


def check_fixed(
    problem: Problem, l1_ratio: float, tol: float, penalty_factor: ArrayLike | None
) -> Array:
    """Check the settings of the penalty; return the factors (K,)."""
    if not 0 <= l1_ratio <= 1:
        raise InputError(f"l1_ratio={l1_ratio}: give a number from 0 to 1")
    if not tol > 0:
        raise InputError(f"tol={tol}: give a positive number")
    width = problem.shape[1]
    if penalty_factor is None:
        return np.ones(width)
    factor = np.asarray(penalty_factor, float)
    if factor.shape != (width,) or not np.isfinite(factor).all() or (factor < 0).any():
        raise InputError(
            f"penalty_factor has shape {factor.shape}: give {width} non-negative numbers"
        )
    return factor


def _datafit(target: NDArray, family: str, weights: Array) -> tuple[Datafit, NDArray | None]:
    if family in ("multinomial", "grouped", "binomial"):
        if target.ndim != 1:
            raise InputError(f"y has shape {target.shape}: family {family!r} takes (n,) labels")
        classes, labels = np.unique(target, return_inverse=True)
        if len(classes) < 2:
            raise InputError(
                f"y holds only the class {str(classes[0])!r}: a classifier needs two or more"
            )
        if family != "binomial":
            return Multinomial(labels, weights, len(classes)), classes
        if len(classes) != 2:
            raise InputError(f"y holds {len(classes)} classes: family 'binomial' takes two")
        return Logistic(labels[None].astype(float), weights), classes
    values = target.astype(float)
    values = np.ascontiguousarray(values.reshape(len(values), -1).T)
    if not np.isfinite(values).all():
        raise InputError("y holds values that are NaN or infinite: remove those rows")
    if family == "gaussian":
        return Gaussian(values, weights), None
    if not np.isin(values, (0, 1)).all():
        raise InputError("y holds values other than 0 and 1: family 'multilabel' takes (n, C) 0/1")
    return Logistic(values, weights), None


def _check_free(free: ArrayLike | None, rows: int, width: int) -> NDArray[np.bool_]:
    if free is None:
        return np.ones((rows, width), bool)
    mask = np.asarray(free)
    if mask.shape != (rows, width) or mask.dtype != bool:
        raise InputError(
            f"free is {mask.dtype} of shape {mask.shape}: give booleans of shape {(rows, width)}"
        )
    return mask


def _check_offset(offset: Array, rows: int) -> Array:
    if offset.shape[1] != rows or not np.isfinite(offset).all():
        raise InputError(
            f"offset has {offset.shape[1]} columns or non-finite values: give {rows} finite ones"
        )
    return np.ascontiguousarray(offset.T)
