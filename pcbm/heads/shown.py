"""What a notebook shows of a fitted head, after what scikit-learn shows of every estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from pcbm.notebook import table, weighted

ROWS = 20  # of coefficients
BINARY = 2  # classes of a head with one row


class ShownFitted:
    """Adds a table of the strongest concepts of each class to scikit-learn's HTML.

    Comes before `sklearn.base.BaseEstimator` among the bases.
    """

    def _repr_html_inner(self) -> str:
        return super()._repr_html_inner() + strongest_html(self)  # type: ignore[misc]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(include=include, exclude=exclude)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] += strongest_html(self)
        return bundle


def strongest_html(model: Any) -> str:
    """Return the strongest concepts of each class as HTML; nothing before a fit.

    Parameters
    ----------
    model : SparseLinearHead, PostHocCBM, or one of their regressing twins
    """
    try:
        check_is_fitted(model)
    except NotFittedError:
        return ""
    names, coef = concept_names(model), np.atleast_2d(model.coef_)
    rows, against = row_names(model), negative_class(model)
    shown = [
        (name, int(np.count_nonzero(row)), weighted(names, row) or "none")
        for name, row in list(zip(rows, coef, strict=True))[:ROWS]
    ]
    notes = [] if against is None else [f"Negative argues for {against}."]
    notes += [f"{len(rows) - ROWS} more classes."] if len(rows) > ROWS else []
    title = (
        f"{model.nec_:.4g} of {len(names)} concepts a class (NEC), "
        "coefficients on standardised scores"
    )
    return table(title, ("class", "used", "strongest concepts"), shown, " ".join(notes))


def row_names(model: Any) -> list[str]:
    """Return a name for each row of ``coef_``: its class; in binary tasks the second class."""
    names = [str(name) for name in getattr(model, "classes_", ())]
    if not names:
        rows = len(model.coef_)
        return ["prediction"] if rows == 1 else [f"target {j + 1}" for j in range(rows)]
    return names[1:] if negative_class(model) is not None else names


def negative_class(model: Any) -> str | None:
    """Return what negative coefficients argue for, where one row serves two classes."""
    classes: Any = getattr(model, "classes_", ())
    return str(classes[0]) if len(model.coef_) == 1 and len(classes) == BINARY else None


def concept_names(model: Any) -> list[str]:
    """Return the names of the columns that a head weighs."""
    known = getattr(model, "concept_names_", None)
    if known is None:
        known = getattr(model, "feature_names_in_", None)
    if known is None:
        known = [f"x{j}" for j in range(model.n_features_in_)]
    return [str(name) for name in known]
