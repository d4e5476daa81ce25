"""The settings of the estimators: their checks, and class weights."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight

from pcbm.errors import InputError, near
from pcbm.heads.backends.abilities import check_solver

Array = NDArray[np.float64]

SELECTIONS = ("bic", "ebic", "cv", "cv_1se")
NEC_RULES = ("path", "exact", "truncate", "refit")


def check_settings(head: Any) -> None:
    """Raise InputError when a constructor parameter of ``head`` is of the wrong kind or range."""
    if head.lam is not None and head.concepts_per_class is not None:
        raise InputError("lam and concepts_per_class are both given: give one of them")
    for name, known in (("selection", SELECTIONS), ("nec_rule", NEC_RULES)):
        given = getattr(head, name)
        if given not in known:
            raise InputError(f"{name}={given!r} is unknown: {near(str(given), known)}")
    check_solver(head.solver)
    if head.solver == "sgd" and head.lam is None:
        raise InputError(
            "solver='sgd' fits one strength: give lam, the official code's --lam (its default is "
            "1e-5, its README uses 2e-4)"
        )
    if head.nec_rule != "path" and head.concepts_per_class is None:
        raise InputError(
            f"nec_rule={head.nec_rule!r} says how concepts_per_class is met: give that too"
        )
    if not isinstance(head.nonnegative, bool | np.bool_):
        raise InputError(f"nonnegative={head.nonnegative!r}: give True or False")
    _number("lam", head.lam, low=0.0, open_low=True, optional=True)
    _number("concepts_per_class", head.concepts_per_class, low=0.0, optional=True)
    _number("l1_ratio", head.l1_ratio, low=0.0, high=1.0)
    _number("lam_min_ratio", head.lam_min_ratio, low=0.0, high=1.0, open_low=True)
    _number("tol", head.tol, low=0.0, open_low=True)
    for name, low in (("n_lams", 1), ("random_state", 0)):
        given = getattr(head, name)
        if not isinstance(given, numbers.Integral) or given < low:
            raise InputError(f"{name}={given!r}: give a whole number of at least {low}")


def _number(
    name: str,
    value: object,
    *,
    low: float,
    high: float = np.inf,
    open_low: bool = False,
    optional: bool = False,
) -> None:
    if value is None and optional:
        return
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    size = float(value) if real else np.nan  # type: ignore[arg-type]
    if not ((low < size if open_low else low <= size) and size <= high and np.isfinite(size)):
        span = f"{'above' if open_low else 'of at least'} {low:g}"
        span += f" and at most {high:g}" if high < np.inf else ""
        raise InputError(f"{name}={value!r}: give a number {span}")


def class_weighted(
    class_weight: dict | str | None, y: NDArray, weights: Array | None
) -> Array | None:
    """Return sample weights (n,) with the factors of the classes; None where there are neither.

    Raises
    ------
    InputError
        Class weights for multilabel targets.
    """
    if class_weight is None:
        return weights
    if y.ndim == 2 and y.shape[1] > 1:
        raise InputError("class_weight does not serve multilabel targets: use sample_weight")
    factors = compute_sample_weight(class_weight, y.reshape(len(y)))
    return factors if weights is None else factors * weights
