r"""Edits that change the concepts themselves: merging them, and clearing one out of the others.

Both are linear maps of the concept scores. With S (n, K) the scores before, the scores after are
``S @ mix``, and the coefficients after are ``coef @ carry``. What the maps need of the training
data are second moments alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pcbm.errors import InputError, quoted

RCOND = 1e-10
CONSTANT = 1e-12
"""Share of the standardising variance below which a score does not vary within the classes."""
NOTHING_LEFT = 1e-6
"""Share of a score's variance below which only the rounding of float32 activations remains."""


@dataclass(frozen=True)
class ScoreMoments:
    """Second moments of concept scores over training rows.

    Attributes
    ----------
    cov : ndarray of shape (K, K)
        Covariance (1/n, weighted).
    within : ndarray of shape (K, K)
        Covariance of what labels leave unexplained: within the classes; for multilabel and
        regression, of the residuals of a least-squares fit on the labels.
    """

    cov: np.ndarray
    within: np.ndarray

    def mixed(self, mix: np.ndarray) -> ScoreMoments:
        """Return the moments of the scores ``S @ mix``."""
        return ScoreMoments(mix.T @ self.cov @ mix, mix.T @ self.within @ mix)


def score_moments(
    scores: np.ndarray, y: np.ndarray, *, by_class: bool, weight: np.ndarray | None = None
) -> ScoreMoments:
    """Return the second moments of training scores.

    Parameters
    ----------
    scores : ndarray of shape (n, K)
        Not standardised.
    y : ndarray of shape (n,) or (n, C)
        Class labels, or numbers.
    by_class : bool
        Whether ``y`` holds class labels.
    weight : ndarray of shape (n,), optional
    """
    share = np.ones(len(scores)) if weight is None else np.asarray(weight, dtype=float)
    root = np.sqrt(share / share.sum())[:, None]
    if by_class:
        design = (np.unique(y)[None, :] == y[:, None]).astype(float)
    else:
        design = np.column_stack([np.ones(len(y)), np.asarray(y, float).reshape(len(y), -1)])
    centred = (scores - (root**2 * scores).sum(axis=0)) * root
    fitted, *_ = np.linalg.lstsq(design * root, centred, rcond=None)
    left = centred - design * root @ fitted
    return ScoreMoments(centred.T @ centred, left.T @ left)


@dataclass(frozen=True)
class Merged:
    """How several concepts become one.

    Attributes
    ----------
    mix, carry : ndarray of shape (K, K')
        Maps of scores and coefficients; the merged concept stands where the first part stood.
    std : float
        Training deviation of the merged score.
    correlation : tuple of float
        That of each part with the merged score, in the order of the parts.
    place : int
        The merged concept's column.
    kept : ndarray of int, shape (K',)
        The old column of each new one; -1 for the merged one.
    """

    mix: np.ndarray
    carry: np.ndarray
    std: float
    correlation: tuple[float, ...]
    place: int
    kept: np.ndarray


def merge(
    names: Sequence[str], columns: Sequence[int], scale: np.ndarray, moments: ScoreMoments
) -> Merged:
    r"""Make one concept of several.

    The merged score is the sum of the parts' scores, each divided by its own training deviation,
    so that each has the same say: direction sum_i v_i / scale_i, intercept sum_i b_i / scale_i. Its
    coefficient is the least-squares one: with r_i the correlation of part i with the merged score
    on train, w = sum_i w_i r_i makes the standardised merged score times w the closest to
    sum_i w_i z_i. Logits stay exactly equal where the parts are copies of each other, or where
    their coefficients in a row are all the same; else what the parts said against each other
    is lost.

    Parameters
    ----------
    names : sequence of str, length K
    columns : sequence of int
        The parts.
    scale : ndarray of shape (K,)
    moments : ScoreMoments
        Of the scores before.

    Raises
    ------
    InputError
        The parts cancel each other.
    """
    parts, place = list(columns), min(columns)
    kept = np.array([j for j in range(len(names)) if j not in set(parts)], dtype=int)
    kept = np.insert(kept, int(np.searchsorted(kept, place)), -1)
    at = int(np.flatnonzero(kept == -1)[0])
    mix = np.zeros((len(names), len(kept)))
    others = kept >= 0
    mix[kept[others], np.flatnonzero(others)] = 1.0
    carry = mix.copy()
    mix[parts, at] = 1.0 / scale[parts]
    direction = mix[:, at]
    together = moments.cov @ direction
    variance = float(direction @ together)
    if variance <= NOTHING_LEFT * len(parts) ** 2:
        raise InputError(
            f"{quoted([names[j] for j in parts])} cancel each other when merged: their scores "
            "are opposites or constant; rename or zero one of them instead"
        )
    std = float(np.sqrt(variance))
    correlation = together[parts] / (scale[parts] * std)
    carry[parts, at] = correlation
    return Merged(mix, carry, std, tuple(correlation.tolist()), at, kept)


