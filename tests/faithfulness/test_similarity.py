"""CKA and probe recovery: exact formulas, invariances, and what a bank lets through."""

from __future__ import annotations

import numpy as np
import pytest

from pcbm.errors import InputError
from pcbm.faithfulness import bank_constraint, linear_cka, probe_recovery


def gram_hsic(K: np.ndarray, L: np.ndarray) -> float:
    """HSIC_1 times n (n - 3) straight from its definition with (n, n) matrices."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    one = np.ones(n)
    sums = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
    return np.trace(K @ L) + sums - 2 / (n - 2) * (one @ K @ L @ one)


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6)) + 3
    return X, X[:, :3] @ rng.normal(size=(3, 5)) + rng.normal(size=(40, 5))


@pytest.mark.parametrize("debiased", [False, True])
def test_cka_is_what_gram_matrices_give(
    pair: tuple[np.ndarray, np.ndarray], debiased: bool
) -> None:
    X, Y = pair
    K, L = X @ X.T, Y @ Y.T
    if debiased:
        expected = gram_hsic(K, L) / np.sqrt(gram_hsic(K, K) * gram_hsic(L, L))
    else:
        H = np.eye(40) - 1 / 40
        K, L = H @ K @ H, H @ L @ H
        expected = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    assert linear_cka(X, Y, debiased=debiased) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("debiased", [False, True])
def test_cka_ignores_rotation_scale_and_shift_but_no_other_map(
    pair: tuple[np.ndarray, np.ndarray], debiased: bool
) -> None:
    X, Y = pair
    Q = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    value = linear_cka(X, Y, debiased=debiased)
    assert linear_cka(-3.7 * X @ Q + 11, Y, debiased=debiased) == pytest.approx(value, abs=1e-10)
    assert linear_cka(Y, X, debiased=debiased) == pytest.approx(value, abs=1e-12)
    assert linear_cka(X, X @ Q, debiased=debiased) == pytest.approx(1, abs=1e-10)
    assert abs(linear_cka(X * np.arange(1, 7), Y, debiased=debiased) - value) > 1e-3


def test_debiased_cka_of_independent_rows_is_near_zero_where_the_plain_one_is_not() -> None:
    rng = np.random.default_rng(2)
    X, Y = rng.normal(size=(60, 100)), rng.normal(size=(60, 100))
    assert linear_cka(X, Y) > 0.5
    assert abs(linear_cka(X, Y, debiased=True)) < 0.1


def test_cka_of_a_constant_is_undefined_and_rows_must_agree() -> None:
    assert np.isnan(linear_cka(np.ones((5, 2)), np.eye(5)))
    with pytest.raises(InputError, match="CKA was given 5 and 4 rows"):
        linear_cka(np.eye(5), np.eye(4))
    with pytest.raises(InputError, match="needs at least 4"):
        linear_cka(np.eye(3), np.eye(3), debiased=True)


def test_a_bank_of_as_many_directions_as_dimensions_lets_everything_through() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 12)) * np.arange(1, 13) + 5
    found = bank_constraint(X, X @ rng.normal(size=(12, 60)))
    assert found.recovery > 0.999
    assert found.cka > 0.85
    assert "hardly a constraint" in found.text
    few = bank_constraint(X, X[:, :3], [X @ rng.normal(size=(12, 3)) for _ in range(3)])
    assert few.recovery < 0.1
    assert few.random is not None
    assert few.random["recovery"] > few.recovery
    assert "constraint" not in few.text


def test_recovery_is_the_share_of_variance_that_is_kept() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(4000, 4)) * np.array([2.0, 1.0, 1.0, 1.0])
    assert probe_recovery(X[:, :1], X) == pytest.approx(4 / 7, abs=0.02)
    assert probe_recovery(rng.normal(size=(4000, 3)), X) == pytest.approx(0, abs=0.005)
    assert probe_recovery(np.hstack([X, X]), X) > 0.999  # equal columns do no harm
