"""The margin toward each class, as the sum of what concepts and residual say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.model.logits import COMPARED
from pcbm.model.run import row_names

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Margins:
    """Margins in logits, one column a class; parts add up exactly.

    Attributes
    ----------
    names : tuple of str, length R
        What a positive margin argues for. Two classes have one column, the second class; a
        regression has its targets.
    concepts : ndarray, shape (n, R)
        Of the head, its intercept included.
    residual : ndarray, shape (n, R), or None
        None where the model has no residual.
    """

    names: tuple[str, ...]
    concepts: Array
    residual: Array | None

    @property
    def total(self) -> Array:
        """The margins the model decides by, shape (n, R)."""
        return self.concepts if self.residual is None else self.concepts + self.residual

    def parts(self) -> dict[str, Array | None]:
        """Return the margins of ``concepts``, ``residual`` and ``total``."""
        return {"concepts": self.concepts, "residual": self.residual, "total": self.total}


def margins(model: Any, X: Any) -> Margins:
    """Return the margins of activations (n, d) and what they are made of.

    A class's margin in softmax is its logit minus the mean of the others': unlike the margin
    against the runner-up it is linear in the logits, so that parts add up and differences between
    two inputs do too. Multilabel: the label's logit. Regression: the predicted number.
    """
    X = np.asarray(X)
    head = (model.transform(X) - model.mean_) / model.scale_ @ model.coef_.T + model.intercept_
    added = None if model.residual_ is None else model.residual_.decision(X)
    names = tuple(row_names(model))
    rows = len(model.coef_)
    if model.head_.family_ in COMPARED:
        contrast = (np.eye(rows) * rows - 1) / (rows - 1)
        if rows == 2:  # the two columns are each other's negative
            names, contrast = names[1:], contrast[:, 1:]
        head = head @ contrast
        added = None if added is None else added @ contrast
    return Margins(names, head, added)
