"""SVCCA: canonical correlations of the directions that carry most of each side."""

from __future__ import annotations

from typing import Literal

from numpy.typing import ArrayLike

from pcbm.analysis.canonical import Canonical, Keep, by_share, of_sides, rank_rules
from pcbm.analysis.cca import no_meaning
from pcbm.analysis.result import RIGID, SYMMETRIC, Comparison
from pcbm.analysis.sides import two_sides
from pcbm.errors import InputError

Share = Literal["squared", "singular"]
POWERS = {"squared": 2, "singular": 1}


def svcca(
    X: ArrayLike, Y: ArrayLike, threshold: float = 0.99, share: Share = "squared"
) -> Comparison:
    """Compare two sides by the mean canonical correlation of their main directions.

    Parameters
    ----------
    X, Y : array-like, shapes (n, p) and (n, q)
        The same rows in the same order.
    threshold : float
        Each side keeps the fewest directions whose share of the sum is at least this.
    share : {"squared", "singular"}
        Whether the sum is of squared singular values, which is the variance, or of the singular
        values themselves, as in the authors' published notebooks.

    Returns
    -------
    Comparison
        `details` holds the directions kept of both sides as ``k``, and the variance they carry. No
        value where they add to more than n - 1.

    References
    ----------
    Raghu, Gilmer, Yosinski, Sohl-Dickstein, "SVCCA: singular vector canonical correlation analysis
    for deep learning dynamics and interpretability", NeurIPS 2017, section 2.
    """
    A, B = two_sides(X, Y, "SVCCA")
    left, right = (share_rule(threshold, share, rank) for rank in rank_rules(A, B, X, Y))
    return summary(of_sides(A, B, (left, right)), threshold, share)


def share_rule(threshold: float, share: Share, within: Keep) -> Keep:
    """Return the rule of how many directions to keep; raises InputError for unknown settings."""
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold of SVCCA was given as {threshold}: it is above 0, up to 1")
    if share not in POWERS:
        raise InputError(f"the share of SVCCA was given as {share!r}: it is squared or singular")
    return by_share(threshold, POWERS[share], within)


def summary(found: Canonical, threshold: float, share: Share) -> Comparison:
    """Return SVCCA from the correlations of the kept directions."""
    reason = no_meaning(found, "kept direction")
    variance = [
        float(side.s @ side.s / side.total) if side.total > 0 else 0.0
        for side in (found.left, found.right)
    ]
    return Comparison(
        metric="svcca",
        value=None if reason else float(found.rho.mean()),
        kind="similarity",
        direction=SYMMETRIC,
        invariances=RIGID,
        n=found.n,
        reason=reason,
        details={
            "k": list(found.k),
            "threshold": threshold,
            "share": share,
            "variance_kept": variance,
        },
    )
