"""Ridge predictivity: equal to scikit-learn's ridge on the same folds, and honest about noise."""

from __future__ import annotations

import numpy as np
import pytest
from similar_sides import related

from pcbm.analysis import ridge_r2
from pcbm.analysis.folds import fold_of
from pcbm.analysis.ridge import FOLDS, PENALTIES


def by_scikit_learn(X, Y, seed=0):
    """Return the cross-fitted R^2 with scikit-learn's Ridge, as `ridge_r2` describes it."""
    from sklearn.linear_model import Ridge

    fold = fold_of(np.arange(len(X)), FOLDS, seed)

    def error(train, test, penalty):
        scale = np.linalg.eigvalsh(np.cov(X[train].T, ddof=0) * train.sum()).mean()
        model = Ridge(alpha=penalty * scale, solver="svd").fit(X[train], Y[train])
        return np.square(Y[test] - model.predict(X[test])).sum()

    errors = totals = 0.0
    for f in range(FOLDS):
        test, choice = fold == f, fold == (f + 1) % FOLDS
        scores = [error(~test & ~choice, choice, penalty) for penalty in PENALTIES]
        errors += error(~test, test, PENALTIES[int(np.argmin(scores))])
        totals += np.square(Y[test] - Y[~test].mean(axis=0)).sum()
    return 1 - errors / totals


@pytest.mark.parametrize("shape", [(80, 6, 4), (40, 5, 30)])
def test_it_equals_scikit_learn_on_the_same_folds(shape):
    X, Y = related(*shape)
    assert ridge_r2(X, Y).value == pytest.approx(by_scikit_learn(X, Y), abs=1e-9)


def test_a_wide_side_predicts_the_same_from_a_frame_of_its_rows():
    X, Y = related(30, 50, 4)
    expected = by_scikit_learn(np.linalg.qr(X.T - X.mean(axis=0)[:, None], mode="r").T, Y)
    assert ridge_r2(X, Y).value == pytest.approx(expected, abs=1e-9)


def test_noise_predicts_nothing():
    rng = np.random.default_rng(0)
    found = ridge_r2(rng.normal(size=(200, 50)), rng.normal(size=(200, 10)))
    assert -0.05 < found.value < 0.02


def test_the_larger_side_knows_more_of_the_smaller_than_the_other_way():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    found = ridge_r2(X, X[:, :2])
    assert found.value == pytest.approx(1, abs=1e-6)
    assert found.details["reverse"] == pytest.approx(2 / 8, abs=0.05)


def test_folds_are_balanced_and_drawn_by_the_seed():
    fold = fold_of(np.arange(1000), 5, seed=3)
    assert np.bincount(fold).tolist() == [200] * 5
    assert all(set(group) == set(range(5)) for group in fold.reshape(-1, 5).tolist())
    assert np.array_equal(fold[500:], fold_of(np.arange(500, 1000), 5, seed=3))
    other = fold_of(np.arange(1000), 5, seed=4)
    assert 0.1 < (fold == other).mean() < 0.3
    # No place in a group of five is bound to a fold.
    counts = np.array([np.bincount(fold[place::5], minlength=5) for place in range(5)])
    assert counts.min() > 20
    assert counts.max() < 60
