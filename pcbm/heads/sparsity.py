"""Heads of an asked NEC: on the path, between its points, by truncation, by a refit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.heads.path import elastic_net_path
from pcbm.heads.selection import select_by_nec
from pcbm.heads.solutions import NEC_THRESHOLD, Path, nec

Array = NDArray[np.float64]

REFIT_RIDGE = 1e-3
CLOSE = 1e-5  # violation over lam between grid points, and relative distance of strengths
ROUNDING = 1e-9  # in the number of coefficients that an NEC asks for


@dataclass(frozen=True)
class Selected:
    """A head that was chosen from a path, or made from it.

    Attributes
    ----------
    coef : (C, K) coefficients; intercept : (C,)
    lam : strength of the penalty that gave the coefficients, or their support
    nec : number of effective concepts of ``coef``
    how : "path", "exact", "truncate" or "refit"
    note : one sentence where the NEC asked for was not met, and why; else None
    """

    coef: Array
    intercept: Array
    lam: float
    nec: float
    how: str = "path"
    note: str | None = None


def at_point(path: Path, index: int) -> Selected:
    """Return one point of a path."""
    return Selected(
        coef=path.coef(index),
        intercept=path.intercepts[index].copy(),
        lam=float(path.lams[index]),
        nec=float(path.nec[index]),
    )


def exact_nec(
    path: Path,
    Z: ArrayLike,
    y: ArrayLike,
    n: float,
    *,
    l1_ratio: float = 0.99,
    sample_weight: ArrayLike | None = None,
    lower: ArrayLike | None = None,
) -> Selected:
    """Return the solution with the largest reachable NEC not above ``n``.

    Between the last point of the path at or below ``n`` and its denser neighbour, further
    strengths are solved by bisection in log lam, warm-started, to a violation of 1e-5 lam, until
    the number of coefficients is the largest that ``n`` allows or the strengths agree to 1e-5.
    Coefficients that enter together (a group, equal columns) can make ``n`` unreachable; ``note``
    says so.

    Parameters
    ----------
    path, Z, y, l1_ratio, sample_weight, lower
        The path, and what `elastic_net_path` made it from.
    n : float

    Raises
    ------
    InputError
        No point of the path has an NEC of at most ``n``.
    """
    best = replace(at_point(path, select_by_nec(path, n)), how="exact")
    wanted = _coefficients(n, len(best.coef))
    bracket = _crossing(path, n)
    if bracket is None or _used(best.coef) >= wanted:
        return replace(best, note=_too_short(best.nec, n, wanted, best.coef))
    sparse, dense = (at_point(path, i) for i in bracket)
    while _used(best.coef) < wanted and np.log(sparse.lam / dense.lam) > CLOSE:
        lam = float(np.sqrt(sparse.lam * dense.lam))
        solved = elastic_net_path(
            Z,
            y,
            family=path.family,
            l1_ratio=l1_ratio,
            lams=[lam],
            tol=CLOSE,
            sample_weight=sample_weight,
            lower=lower,
            start=(sparse.coef, sparse.intercept),
        )
        middle = replace(at_point(solved, 0), how="exact")
        if middle.nec > n:
            dense = middle
            continue
        sparse = middle
        if middle.nec > best.nec:
            best = middle
    if _used(best.coef) == wanted:
        return best
    together = _used(dense.coef) - _used(sparse.coef)
    return replace(
        best,
        note=f"NEC {best.nec:.4g} is the largest reachable at most {n:g}: {together} coefficients "
        f"enter together at lam = {dense.lam:.4g}",
    )


def truncated_nec(path: Path, n: float) -> Selected:
    """Return the first path point whose NEC reaches ``n``, cut to its largest coefficients.

    The ``floor(n C)`` largest in absolute value over the whole matrix are kept, so that the NEC
    is ``n`` wherever n C is whole, with unequal numbers per class; among equals the first rows
    and columns are kept. Intercepts stay. The cut head is no solution for any strength.

    References
    ----------
    The way heads are compared in Srivastava, Yan, Weng, "VLG-CBM: training concept bottleneck
    models with vision-language guidance", NeurIPS 2024, and in its code.
    """
    order = np.argsort(-path.lams, kind="stable")
    enough = [i for i in order if path.nec[i] >= n - ROUNDING]
    source = at_point(path, enough[0] if enough else int(path.nec.argmax()))
    wanted = _coefficients(n, len(source.coef))
    size = np.abs(source.coef).ravel()
    kept = np.zeros(size.shape, bool)
    kept[np.argsort(-size, kind="stable")[:wanted]] = True
    coef = np.where(kept.reshape(source.coef.shape), source.coef, 0.0)
    found = replace(source, coef=coef, nec=nec(coef), how="truncate")
    return replace(found, note=None if enough else _too_short(found.nec, n, wanted, coef))


def refitted(
    point: Selected,
    Z: ArrayLike,
    y: ArrayLike,
    *,
    family: str,
    sample_weight: ArrayLike | None = None,
    tol: float = 1e-3,
    lower: ArrayLike | None = None,
    ridge: float = REFIT_RIDGE,
) -> Selected:
    """Return a head fitted again on the support of ``point``, without the 1-norm.

    Minimises mean loss + ridge/2 ||W||_2^2 over the coefficients that are not zero and the
    intercepts: the relaxed lasso's end. The default ridge of 0.001 hardly shrinks standardised
    columns that are not nearly collinear, and gives separable classes a solution. Other
    parameters as for `elastic_net_path`.

    References
    ----------
    Meinshausen, "Relaxed lasso", Comput. Stat. Data Anal. 52 (2007).
    """
    free = np.abs(point.coef) > NEC_THRESHOLD
    path = elastic_net_path(
        Z,
        y,
        family=family,
        l1_ratio=0.0,
        lams=[ridge],
        tol=tol,
        sample_weight=sample_weight,
        free=free,
        lower=lower,
        start=(np.where(free, point.coef, 0.0), point.intercept),
    )
    return replace(at_point(path, 0), lam=point.lam, how="refit", note=point.note)


def _used(coef: Array) -> int:
    return int((np.abs(coef) > NEC_THRESHOLD).sum())


def _coefficients(n: float, rows: int) -> int:
    """Return the largest number of coefficients whose NEC is not above ``n``."""
    return int(np.floor(n * rows + ROUNDING))


def _crossing(path: Path, n: float) -> tuple[int, int] | None:
    """Return the last neighbours between which the NEC of the path rises above ``n``."""
    order = np.argsort(-path.lams, kind="stable")
    above = path.nec[order] > n
    rises = np.flatnonzero(~above[:-1] & above[1:])
    return None if not len(rises) else (int(order[rises[-1]]), int(order[rises[-1] + 1]))


def _too_short(found: float, n: float, wanted: int, coef: Array) -> str | None:
    if _used(coef) >= min(wanted, coef.size):
        return None
    return f"the path ends at NEC {found:.4g}, below {n:g}: lower lam_min_ratio for a denser head"
