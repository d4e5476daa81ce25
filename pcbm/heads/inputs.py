"""From what a caller gives to a checked problem."""

from __future__ import annotations

import numbers

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from pcbm.errors import InputError, near
from pcbm.heads.datafits import Datafit, Gaussian, Logistic, Multinomial
from pcbm.heads.penalties import Box, ElasticNet
from pcbm.heads.problem import Passes, Problem
from pcbm.heads.rows import Read, Rows, Source, parts, streamed
from pcbm.heads.survey import Survey, as_source, refuse_not_finite, survey

Array = NDArray[np.float64]

COPY_UP_TO = 1 << 20  # entries of Z that are copied without a thought
WIDEST, NARROWEST = 1e10, 1e-10  # half the span of a column; the second, of the widest column
LARGEST_TARGET = 1e100  # of numbers to predict: their squares must be finite
LARGEST_OFFSET = 1e6  # of log odds, from their mean: beyond it steps are lost in rounding
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
    check_family(family)
    source = as_source(Z)
    n, width = source.shape
    target = check_target(y, n)
    weights = check_weights(sample_weight, n)
    if offset is not None:
        offset = _offset_columns(offset, n)
    found = survey(source, weights)
    _check_reach(found)
    exists = weights > 0
    kept = None if exists.all() else np.flatnonzero(exists)
    if kept is not None:
        target, weights = target[kept], weights[kept]
        offset = None if offset is None else offset[kept]
    datafit, classes = datafit_of(target, family, weights)
    shift = None
    if offset is not None:
        offset, shift = _check_offset(offset, datafit)
    return (
        Problem(
            features=_features(source, found, kept),
            datafit=datafit,
            free=_check_free(free, datafit.n_rows, width),
            offset=offset,
            shift=shift,
            constant=found.constant,
            passes=Passes(1),  # the survey
        ),
        classes,
    )


def _check_reach(found: Survey) -> None:
    """Refuse columns whose squares, or whose slopes beside those of the intercepts, are lost."""
    widest = float(found.reach.max())
    if widest > WIDEST:
        raise InputError(
            f"Z has a column that spans {2 * widest:.3g}: standardise the columns, see "
            "pcbm.heads.standardise"
        )
    if 0 < widest < NARROWEST:
        raise InputError(
            f"no column of Z spans more than {2 * widest:.3g}: standardise the columns, see "
            "pcbm.heads.standardise"
        )


def check_family(family: str) -> None:
    """Refuse the name of a family that does not exist."""
    if family not in FAMILIES:
        raise InputError(f"family={family!r} is unknown: {near(str(family), FAMILIES)}")


def _features(source: Source, found: Survey, kept: NDArray[np.intp] | None) -> Rows:
    """Return the centred columns: a copy of small data in memory, else read where they lie.

    Columns of large data that are centred already are taken to be so.
    """
    rows = Read(source, found.means, kept)
    width, n = rows.shape
    if n * width <= COPY_UP_TO and not streamed(source):
        return rows.over(np.arange(width), np.float64)
    if (np.abs(found.means) <= CENTRED * found.largest).all():
        return Read(source, np.zeros(width), kept)
    return rows


def refuse_complex(X: object) -> None:
    """Raise InputError if ``X`` holds complex numbers, in one line unlike scikit-learn's."""
    if getattr(getattr(X, "dtype", None), "kind", "") == "c":
        raise InputError("Complex data not supported: give real numbers, such as X.real")


def check_target(y: ArrayLike, n: int) -> NDArray:
    """Return ``y`` as an array of n rows, without missing values."""
    if y is None:
        raise InputError("y is None: give one label per row of Z")
    if issparse(y):
        raise InputError("y is a sparse matrix: give y.toarray()")
    target = np.asarray(y)
    if target.ndim not in (1, 2) or len(target) != n:
        raise InputError(f"y has shape {target.shape} for {n} rows of Z: give one label per row")
    if target.dtype.kind == "f" and not np.isfinite(target).all():
        raise InputError("y holds values that are NaN or infinite: remove those rows")
    if target.dtype.kind == "c":
        raise InputError("y holds complex numbers: give labels, or real numbers")
    if target.dtype.kind == "O" and any(label is None for label in target.flat):
        raise InputError("y holds None: remove those rows")
    return target


def _floats(values: ArrayLike, name: str) -> Array:
    """Return an array of floats, or say that ``name`` holds something else."""
    try:
        given = np.asarray(values)
        if given.dtype.kind == "c":
            raise TypeError
        return np.asarray(given, float)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} holds values that are not numbers, or rows of unequal length: give numbers"
        ) from None


