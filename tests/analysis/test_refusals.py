"""Where a number would mean nothing there is none, and the reason is given."""

from __future__ import annotations

import numpy as np
import pytest
from similar_sides import related

from pcbm.analysis import (
    METRICS,
    Settings,
    frechet,
    knn_overlap,
    max_cca,
    mean_cca,
    measure,
    minibatch_cka,
    pwcca,
    rbf_cka,
    ridge_r2,
    rsa,
    svcca,
)
from pcbm.analysis.minibatch import MinibatchCKA
from pcbm.errors import InputError


@pytest.mark.parametrize("function", [mean_cca, pwcca, svcca])
def test_more_directions_than_rows_give_no_correlations(function):
    rng = np.random.default_rng(0)
    found = function(rng.normal(size=(20, 12)), rng.normal(size=(20, 12)))
    assert found.value is None
    assert "are 1 by counting alone" in found.reason


def test_counting_is_exact():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(25, 12)), rng.normal(size=(25, 12))
    assert mean_cca(X, Y).value is not None  # 12 + 12 = n - 1
    assert mean_cca(X[:24], Y[:24]).value is None


def test_a_ridge_gives_a_value_where_counting_would_not():
    rng = np.random.default_rng(0)
    found = mean_cca(rng.normal(size=(20, 12)), rng.normal(size=(20, 12)), ridge=0.1)
    assert 0 < found.value < 1


def test_the_largest_correlation_says_what_chance_would_give():
    rng = np.random.default_rng(0)
    found = max_cca(rng.normal(size=(2000, 200)), rng.normal(size=(2000, 300)))
    (warning,) = found.warnings
    assert "rho_1 nears 1 in high dimension" in warning
    assert found.details["independent"] == pytest.approx(found.value, abs=0.02)


@pytest.mark.parametrize("name", [name for name in METRICS if name != "frechet"])
def test_a_constant_side_has_no_value(name):
    X, _ = related(40, 5, 5)
    flat = np.full((40, 5), 0.1)
    for sides in ((X, flat), (flat, X)):
        found = measure(*sides, [name], Settings(neighbours=3, batch_size=10))[name]
        assert found.value is None
        assert found.reason


@pytest.mark.parametrize("name", METRICS)
def test_fewer_than_four_rows_are_refused(name):
    with pytest.raises(InputError, match="needs at least 4"):
        measure(np.eye(3), np.eye(3), [name])


def test_batches_of_one_class_are_refused():
    X, Y = related(64, 4, 4)
    y = np.repeat(["a", "b"], 32)
    sorted_rows = minibatch_cka(X, Y, 16, y, shuffle=False)
    assert sorted_rows.value is None
    assert "4 of 4 batches hold one class alone" in sorted_rows.reason
    assert minibatch_cka(X, Y, 16, y).value is not None


def test_a_batch_needs_four_rows():
    X, Y = related(22, 4, 4)
    with pytest.raises(InputError, match="at least 4"):
        minibatch_cka(X, Y, 3)
    assert minibatch_cka(X, Y, 10).n == 20  # the last batch of 2 is left out
    with pytest.raises(InputError, match="no batch"):
        MinibatchCKA().compute()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X, Y: mean_cca(X, Y, ridge=-1), "0 or more"),
        (lambda X, Y: svcca(X, Y, threshold=0), "above 0, up to 1"),
        (lambda X, Y: svcca(X, Y, share="cubed"), "squared or singular"),
        (lambda X, Y: rbf_cka(X, Y, fraction=0), "above 0"),
        (lambda X, Y: knn_overlap(X, Y, k=0), "at least 1"),
        (lambda X, Y: frechet(X, Y), "5 and 7 columns: it needs one feature space"),
        (lambda X, Y: measure(X, Y, ["cca_maxx"]), "no metric 'cca_maxx': did you mean 'cca_max'"),
    ],
)
def test_settings_that_cannot_be_are_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(*related())


def test_small_samples_give_reasons():
    X, Y = related(9, 3, 3)
    assert "9 rows are too few" in ridge_r2(X, Y).reason
    assert "all 8 other rows" in knn_overlap(X, Y, 8).reason
    assert "same value in every column" in rsa(X[:, :1], Y).reason
    pairs = np.repeat([[0.0, 1], [1, 0]], [7, 2], axis=0)
    assert "more than half of the pairs" in rbf_cka(X, pairs).reason


def test_covariances_of_few_rows_are_called_singular():
    X, Y = related(10, 12, 12)
    (warning,) = frechet(X, Y).warnings
    assert "12 columns from 10 rows are singular" in warning
