"""Heads of an asked NEC: on the path, between its points, by truncation, by a refit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.heads.path import elastic_net_path
from pcbm.heads.selection import select_by_nec
from pcbm.heads.solutions import NEC_THRESHOLD, Path, nec

Array = NDArray[np.float64]

REFIT_RIDGE = 1e-5  # shrinks what concepts that correlate by .99 tell apart by about a hundredth
CLOSE = 1e-5  # violation over lam between grid points, and relative distance of strengths
FAR_SHORT = 0.9  # share of the NEC asked for below which a path point needs a word
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
    kkt : largest violation over the strength it was fitted with; None for a cut head, which solves
        no problem
    note : one sentence where the NEC asked for was not met, and why; else None
    """

    coef: Array
    intercept: Array
    lam: float
    nec: float
    how: str = "path"
    note: str | None = None
    kkt: float | None = None


def at_point(path: Path, index: int) -> Selected:
    """Return one point of a path."""
    return Selected(
        coef=path.coef(index),
        intercept=path.intercepts[index].copy(),
        lam=float(path.lams[index]),
        nec=float(path.nec[index]),
        kkt=float(path.kkt[index]),
    )


def on_path(path: Path, n: float, lower: ArrayLike | None = None) -> Selected:
    """Return the point of the path with the largest NEC not above ``n``.

    ``note`` says so where the point is more than a tenth short of what can be reached, because the
    path ends there or because its next point is above ``n``.

    Parameters
    ----------
    path : Path
    n : float
    lower : optional
        The bounds of the path's coefficients, if any.

    Raises
    ------
    InputError
        No point of the path has an NEC of at most ``n``.
    """
    found = at_point(path, select_by_nec(path, n))
    rows, width = found.coef.shape
    if found.nec >= FAR_SHORT * min(n, nec_ceiling(rows, width, path.family, lower)):
        return found
    if path.nec.max() <= n:
        return replace(found, note=_too_short(found, path.family, n, lower))
    denser = path.nec[path.nec > n].min()
    return replace(
        found,
        note=f"NEC {found.nec:.4g} for {n:g}: the next point of the path has {denser:.4g}, and the "
        "rule 'exact' looks between them",
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
        return replace(best, note=_too_short(best, path.family, n, lower))
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
    found = replace(source, coef=coef, nec=nec(coef), how="truncate", kkt=None)
    return replace(found, note=None if enough else _too_short(found, path.family, n))


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
    intercepts: the relaxed lasso's end. The default ridge of 1e-5 gives separable classes a
    solution and is otherwise hardly felt: along a direction of standardised columns with variance
    v, coefficients shrink by about ridge / (ridge + v p (1 - p)), a hundredth for two concepts
    that correlate by .99 at p (1 - p) = .1. Other parameters as for `elastic_net_path`.

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


def nec_ceiling(rows: int, width: int, family: str, lower: ArrayLike | None = None) -> float:
    """Return the largest NEC that a head of this shape can be expected to reach.

    All K concepts; but the rows of a softmax may shift together for each concept, and the shift of
    least 1-norm puts one of an odd number of coefficients at zero, as it does with coefficients
    that may not be negative: K (C - 1) / C. A small ``l1_ratio`` can get above it.
    """
    shifts = family == "multinomial" and (rows % 2 == 1 or lower is not None)
    return width * (rows - 1) / rows if shifts else float(width)


def _too_short(
    found: Selected, family: str, n: float, lower: ArrayLike | None = None
) -> str | None:
    """Say why the densest point of a path has an NEC below ``n``; None if it has not."""
    rows, width = found.coef.shape
    if _used(found.coef) >= _coefficients(n, rows):
        return None
    told = f"the path ends at NEC {found.nec:.4g}, below {n:g}: "
    if n > width:
        return f"{told}there are only {width} concepts"
    ceiling = nec_ceiling(rows, width, family, lower)
    if n > ceiling:
        return (
            f"{told}with {width} concepts and {rows} classes {ceiling:.4g} is the most to expect, "
            "because the penalty keeps one coefficient of each concept at zero"
        )
    return f"{told}lower lam_min_ratio for a denser head"
