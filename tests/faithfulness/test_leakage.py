"""Leakage: nothing where scores are concepts and noise, something where they carry the class."""

from __future__ import annotations

import numpy as np
import pytest

from pcbm.errors import InputError
from pcbm.faithfulness import leakage


def world(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scores (concepts plus noise), concepts, and classes by an interaction of them."""
    rng = np.random.default_rng(seed)
    c = rng.integers(0, 2, (n, 3))
    logits = np.stack([2 * (c[:, 0] ^ c[:, 1]), 1.5 * c[:, 2], np.zeros(n)], axis=1)
    y = (logits + rng.gumbel(size=(n, 3))).argmax(axis=1)
    s = c + 0.3 * rng.normal(size=(n, 3))
    s[:, 0] += 0.5 * c[:, 1] * c[:, 2]  # a function of the concepts is no leakage
    return s, c, y


@pytest.mark.parametrize("seed", [0, 1])
def test_silent_on_scores_that_are_functions_of_concepts_plus_noise(seed: int) -> None:
    found = leakage(*world(800, seed), folds=3, seed=seed)
    assert not found.found
    assert found.nats == pytest.approx(0, abs=0.01)
    assert found.interval[0] <= 0
    assert "no leakage found" in found.text


def test_fires_on_scores_that_carry_the_class_and_grows_with_them() -> None:
    s, c, y = world(800, 0)
    sizes = []
    for strength in (0.3, 0.9):
        told = s.copy()
        told[:, 1] += strength * (y == 1)
        found = leakage(told, c, y, folds=3)
        assert found.found
        sizes.append(found.nats)
    assert sizes[1] > 2 * sizes[0] > 0
    assert found.bits == pytest.approx(found.nats / np.log(2))
    assert found.given_concepts <= found.entropy


def test_two_classes_and_unknown_labels() -> None:
    s, c, y = world(800, 2)
    c = np.where(np.random.default_rng(0).random(c.shape) < 0.2, -1, c)
    two = y != 2
    s[:, 2] += 1.0 * (y == 1)
    assert leakage(s[two], c[two], y[two], folds=3).found


def test_the_reading_of_concepts_is_the_true_entropy_where_patterns_have_many_rows() -> None:
    rng = np.random.default_rng(3)
    c = rng.integers(0, 2, (4000, 2))
    p = np.where(c[:, 0] ^ c[:, 1], 0.9, 0.1)
    y = (rng.random(4000) < p).astype(int)
    found = leakage(rng.normal(size=(4000, 2)), c, y, folds=3)
    truth = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert found.given_concepts == pytest.approx(truth, abs=0.02)


def test_too_few_rows_are_told() -> None:
    with pytest.raises(InputError, match="give at least 10 for each of two classes"):
        leakage(np.zeros((12, 1)), np.zeros((12, 1)), np.arange(12))
