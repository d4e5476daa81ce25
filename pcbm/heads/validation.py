"""What the two estimators share: checked settings, standardised columns, the chosen point."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import compute_sample_weight

from pcbm.errors import InputError
from pcbm.heads.certificates import lam_max
from pcbm.heads.path import elastic_net_path
from pcbm.heads.selection import SLACK, select_by_bic, select_by_lam, select_by_nec
from pcbm.heads.solutions import Path

Array = NDArray[np.float64]


def check_settings(head: Any) -> None:
    """Raise InputError when a constructor parameter of ``head`` is of the wrong kind or range."""
    if head.lam is not None and head.concepts_per_class is not None:
        raise InputError("lam and concepts_per_class are both given: give one of them")
    _number("lam", head.lam, low=0.0, open_low=True, optional=True)
    _number("concepts_per_class", head.concepts_per_class, low=0.0, optional=True)
    _number("l1_ratio", head.l1_ratio, low=0.0, high=1.0)
    _number("lam_min_ratio", head.lam_min_ratio, low=0.0, high=1.0, open_low=True)
    _number("tol", head.tol, low=0.0, open_low=True)
    if not isinstance(head.n_lams, numbers.Integral) or head.n_lams < 1:
        raise InputError(f"n_lams={head.n_lams!r}: give a whole number of at least 1")


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


def fit_path(head: Any, Z: Array, y: NDArray, family: str, weights: Array | None) -> Path:
    """Fit the path that the settings of ``head`` ask for.

    A given lam takes its place among the points of the grid, so the path stays whole.
    """
    settings: dict[str, Any] = {
        "family": family,
        "l1_ratio": head.l1_ratio,
        "sample_weight": weights,
    }
    lams = None
    if head.lam is not None:
        top = lam_max(Z, y, **settings)
        grid = top * np.exp(np.linspace(0, np.log(head.lam_min_ratio), head.n_lams))
        lams = np.sort(np.append(grid[np.abs(grid - head.lam) > SLACK * grid], head.lam))[::-1]
    return elastic_net_path(
        Z,
        y,
        n_lams=head.n_lams,
        lam_min_ratio=head.lam_min_ratio,
        lams=lams,
        tol=head.tol,
        **settings,
    )


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


def choose_point(head: Any, path: Path, Z: Array, y: NDArray, weights: Array | None) -> int:
    """Return the index of the point that the settings of ``head`` ask for; default BIC."""
    if head.lam is not None:
        return select_by_lam(path, head.lam)
    if head.concepts_per_class is not None:
        return select_by_nec(path, head.concepts_per_class)
    return select_by_bic(path, Z, y, weights)
