from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.svm import SVC

from pcbm.concepts import paper_cavs
from pcbm.concepts.learners import PAPER_PENALTIES
from pcbm.errors import InputError


def activations(n, d, seed):
    """Return positives and negatives of low effective rank, far from the origin."""
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((30, d)) / np.sqrt(1 + np.arange(30))[:, None]
    mean, concept = 0.5 + rng.random(d), rng.standard_normal(d)
    rows = rng.standard_normal((2 * n, 30)) @ mixing + 0.1 * rng.standard_normal((2 * n, d)) + mean
    rows[:n] += 0.15 * concept
    return rows[:n], rows[n:]


def official(train, test, C):
    """Return what the official loop keeps of one C: a machine, two scores, margins."""
    X, y = np.concatenate(train), np.repeat([1.0, 0.0], [len(train[0]), len(train[1])])
    held, truth = np.concatenate(test), np.repeat([1.0, 0.0], [len(test[0]), len(test[1])])
    machine = SVC(C=C, kernel="linear", tol=1e-6).fit(X, y)
    w, b = machine.coef_[0], machine.intercept_[0]
    distance = (X @ w + b) / np.sqrt(w @ w)
    right, left = distance[distance > 0], distance[distance < 0]
    margins = {
        "max": distance.max(),
        "min": distance.min(),
        "pos_mean": right.mean(),
        "pos_std": right.std(),
        "neg_mean": left.mean(),
        "neg_std": left.std(),
        "q_90": np.quantile(distance, 0.9),
        "q_10": np.quantile(distance, 0.1),
        "pos_count": y.sum(),
        "neg_count": (1 - y).sum(),
    }
    return w, b, machine.score(X, y), machine.score(held, truth), margins


@pytest.mark.parametrize(("n", "d"), [(30, 200), (80, 20)])
def test_it_is_the_official_loop(n, d) -> None:
    sides = activations(2 * n, d, seed=n)
    train, test = ([side[part] for side in sides] for part in (slice(0, n), slice(n, None)))
    found = paper_cavs(train, test, tol=1e-6)
    assert list(found) == list(PAPER_PENALTIES)
    for C, cav in found.items():
        w, b, train_score, test_score, margins = official(train, test, C)
        assert cav.vector @ w / np.linalg.norm(cav.vector) / np.linalg.norm(w) > 0.999999
        assert np.linalg.norm(cav.vector - w) <= 1e-3 * np.linalg.norm(w)
        assert cav.intercept == pytest.approx(b, abs=1e-3)
        assert (cav.train_accuracy, cav.test_accuracy) == (train_score, test_score)
        assert cav.margins == pytest.approx(margins, rel=1e-3, abs=1e-4)
        assert 0 <= cav.gap < 1e-4


def test_penalties_keep_their_order_and_stand_for_themselves() -> None:
    train = activations(20, 50, seed=0)
    found = paper_cavs(train, train, penalties=[1.0, 0.01])
    assert list(found) == [1.0, 0.01]
    alone = paper_cavs(train, train, penalties=[1.0])[1.0]
    assert np.allclose(found[1.0].vector, alone.vector, rtol=1e-2, atol=1e-5)
    none = (np.empty((0, 50)), np.empty((0, 50)))
    assert np.isnan(paper_cavs(train, none, penalties=[1.0])[1.0].test_accuracy)


@pytest.mark.parametrize(
    ("train", "test", "penalties", "message"),
    [
        ((np.ones((3, 2)), np.zeros((0, 2))), None, [1.0], "a side has no training examples"),
        ((np.ones((3, 2)), np.zeros((3, 2))), (np.ones((1, 3)),) * 2, [1.0], "have 2 columns"),
        ((np.ones((3, 2)), np.zeros((3, 2))), None, [0.0], "give a list of positive numbers"),
        ((np.ones((3, 2)), np.zeros((3, 2))), None, 1.0, "give a list of positive numbers"),
        ((np.ones((3, 2)), np.zeros((3, 2))), None, ["x"], "give a list of positive numbers"),
        ((np.ones((3, 2)), np.zeros((3, 2))), None, [], "give a list of positive numbers"),
        ((np.ones((3, 2)), np.full((3, 2), np.nan)), None, [1.0], "holds NaN or infinity"),
    ],
)
def test_what_gives_no_vectors_is_refused(train, test, penalties, message) -> None:
    with pytest.raises(InputError, match=message) as caught:
        paper_cavs(train, test or train, penalties=penalties)
    assert "\n" not in str(caught.value)


def test_a_tolerance_that_is_no_positive_number_is_refused() -> None:
    sides = np.ones((3, 2)), np.zeros((3, 2))
    for tol in (0.0, -1.0, "x"):
        with pytest.raises(InputError, match="give a positive number"):
            paper_cavs(sides, sides, tol=tol)  # type: ignore[arg-type]


def test_a_vector_of_length_zero_has_no_distances() -> None:
    alike = np.ones((3, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = paper_cavs((alike, alike), (alike, alike), penalties=[1.0])[1.0]
    assert not found.vector.any()
    assert np.isnan(found.margins["max"])
    assert np.isnan(found.margins["q_90"])
