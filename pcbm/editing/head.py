"""A linear head as plain arrays: what edits read and write, whichever estimator holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from pcbm.errors import InputError, near
from pcbm.model.run import row_names


@dataclass(frozen=True)
class LinearHead:
    """The coefficients of a head with the names of its rows and columns.

    Attributes
    ----------
    coef : ndarray of shape (R, K)
        On standardised scores. R is 1 for a binary head (positive = second class), else C.
    intercept : ndarray of shape (R,)
    mean, scale : ndarray of shape (K,)
        The training mean and deviation that standardise a score: z = (s - mean) / scale.
    concept_names : tuple of str
    row_names : tuple of str, length R
        The class of each row; in a binary head the second class, for which positive argues.
    family : str
        ``multinomial``, ``grouped``, ``binomial``, ``multilabel`` or ``gaussian``.
    """

    coef: np.ndarray
    intercept: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    concept_names: tuple[str, ...]
    row_names: tuple[str, ...]
    family: str

    def column(self, concept: str) -> int:
        """Return a concept's column, or raise InputError with near matches."""
        try:
            return self.concept_names.index(concept)
        except ValueError:
            raise InputError(
                f"the model has no concept {concept!r}: {near(concept, self.concept_names)}"
            ) from None

    def rows(self, classes: tuple[str, ...] | None) -> list[int]:
        """Return the rows of some classes; None gives all.

        Raises
        ------
        InputError
            A class is unknown, or there is one row only, so that no class can be chosen.
        """
        if classes is None:
            return list(range(len(self.coef)))
        if len(self.row_names) == 1 and self.family == "gaussian":
            raise InputError(
                f"the edit is for class {classes[0]!r}, but a regression has no classes: leave the "
                "class out"
            )
        if len(self.row_names) == 1:
            raise InputError(
                f"the edit is for class {classes[0]!r}, but this {self.family} head has one row "
                f"(positive = {self.row_names[0]!r}) that serves every class: leave the class out"
            )
        for name in classes:
            if name not in self.row_names:
                raise InputError(f"the model has no class {name!r}: {near(name, self.row_names)}")
        return [self.row_names.index(name) for name in classes]


class EditableModel(Protocol):
    """What edits need of a model: a sparse linear head, and a copy with another one."""

    head_: Any
    concept_names_: Any

    def transform(self, X: Any) -> np.ndarray:
        """Return concept scores (n, K), not standardised."""
        ...

    def with_head(self, coef: np.ndarray, intercept: np.ndarray) -> Self:
        """Return a copy of the model with these coefficients."""
        ...


def head_of(model: EditableModel) -> LinearHead:
    """Return a model's head as arrays (copies, so that nothing here can change the model)."""
    head = model.head_
    return LinearHead(
        coef=np.atleast_2d(np.array(head.coef_, dtype=np.float64)),
        intercept=np.atleast_1d(np.array(head.intercept_, dtype=np.float64)),
        mean=np.array(head.mean_, dtype=np.float64),
        scale=np.array(head.scale_, dtype=np.float64),
        concept_names=tuple(str(name) for name in model.concept_names_),
        row_names=tuple(row_names(model)),
        family=str(head.family_),
    )
