"""The similarity that the studies of transfer measure with."""

from __future__ import annotations

import numpy as np

from pcbm.analysis.cka import linear_cka
from pcbm.analysis.result import Comparison
from pcbm.errors import InputError, near

SIMILARITIES = ("cka_debiased", "cka")
DEFAULT = "cka_debiased"  # cka is near 1 by bias alone where columns outnumber rows


def check_similarity(name: str) -> None:
    """Raise InputError for a similarity that is not one of `SIMILARITIES`."""
    if name not in SIMILARITIES:
        raise InputError(f"the similarity was given as {name!r}: {near(name, SIMILARITIES)}")


def similarity(name: str, X: np.ndarray, Y: np.ndarray) -> Comparison:
    """Return linear CKA of two representations of the same rows, debiased or not by its name."""
    check_similarity(name)
    return linear_cka(X, Y, debiased=name == "cka_debiased")
