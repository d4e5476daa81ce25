"""Linear CKA: equal to its definition with Gram matrices, on either side, biased or not."""

from __future__ import annotations

import numpy as np
import pytest
from similar_sides import related

from pcbm.analysis import linear_cka, products
from pcbm.errors import InputError


def by_gram(X, Y, debiased):
    """CKA from (n, n) matrices, Song et al. 2012, eq. 4 and 5, as they are printed."""
    n = len(X)

    def hsic(K, L):
        if not debiased:
            H = np.eye(n) - 1 / n
            return np.trace(K @ H @ L @ H)
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        one = np.ones(n)
        middle = (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
        return np.trace(K @ L) + middle - 2 / (n - 2) * (one @ K @ L @ one)

    K, L = X @ X.T, Y @ Y.T
    return hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))


@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("shape", [(60, 5, 7), (12, 40, 30), (30, 3, 90)])
def test_it_equals_the_definition_with_gram_matrices(shape, debiased):
    X, Y = related(*shape)
    found = linear_cka(X, Y, debiased=debiased).value
    assert found == pytest.approx(by_gram(X, Y, debiased), abs=1e-12)


@pytest.mark.data
def test_it_equals_the_values_of_real_networks(reference):
    X, Y, known = reference
    assert linear_cka(X, Y).value == pytest.approx(known["linear_cka_biased"], abs=1e-9)
    found = linear_cka(X, Y, debiased=True).value
    assert found == pytest.approx(known["linear_cka_debiased"], abs=1e-9)


@pytest.mark.parametrize("rows", [40, 1000])
def test_small_blocks_give_the_same_sums(rows, monkeypatch):
    X, Y = related(rows, 30, 20)
    whole = linear_cka(X, Y).value
    monkeypatch.setattr(products, "BLOCK_VALUES", 70)
    assert linear_cka(X, Y).value == pytest.approx(whole, abs=1e-13)


def test_independent_sides_have_debiased_values_around_zero():
    rng = np.random.default_rng(0)
    values = [
        linear_cka(rng.normal(size=(20, 30)), rng.normal(size=(20, 30)), debiased=True).value
        for _ in range(300)
    ]
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(300)
    assert min(values) < 0
    assert linear_cka(rng.normal(size=(20, 30)), rng.normal(size=(20, 30))).value > 0.4


def test_many_columns_warn_in_the_biased_form_alone():
    X, Y = related(40, 30, 5)
    (warning,) = linear_cka(X, Y).warnings
    assert "30 columns and 40 rows" in warning
    assert linear_cka(X, Y, debiased=True).warnings == ()
    assert linear_cka(*related(100, 5, 5)).warnings == ()


def test_a_constant_side_has_no_value():
    X, _ = related()
    found = linear_cka(X, np.full((len(X), 3), 0.1))
    assert (found.value, found.reason) == (None, "the second side is constant")


def test_a_self_similarity_that_is_not_positive_gives_no_value():
    one_row_differs = np.zeros((8, 2))
    one_row_differs[0] = 1.0
    found = linear_cka(related(8)[0], one_row_differs, debiased=True)
    assert found.value is None
    assert "debiased self-similarity of the second side is not positive" in found.reason


@pytest.mark.parametrize(
    ("X", "Y", "message"),
    [
        (np.ones((5, 2)), np.ones((6, 2)), "5 and 6 rows"),
        (np.ones((3, 2)), np.ones((3, 2)), "3 rows: it needs at least 4"),
        (np.ones(5), np.ones((5, 2)), r"shape \(5,\)"),
        (np.full((5, 2), np.nan), np.ones((5, 2)), "NaN or infinite"),
        (np.array([["a"]] * 5), np.ones((5, 2)), "tables of numbers"),
    ],
)
def test_what_cannot_be_compared_is_refused(X, Y, message):
    with pytest.raises(InputError, match=message):
        linear_cka(X, Y)