def share_kept(coef: np.ndarray, merged: Merged, cov: np.ndarray, scale: np.ndarray) -> float:
    """Return the part of the logits' variance (over the parts, all rows) that a merge keeps.

    1 where nothing is lost, or where the parts had no coefficients.
    """
    parts = np.flatnonzero(merged.mix[:, merged.place])
    weights = coef[:, parts] / scale[parts]
    spread = np.einsum("ck,kl,cl->", weights, cov[np.ix_(parts, parts)], weights)
    carried = coef[:, parts] @ merged.carry[parts, merged.place]
    return 1.0 if spread <= 0 else float(min((carried**2).sum() / spread, 1.0))


@dataclass(frozen=True)
class Cleared:
    """How scores lose what they share with removed concepts.

    Attributes
    ----------
    mix : ndarray of shape (K, K)
    shared : ndarray of shape (K,)
        Part of each score's within-class variance that the removed concepts explain, in [0, 1].
    copies : ndarray of bool, shape (K,)
        Concepts of which nothing would be left; they keep their scores and lose coefficients.
    """

    mix: np.ndarray
    shared: np.ndarray
    copies: np.ndarray


def orthogonalise(removed: Sequence[int], scale: np.ndarray, moments: ScoreMoments) -> Cleared:
    r"""Clear every other score of what it shares with the removed concepts within the classes.

    s_j becomes s_j - sum_r beta_jr s_r, where beta = W_jR W_RR^+ and W is the within-class
    covariance on train, so that Cov(s_j, s_r | class) = 0 after it. In directions: v_j loses
    sum_r beta_jr v_r, and b_j likewise.

    Why within classes: a spurious cue is tied to the class in training, so the plain covariance of
    a useful concept with the cue is mostly that of both with the class, and removing it turns the
    model against the cue. Removing v_r from v_j in the plain geometry (beta from v_j . v_r) does
    not move scores apart where activations are correlated, as they are.

    Scores that do not vary within the classes stay as they are, and clear nothing.

    Parameters
    ----------
    removed : sequence of int
        Columns of the removed concepts.
    scale : ndarray of shape (K,)
        What the scores are standardised with.
    moments : ScoreMoments
    """
    within = moments.within
    vary = np.diag(within) > CONSTANT * scale**2
    gone = np.array([j for j in removed if vary[j]], dtype=int)
    others = np.setdiff1d(np.flatnonzero(vary), gone)
    root = np.sqrt(np.diag(within)[gone])
    inverse = np.linalg.pinv(
        within[np.ix_(gone, gone)] / np.outer(root, root), rcond=RCOND, hermitian=True
    )
    slope = inverse / np.outer(root, root) @ within[np.ix_(gone, others)]
    explained = (slope * within[np.ix_(gone, others)]).sum(axis=0)
    share = explained / np.diag(within)[others]
    mix, shared = np.eye(len(within)), np.zeros(len(within))
    shared[others] = np.clip(share, 0.0, 1.0)
    copies = shared > 1 - NOTHING_LEFT
    slope[:, copies[others]] = 0.0
    mix[np.ix_(gone, others)] = -slope
    return Cleared(mix, shared, copies)
