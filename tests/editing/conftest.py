"""Heads to edit: hand-made arrays, and models fitted on planted concepts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pcbm.concepts import ConceptBank
from pcbm.editing import LinearHead
from pcbm.model import PostHocCBM, PostHocCBMRegressor

CONCEPTS = ("stripes", "metal", "wings", "grass")


@pytest.fixture
def softmax_head() -> LinearHead:
    """Return a head of three classes, with irregular numbers so that rounding would show."""
    rng = np.random.default_rng(1)
    return LinearHead(
        coef=rng.normal(size=(3, 4)),
        intercept=rng.normal(size=3),
        mean=rng.normal(size=4),
        scale=rng.uniform(0.3, 2.0, size=4),
        concept_names=CONCEPTS,
        row_names=("bird", "car", "zebra"),
        family="multinomial",
    )


@pytest.fixture
def binary_head(softmax_head: LinearHead) -> LinearHead:
    """Return a head with one row; positive argues for "dog"."""
    return LinearHead(
        coef=softmax_head.coef[:1],
        intercept=softmax_head.intercept[:1],
        mean=softmax_head.mean,
        scale=softmax_head.scale,
        concept_names=CONCEPTS,
        row_names=("dog",),
        family="binomial",
    )


@pytest.fixture(scope="session")
def planted() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """Return a function that draws activations and labels of some classes."""
    return draw


def draw(classes: list[str], n: int = 240, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return activations (n, 6) in which column j is high for class j, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(classes), n)
    X = rng.normal(size=(n, 6)) + 2.0
    X[np.arange(n), y] += 2.0
    return X, np.array(classes)[y]


@pytest.fixture(scope="session")
def bank() -> ConceptBank:
    return ConceptBank(list(CONCEPTS), np.eye(4, 6) * np.array([[1.0], [2.0], [0.5], [3.0]]))


@pytest.fixture(scope="session")
def softmax_model(bank: ConceptBank) -> PostHocCBM:
    return PostHocCBM(bank, lam=0.01, n_lams=5).fit(*draw(["bird", "car", "zebra"]))


@pytest.fixture(scope="session")
def binary_model(bank: ConceptBank) -> PostHocCBM:
    return PostHocCBM(bank, lam=0.01, n_lams=5).fit(*draw(["cat", "dog"]))


@pytest.fixture(scope="session")
def regressor(bank: ConceptBank) -> PostHocCBMRegressor:
    X, _ = draw(["a", "b"])
    y = 3.0 * X[:, 0] - X[:, 2] + np.random.default_rng(2).normal(size=len(X))
    return PostHocCBMRegressor(bank, lam=0.01, n_lams=5).fit(X, y)
