import numpy as np
import pytest

from pcbm.concepts import ConceptBank


@pytest.fixture
def mixed():
    """Activations (300, 8) whose columns are correlated, and three classes that need them all."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 8)) @ rng.normal(size=(8, 8)) + rng.normal(size=8)
    logits = X @ rng.normal(size=(8, 3))
    return X, np.array(["a", "b", "c"])[(logits + rng.gumbel(size=logits.shape)).argmax(axis=1)]


@pytest.fixture
def bank():
    vectors = np.random.default_rng(4).normal(size=(3, 8))
    return ConceptBank(["one", "two", "three"], vectors, [0.3, 0.0, -0.5])
