"""How much of a hybrid's decisions is its residual: accuracies, shares of the margin, repairs.

Pure functions of logits taken apart: those of the concept head, its intercepts included, and
those the residual adds. Rows are samples; columns are classes, one column for two classes
(positive = second class), labels, or targets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pcbm.model.logits import COMPARED, decided
from pcbm.model.metrics import headline
from pcbm.residual import Residual

MOST_WORK = 0.5  # share of the margin's variance above which the residual does most of the work
LITTLE_COST = 0.02  # loss of accuracy or R^2 below which the concepts can be done without
FOLDS = 5
STRENGTHS = np.logspace(-4, 4, 9)

Pair = tuple[np.ndarray, np.ndarray]


def runners(logits: np.ndarray) -> Pair:
    """Return the positions of the best and of the second-best class of each row, (n,) each."""
    order = np.argsort(-logits, axis=1, kind="stable")
    return order[:, 0], order[:, 1]


def margins(part: np.ndarray, total: np.ndarray, family: str) -> np.ndarray:
    """Return what a part (n, C) gives to the margins, (n, 1), or (n, C) for labels and targets.

    The margin is the logit of the class that ``total`` decides for, minus that of its runner-up;
    both are chosen by ``total``, so that the margins of the parts add up to the whole's. Two
    classes with one row have that row as margin (positive = second class), labels and targets
    each their own logit.
    """
    if family not in COMPARED:
        return part
    best, second = runners(total)
    rows = np.arange(len(part))
    return (part[rows, best] - part[rows, second])[:, None]


def margin_shares(
    concepts: np.ndarray, residual: np.ndarray, family: str
) -> dict[str, float] | None:
    """Split the variance of the margin over the two parts of the logits, (n, C) each.

    Every column is centred first, so that no constant counts (intercepts are no work of concepts),
    then m = m_c + m_r are the margins. The shares are ``sum(m m_part) / sum(m^2)``, which for one
    row of two classes is ``Cov(m, m_part) / Var(m)``. They add up to one; a share below zero or
    above one says that the parts work against each other. None when the margin does not vary.
    """
    total = concepts + residual
    parts = [margins(_centred(part), total, family) for part in (concepts, residual)]
    whole = parts[0] + parts[1]
    variance = float(np.square(whole).sum())
    if variance <= np.finfo(float).eps * max(float(np.square(part).sum()) for part in parts):
        return None
    shares = [float((whole * part).sum()) / variance for part in parts]
    return {"concepts": shares[0], "residual": shares[1]}


def repairs(
    truth: np.ndarray, concepts: np.ndarray, residual: np.ndarray, family: str
) -> dict[str, Any] | None:
    """Count what the residual does where the concept part is wrong, and where it is right.

    Returns
    -------
    dict or None for numbers
        ``wrong``, ``right``: decisions of the concept part (multilabel: of single labels);
        ``residual_right``: share of the wrong ones that the residual alone decides right;
        ``repaired``: share of the wrong ones that the sum decides right; ``broken``: share of the
        right ones that the sum decides wrong. A share of nothing is None.
    """
    if family == "gaussian":
        return None
    hit = [decided(part, family) == truth for part in (concepts, residual, concepts + residual)]

    def share(among: np.ndarray, of: np.ndarray) -> float | None:
        return float(of[among].mean()) if among.any() else None

    return {
        "wrong": int((~hit[0]).sum()),
        "right": int(hit[0].sum()),
        "residual_right": share(~hit[0], hit[1]),
        "repaired": share(~hit[0], hit[2]),
        "broken": share(hit[0], ~hit[2]),
    }


def told_by_scores(
    scores: np.ndarray, residual: np.ndarray, total: np.ndarray, family: str, seed: int = 0
) -> float | None:
    """Return the share of the residual's margin variance that concept scores predict linearly.

    A cross-fitted R^2: in five folds, ridge regressions (their strength chosen inside) predict
    every column of the residual (n, C) from the scores (n, K) on rows they were not fitted on.
    It is one minus the sum of squares of their errors' margins over that of the centred
    residual's. One: the residual repeats the concepts. Zero or below: linear readers of the scores
    cannot tell it from its mean. None when it does not vary, or with fewer than ten rows.
    """
    spread = float(np.square(margins(_centred(residual), total, family)).sum())
    if len(scores) < 2 * FOLDS or spread <= np.finfo(float).eps * np.square(residual).sum():
        return None
    reader = make_pipeline(StandardScaler(), RidgeCV(STRENGTHS))
    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    found = cross_val_predict(reader, scores, residual, cv=folds).reshape(residual.shape)
    return 1.0 - float(np.square(margins(residual - found, total, family)).sum()) / spread


def _centred(columns: np.ndarray) -> np.ndarray:
    return columns - columns.mean(axis=0)


def residual_report(
    truth: np.ndarray,
    concepts: np.ndarray,
    residual: np.ndarray,
    intercept: np.ndarray,
    scores: np.ndarray,
    *,
    task: str,
    family: str,
    part: str,
    seed: int = 0,
) -> dict[str, Any]:
    """Return what a residual does beside the concepts, as JSON values.

    Parameters
    ----------
    truth : ndarray, shape (n,) or (n, C)
        Positions of classes, 0/1 for labels, or numbers.
    concepts, residual : ndarray, shape (n, C)
        Logits of the head, with its intercepts, and those the residual adds.
    intercept : ndarray, shape (C,)
        Of the head.
    scores : ndarray, shape (n, K)
    task, family : str
    part : str
        Which rows these are.
    seed : int
        Of the folds of `told_by_scores`.

    Returns
    -------
    dict
        ``rows`` (part, n); ``accuracy`` (``r2``) of ``concepts_only``, ``residual_only``,
        ``with_residual`` and ``without_concepts``: every coefficient zero, the head's intercepts
        kept; ``cost_of_no_concepts``: with_residual - without_concepts; ``margin_share``, see
        `margin_shares`; ``where_concepts_err``, see `repairs`; ``told_by_scores``.
    """
    total = concepts + residual

    def figure(logits: np.ndarray) -> float | None:
        value = headline(truth, decided(logits, family), task)
        return value if np.isfinite(value) else None

    figures = {
        "concepts_only": figure(concepts),
        "residual_only": figure(residual),
        "with_residual": figure(total),
        "without_concepts": figure(residual + intercept),
    }
    whole, bare = figures["with_residual"], figures["without_concepts"]
    return {
        "rows": {"part": part, "n": len(truth)},
        _name(task): figures,
        "cost_of_no_concepts": None if whole is None or bare is None else whole - bare,
        "margin_share": margin_shares(concepts, residual, family),
        "where_concepts_err": repairs(truth, concepts, residual, family),
        "told_by_scores": told_by_scores(scores, residual, total, family, seed),
    }


def unmeasured(residual: Residual | None, task: str) -> dict[str, Any] | None:
    """Return the record of a residual of which nothing was measured; None where there is none."""
    if residual is None:
        return None
    names = ("rows", _name(task), "cost_of_no_concepts", "margin_share", "where_concepts_err")
    return {**residual.record(), **dict.fromkeys((*names, "told_by_scores"))}


def residual_warnings(record: Mapping[str, Any] | None, task: str) -> list[str]:
    """Return what must not be overlooked about a residual, as sentences."""
    if record is None:
        return []
    texts = [
        "the residual reads raw activations: it can use what the concepts do not name, "
        "and an edit of a concept does not reach it"
    ]
    shares, cost = record["margin_share"], record["cost_of_no_concepts"]
    if shares is not None and shares["residual"] > MOST_WORK:
        texts.append(
            f"the residual does most of the work: {shares['residual']:.0%} of the margin's "
            f"variance is its own (limit {MOST_WORK:.0%}), so the concepts explain the smaller part"
        )
    if cost is not None and cost < LITTLE_COST:
        figures = record[_name(task)]
        texts.append(
            f"the residual can decide alone: with every concept deleted the {_said(task)} is "
            f"{figures['without_concepts']:.3f} instead of {figures['with_residual']:.3f} "
            f"(limit: a loss of {LITTLE_COST:g})"
        )
    return texts


def _name(task: str) -> str:
    return "r2" if task == "regression" else "accuracy"


def _said(task: str) -> str:
    return "R2" if task == "regression" else "accuracy"