def _offset_columns(offset: ArrayLike, n: int) -> Array:
    """Return an offset as (n, C); (n,) is one column."""
    columns = _floats(offset, "offset")
    columns = columns[:, None] if columns.ndim == 1 else columns
    if columns.ndim != 2 or len(columns) != n:
        raise InputError(
            f"offset has shape {np.shape(offset)} for {n} rows of Z: give ({n}, C), one row each"
        )
    return columns


def check_scores(Z: ArrayLike) -> NDArray:
    """Return ``Z`` as a finite matrix in memory with at least one row and one column.

    Numbers of any real type stay as they are.
    """
    scores = np.asarray(as_source(Z))
    rows = Read(scores, np.zeros(scores.shape[1]))
    refuse_not_finite(sum(int((~np.isfinite(scores[part])).sum()) for part in parts(rows)))
    return scores


def check_weights(sample_weight: ArrayLike | None, n: int) -> Array:
    """Return weights (n,) that sum to one."""
    if sample_weight is None:
        return np.full(n, 1.0 / n)
    weights = _floats(sample_weight, "sample_weight")
    if weights.shape != (n,):
        raise InputError(f"sample_weight has shape {weights.shape}: give one weight for {n} rows")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise InputError("sample_weight holds negative or non-finite values: give weights >= 0")
    largest = weights.max()
    if largest == 0:
        raise InputError("every sample_weight is zero: give at least one row a positive weight")
    weights = weights / largest  # whose sum is finite
    return weights / weights.sum()


def check_penalty(
    problem: Problem,
    family: str,
    l1_ratio: float,
    penalty_factor: ArrayLike | None,
    lower: ArrayLike | None,
    upper: ArrayLike | None,
) -> ElasticNet:
    """Return the penalty that a caller asks for, but for its strength."""
    if not isinstance(l1_ratio, numbers.Real) or not 0 <= l1_ratio <= 1:
        raise InputError(f"l1_ratio={l1_ratio!r}: give a number from 0 to 1")
    factor = _check_factor(penalty_factor, problem.shape[1])
    box, free, grouped = _check_box(lower, upper, problem.shape), problem.free, family == "grouped"
    if box is not None:
        if grouped:
            raise InputError(
                "family 'grouped' takes no lower or upper: use 'multinomial', or free for zeros"
            )
        free = free & (box.lower < box.upper)
    return ElasticNet(float(l1_ratio), factor, free, grouped, box)


def _check_box(
    lower: ArrayLike | None, upper: ArrayLike | None, shape: tuple[int, int]
) -> Box | None:
    """Return the bounds; None where nothing is bounded."""
    rows, width = shape
    found = []
    for name, given, none in (("lower", lower, -np.inf), ("upper", upper, np.inf)):
        bounds = _floats(none if given is None else given, name)
        if bounds.shape not in ((), (width,), shape):
            raise InputError(
                f"{name} has shape {bounds.shape}: give a number, ({width},) or ({rows}, {width})"
            )
        if not (bounds * np.sign(none) >= 0).all():
            raise InputError(
                f"{name} holds NaN or numbers {'above' if none < 0 else 'below'} zero: "
                "bounds must allow zero, give lower <= 0 <= upper"
            )
        found.append(np.broadcast_to(bounds, shape))
    return None if all(np.isinf(bounds).all() for bounds in found) else Box(*found)


def check_tol(tol: float) -> None:
    """Refuse a tolerance that is not positive and finite."""
    if not isinstance(tol, numbers.Real) or not 0 < tol < np.inf:
        raise InputError(f"tol={tol!r}: give a positive number")


def check_max_iter(max_iter: int) -> None:
    """Refuse a cap on iterations that is no number of them."""
    if not isinstance(max_iter, numbers.Integral) or max_iter < 1:
        raise InputError(f"max_iter={max_iter!r}: give a whole number of at least 1")


def _check_factor(penalty_factor: ArrayLike | None, width: int) -> Array:
    if penalty_factor is None:
        return np.ones(width)
    factor = _floats(penalty_factor, "penalty_factor")
    if factor.shape != (width,):
        raise InputError(f"penalty_factor has shape {factor.shape}: give {width} numbers")
    if not np.isfinite(factor).all() or (factor < 0).any():
        raise InputError("penalty_factor holds negative or non-finite numbers: give numbers >= 0")
    return factor


