"""Problems with a planted cue: activations in which column 1 is the cue, tied to the class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcbm.concepts import ConceptBank
from pcbm.model import PostHocCBM

CONCEPTS = ("shape", "cue", "shadow", "noise")
DIM = 7


@dataclass(frozen=True)
class Rows:
    """Activations, classes, and which rows have the cue."""

    X: np.ndarray
    y: np.ndarray
    present: np.ndarray


def draw(n: int = 600, *, tied: float = 0.9, shadow: float = 0.0, seed: int = 0) -> Rows:
    """Return rows of two classes.

    Column 0 tells the class with noise, column 1 the cue, column 2 carries ``shadow`` of the cue
    (a concept that goes with it), columns 4 and 5 more of the class that no concept names.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    present = np.where(rng.random(n) < tied, y == 1, y == 0)
    X = rng.normal(size=(n, DIM))
    X[:, 0] += 1.2 * (2 * y - 1)
    X[:, 4] += 0.8 * (2 * y - 1)
    return Rows(put(X, present, shadow), np.array(["cat", "dog"])[y], present)


def put(X: np.ndarray, present: np.ndarray, shadow: float = 0.0) -> np.ndarray:
    """Return the activations with the cue put in, or taken out, of each row."""
    X = X.copy()
    sign = 2.0 * present - 1
    X[:, 1] = 1.5 * sign + 0.3 * X[:, 6]
    X[:, 2] += shadow * sign
    return X


def pairs(n: int = 300, *, shadow: float = 0.0, seed: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """Return the same rows with and without the cue."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, DIM))
    yes = np.ones(n, dtype=bool)
    return put(X, yes, shadow), put(X, ~yes, shadow)


def cue_bank() -> ConceptBank:
    """Return a bank whose concepts are the first four columns."""
    return ConceptBank(list(CONCEPTS), np.eye(4, DIM))


def fit(bank: ConceptBank, rows: Rows, **settings: object) -> PostHocCBM:
    """Return a model of the rows, with every concept in it that helps."""
    return PostHocCBM(bank, lam=0.01, n_lams=5, **settings).fit(rows.X, rows.y)  # type: ignore[arg-type]
