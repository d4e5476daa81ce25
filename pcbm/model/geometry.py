"""How the concepts of a model lie to each other, and what they bring to each class."""

from __future__ import annotations

from typing import Any

import numpy as np

COMPARED = 1000  # concepts; beyond these the pairs would not fit memory
SHOWN = 40  # concepts with all their pairs in the record
PAIRS = 20  # closest pairs by each measure
CONCEPTS_A_CLASS = 60
DIGITS = 4


def concept_geometry(model: Any, X: np.ndarray, part: str = "test") -> dict[str, Any] | None:
    """Measure how alike the concepts are, as directions and as scores.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Fitted.
    X : ndarray, shape (n, d)
        Activations; their labels play no part.
    part : str
        What the rows are, for the record.

    Returns
    -------
    dict or None
        None with fewer than two concepts or rows. ``shown``: the most used concepts, at most 40;
        ``cosine`` of their directions (None without a bank) and Pearson ``correlation`` of their
        scores on the rows, each as the rows of a lower triangle without its diagonal, None where
        a score does not vary; ``closest``: among all pairs the 20 with the largest absolute value
        of either; ``effective_rank`` of the two matrices: exp of the entropy of their eigenvalues
        (Roy, Vetterli 2007), which is K for orthogonal and 1 for equal concepts; ``compared``, how
        many concepts; ``rows``, ``n``.
    """
    names = list(model.concept_names_)
    used = np.abs(np.atleast_2d(model.coef_)).sum(axis=0)
    order = np.argsort(-used, kind="stable")[:COMPARED]
    if len(order) < 2 or len(X) < 2:
        return None
    scores = np.asarray(model.transform(X), dtype=np.float64)[:, order]
    correlation = _cosines(scores.T - scores.mean(axis=0)[:, None])
    cosine = None
    if model.bank is not None:
        vectors = model.bank.vectors[order]
        if model.projection == "centred" and model.bank.text_mean is not None:
            vectors = vectors - model.bank.text_mean
        cosine = _cosines(vectors)
    return {
        "rows": part,
        "n": len(X),
        "compared": len(order),
        "shown": [names[k] for k in order[:SHOWN]],
        "cosine": None if cosine is None else _triangle(cosine),
        "correlation": _triangle(correlation),
        "closest": _closest([names[k] for k in order], cosine, correlation),
        "effective_rank": {
            "directions": None if cosine is None else effective_rank(cosine),
            "scores": effective_rank(correlation),
        },
    }


def effective_rank(similarity: np.ndarray) -> float | None:
    """Return exp(entropy) of the eigenvalues of a positive semi-definite matrix.

    Rows that hold NaN are left out; None where nothing is left.
    """
    known = ~np.isnan(np.diag(similarity))
    if not known.any():
        return None
    values = np.clip(np.linalg.eigvalsh(similarity[np.ix_(known, known)]), 0, None)
    share = values[values > 0] / values.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def class_contributions(model: Any, X: np.ndarray, y: np.ndarray) -> dict[str, Any] | None:
    """Return what each concept brings on average to the logit of each class, on its own rows.

    Parameters
    ----------
    model : PostHocCBM
        Fitted.
    X : ndarray, shape (n, d)
    y : ndarray, shape (n,), or (n, C) of 0/1 for multilabel

    Returns
    -------
    dict or None
        Class -> concept -> coefficient times the mean standardised score of the rows of that
        class; for the 60 largest coefficients that are not zero. Two classes share one row, whose
        positive side is the second. None for regression; a class without rows has None.
    """
    if not hasattr(model, "classes_"):
        return None
    Z = (np.asarray(model.transform(X), dtype=np.float64) - model.mean_) / model.scale_
    labels = np.asarray(y)
    found: dict[str, Any] = {}
    for j, name in enumerate(model.classes_):
        coef = model.coef_[min(j, len(model.coef_) - 1)]
        inside = labels[:, j] == 1 if labels.ndim == 2 else labels == name
        largest = np.argsort(-np.abs(coef), kind="stable")[:CONCEPTS_A_CLASS]
        values = coef * Z[inside].mean(axis=0) if inside.any() else None
        found[str(name)] = (
            None
            if values is None
            else {model.concept_names_[k]: float(values[k]) for k in largest if coef[k] != 0}
        )
    return found


def _cosines(rows: np.ndarray) -> np.ndarray:
    """Return the cosine of each pair of rows; NaN where a row has no length."""
    length = np.linalg.norm(rows, axis=1)
    flat = length <= 1e-12 * max(float(length.max()), 1e-300)
    unit = rows / np.where(flat, np.nan, length)[:, None]
    return np.clip(unit @ unit.T, -1.0, 1.0)


def _triangle(matrix: np.ndarray) -> list[list[float | None]]:
    return [[_plain(matrix[i, j]) for j in range(i)] for i in range(min(len(matrix), SHOWN))]


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), DIGITS)


def _closest(
    names: list[str], cosine: np.ndarray | None, correlation: np.ndarray
) -> list[dict[str, Any]]:
    a, b = np.tril_indices(len(names), -1)
    measures = [m[a, b] for m in (correlation, cosine) if m is not None]
    chosen: dict[int, None] = {}
    for values in measures:
        order = np.argsort(-np.nan_to_num(np.abs(values)), kind="stable")[:PAIRS]
        chosen |= dict.fromkeys(int(p) for p in order)
    return [
        {
            "a": names[b[p]],
            "b": names[a[p]],
            "cosine": None if cosine is None else _plain(cosine[a[p], b[p]]),
            "correlation": _plain(correlation[a[p], b[p]]),
        }
        for p in chosen
    ]