def check_grid(n_lams: int, lam_min_ratio: float, lams: ArrayLike | None) -> Array | None:
    """Check what makes the grid of a path; return given strengths as an array."""
    if lams is None:
        if not isinstance(n_lams, numbers.Integral) or n_lams < 1:
            raise InputError(f"n_lams={n_lams!r}: give a whole number of at least 1")
        if not isinstance(lam_min_ratio, numbers.Real) or not 0 < lam_min_ratio <= 1:
            raise InputError(f"lam_min_ratio={lam_min_ratio!r}: give a number above 0, at most 1")
        return None
    return check_lams(lams)


def check_lams(lams: ArrayLike) -> Array:
    """Return strengths (L,) that are positive and finite."""
    strengths = _floats(lams, "lams")
    if strengths.ndim != 1 or not len(strengths):
        raise InputError(f"lams has shape {strengths.shape}: give a list of at least one number")
    if not (np.isfinite(strengths) & (strengths > 0)).all():
        raise InputError("lams holds numbers that are not positive and finite: give such numbers")
    return strengths


def check_lam(lam: float) -> None:
    """Refuse a strength that is not positive and finite."""
    if not isinstance(lam, numbers.Real) or not 0 < lam < np.inf:
        raise InputError(f"lam={lam!r}: give a positive number")


def check_point(
    problem: Problem, coef: ArrayLike, intercept: ArrayLike, what: str
) -> tuple[Array, Array]:
    """Return coefficients (C, K) and intercepts (C,) that fit a problem."""
    found = np.atleast_2d(_floats(coef, what)), np.atleast_1d(_floats(intercept, what))
    shapes = problem.shape, problem.shape[:1]
    if tuple(part.shape for part in found) != shapes:
        raise InputError(
            f"{what} has coefficients {found[0].shape} and intercepts {found[1].shape}: "
            f"give {shapes[0]} and {shapes[1]}"
        )
    if not all(np.isfinite(part).all() for part in found):
        raise InputError(f"{what} holds values that are NaN or infinite: give finite numbers")
    return found


def check_start(problem: Problem, start: object) -> tuple[Array, Array]:
    """Return the coefficients (C, K) and intercepts (C,) that a caller wants to start from."""
    if not isinstance(start, tuple | list) or len(start) != 2:
        parts_of = f" of {len(start)}" if isinstance(start, tuple | list) else ""
        raise InputError(
            f"start is a {type(start).__name__}{parts_of}: give a pair, coefficients "
            f"{problem.shape} and intercepts {problem.shape[:1]}"
        )
    coef, intercept = start
    return check_point(problem, coef, intercept, "start")


def datafit_of(target: NDArray, family: str, weights: Array) -> tuple[Datafit, NDArray | None]:
    """Return the loss of a family for its targets, and the classes where there are any."""
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
    values = _floats(target, "y")
    values = np.ascontiguousarray(values.reshape(len(values), -1).T)
    if not np.isfinite(values).all():
        raise InputError("y holds values that are NaN or infinite: remove those rows")
    if family == "gaussian":
        largest = float(np.abs(values).max())
        if largest > LARGEST_TARGET or 0 < largest < 1 / LARGEST_TARGET:
            raise InputError(f"y holds numbers of size {largest:.3g}: scale them towards one")
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


def _check_offset(offset: Array, datafit: Datafit) -> tuple[Array, Array]:
    """Return an offset (C, n) with weighted means of zero, and the means (C,).

    What a softmax does not see, the mean over its rows, is taken off too.
    """
    rows = datafit.n_rows
    if offset.shape[1] != rows:
        raise InputError(f"offset has {offset.shape[1]} columns: give {rows}, one for each row")
    bad = int((~np.isfinite(offset)).sum())
    if bad:
        raise InputError(f"offset holds {bad} values that are NaN or infinite: remove those rows")
    if datafit.coupled:
        offset = offset - offset.mean(axis=1, keepdims=True)
    shift = np.einsum("i,ik->k", datafit.weights, offset)  # the same on any number of threads
    centred = np.ascontiguousarray((offset - shift).T)
    largest = float(np.abs(centred).max())
    if largest > LARGEST_OFFSET and not isinstance(datafit, Gaussian):
        raise InputError(
            f"offset lies up to {largest:.3g} from its mean: it adds to log odds, and beyond "
            f"{LARGEST_OFFSET:g} they are mere rounding, so scale or clip it"
        )
    return centred, shift
