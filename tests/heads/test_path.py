"""The record of a path: sparse inside, dense where asked, and the same for every solver."""

import tracemalloc
from dataclasses import fields

import numpy as np
import pytest
from elastic_net import FAMILIES
from head_problems import draw

from pcbm.errors import InputError
from pcbm.heads import elastic_net_path, evaluate_path, sparse_rows


def options(family, n=40, K=6):
    rng = np.random.default_rng(3)
    rows = 1 if family == "binomial" else 3
    return {
        "family": family,
        "l1_ratio": 0.8,
        "sample_weight": rng.uniform(0.5, 2, n),
        "offset": rng.normal(size=(n, rows)),
        "free": rng.random((rows, K)) > 0.2,
        "penalty_factor": rng.uniform(0.5, 2, K),
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_coefficients_found_elsewhere_are_judged_like_our_own(family):
    Z, y = draw(family, 5)
    ours = elastic_net_path(Z, y, n_lams=4, **options(family))
    theirs = evaluate_path(
        Z, y, ours.lams, ours.coefs, ours.intercepts, n_iter=ours.n_iter, **options(family)
    )
    assert theirs.family == family
    for field in fields(ours):
        if field.name not in ("sparse", "family", "classes", "solver", "passes"):
            np.testing.assert_allclose(
                getattr(theirs, field.name), getattr(ours, field.name), rtol=1e-7, atol=1e-12
            )
    np.testing.assert_array_equal(theirs.coefs, ours.coefs)


def test_one_point_is_a_row_of_all_points():
    path = elastic_net_path(*draw("multinomial", 1), n_lams=5)
    assert path.shape == path.coefs.shape == (5, 3, 6)
    for i in (0, 3, -1):
        np.testing.assert_array_equal(path.coef(i), path.coefs[i])
    with pytest.raises(IndexError):
        path.coef(5)


def test_dense_coefficients_survive_the_sparse_form():
    coefs = np.random.default_rng(0).normal(size=(3, 2, 4)) * (np.arange(4) > 1)
    stored = sparse_rows(coefs)
    assert stored.nnz == 3 * 2 * 2
    np.testing.assert_array_equal(stored.toarray().reshape(coefs.shape), coefs)


def test_more_strengths_take_memory_for_their_non_zeros_only():
    rng = np.random.default_rng(0)
    Z, y = rng.normal(size=(60, 2000)), np.arange(60) % 10
    peaks = []
    for n_lams in (5, 65):
        tracemalloc.start()
        path = elastic_net_path(Z, y, n_lams=n_lams, lam_min_ratio=0.9, tol=1e-2)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert path.sparse.nnz < 0.01 * path.coefs.size
    assert peaks[1] - peaks[0] < 0.2 * path.coefs.nbytes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_iter": [1]}, "2 lams, 2 coefs, 2 intercepts and 1 n_iter were given"),
        ({"coefs": np.zeros((2, 3, 5))}, r"point 0 has coefficients \(3, 5\)"),
        (
            {"free": np.zeros((3, 6), bool)},
            "point 0 has 18 coefficients that are not zero where free is False",
        ),
        ({"lams": [0.1, -1.0]}, "lams holds numbers that are not positive"),
    ],
)
def test_points_that_do_not_fit_are_refused(change, message):
    Z, y = draw("multinomial", 0)
    given = {"lams": [0.1, 0.05], "coefs": np.ones((2, 3, 6)), "intercepts": np.zeros((2, 3))}
    with pytest.raises(InputError, match=message):
        evaluate_path(Z, y, **(given | change))
