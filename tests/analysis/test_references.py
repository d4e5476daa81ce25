"""Each comparison against values from elsewhere: other libraries, closed forms, definitions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg, spatial, stats
from similar_sides import related

from pcbm.analysis import (
    frechet,
    knn_overlap,
    linear_cka,
    max_cca,
    mean_cca,
    mean_squared_cca,
    procrustes,
    pwcca,
    rbf_cka,
    rsa,
    svcca,
)

CLOSE = 1e-9
SHAPES = [(60, 5, 7), (40, 12, 3), (300, 20, 20)]


def centred(X):
    return X - X.mean(axis=0)


@pytest.mark.data
def test_real_networks_give_the_reference_values(reference):
    X, Y, known = reference
    squared, singular = svcca(X, Y), svcca(X, Y, share="singular")
    weighted = pwcca(X, Y)
    found = {
        "mean_cca": mean_cca(X, Y).value,
        "mean_cca_rho2": mean_squared_cca(X, Y).value,
        "svcca_s2_share_0.99_mean_rho": squared.value,
        "svcca_s_share_0.99_mean_rho": singular.value,
        "pwcca_x": weighted.value,
        "pwcca_y": weighted.details["reverse"],
        "procrustes_2_minus_2nuc": procrustes(X, Y).value,
        "rbf_cka_fraction_1.0_first_1000_rows": rbf_cka(X[:1000], Y[:1000]).value,
        "rbf_cka_fraction_0.5_first_1000_rows": rbf_cka(X[:1000], Y[:1000], 0.5).value,
    }
    assert found == {name: pytest.approx(known[name], abs=CLOSE) for name in found}
    assert squared.details["k"] == known["svcca_s2_share_0.99_k"]
    assert singular.details["k"] == known["svcca_s_share_0.99_k"]


@pytest.mark.parametrize("shape", SHAPES)
def test_canonical_correlations_are_the_cosines_of_principal_angles(shape):
    X, Y = related(*shape)
    rho = np.cos(linalg.subspace_angles(centred(X), centred(Y)))
    assert mean_cca(X, Y).value == pytest.approx(rho.mean(), abs=1e-10)
    assert mean_squared_cca(X, Y).value == pytest.approx((rho**2).mean(), abs=1e-10)
    assert max_cca(X, Y).value == pytest.approx(rho.max(), abs=1e-10)


def test_rank_is_counted_not_assumed():
    X, Y = related(80, 4, 6)
    doubled = np.hstack([X, X @ np.ones((4, 3))])
    found = mean_cca(doubled, Y)
    assert found.details["ranks"] == [4, 6]
    assert found.value == pytest.approx(mean_cca(X, Y).value, abs=1e-9)
    in_single = mean_cca(doubled.astype(np.float32), Y)  # the copies differ by rounding alone
    assert in_single.details["ranks"] == [4, 6]


def test_nearly_dependent_columns_keep_their_precision():
    X, Y = related(200, 5, 5)
    X = np.hstack([X, X[:, :1] + 1e-6 * np.random.default_rng(3).normal(size=(200, 1))])
    rho = np.cos(linalg.subspace_angles(centred(X), centred(Y)))
    found = mean_cca(X, Y)
    assert found.details["ranks"] == [6, 5]
    assert found.value == pytest.approx(rho.mean(), abs=1e-8)


def test_a_ridge_is_that_of_the_regularised_problem():
    X, Y = centred(related(50, 6, 4)[0]), centred(related(50, 6, 4)[1])
    ridge = 0.3
    C_x, C_y = X.T @ X, Y.T @ Y
    C_x += ridge * np.trace(C_x) / 6 * np.eye(6)
    C_y += ridge * np.trace(C_y) / 4 * np.eye(4)
    middle = linalg.solve(C_x, X.T @ Y) @ linalg.solve(C_y, Y.T @ X)
    rho = np.sqrt(np.sort(np.linalg.eigvals(middle).real)[::-1][:4])
    found = mean_cca(X, Y, ridge=ridge)
    assert found.value == pytest.approx(rho.mean(), abs=1e-10)
    assert "invertible linear" not in found.invariances


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("threshold", [0.5, 0.9, 1.0])
def test_svcca_is_cca_of_the_kept_directions(power, threshold):
    X, Y = related(120, 10, 8)
    kept = []
    for M in (centred(X), centred(Y)):
        U, s, _ = np.linalg.svd(M, full_matrices=False)
        share = np.cumsum(s**power) / np.sum(s**power)
        kept.append(U[:, : next(i + 1 for i, c in enumerate(share) if c >= threshold - 1e-12)])
    rho = np.linalg.svd(kept[0].T @ kept[1], compute_uv=False)
    found = svcca(X, Y, threshold, "squared" if power == 2 else "singular")
    assert found.details["k"] == [kept[0].shape[1], kept[1].shape[1]]
    assert found.value == pytest.approx(rho.mean(), abs=1e-9)


def test_pwcca_weighs_by_projections_of_the_columns_of_the_named_side():
    X, Y = centred(related(90, 5, 8)[0]), centred(related(90, 5, 8)[1])
    Q_x, Q_y = np.linalg.qr(X)[0], np.linalg.qr(Y)[0]
    L, rho, Rt = np.linalg.svd(Q_x.T @ Q_y)
    for variates, side, found in (
        (Q_x @ L, X, pwcca(X, Y).value),
        (Q_y @ Rt.T[:, :5], Y, pwcca(X, Y).details["reverse"]),
    ):
        alpha = np.array([sum(abs(h @ x) for x in side.T) for h in variates.T[:5]])
        assert found == pytest.approx(np.sum(alpha * rho) / alpha.sum(), abs=1e-10)
    assert pwcca(Y, X).value == pytest.approx(pwcca(X, Y).details["reverse"], abs=1e-12)


@pytest.mark.parametrize("shape", [(60, 5, 5), (10, 30, 30)])
def test_procrustes_agrees_with_scipy(shape):
    X, Y = related(*shape)
    _, _, disparity = spatial.procrustes(X, Y)  # 1 - nuclear norm ** 2: it scales the second side
    expected = 2 - 2 * np.sqrt(1 - disparity)
    assert procrustes(X, Y).value == pytest.approx(expected, abs=1e-10)


def test_procrustes_pads_the_narrower_side_with_zeros():
    X, Y = related(30, 3, 8)
    padded = np.hstack([X, np.zeros((30, 5))])
    assert procrustes(X, Y).value == pytest.approx(procrustes(padded, Y).value, abs=1e-12)


def test_rbf_cka_equals_its_definition():
    X, Y = related(50, 4, 6)
    H = np.eye(50) - 1 / 50
    kernels = []
    for M in (X, Y):
        distances = spatial.distance.pdist(M)
        sigma = 0.7 * np.median(distances)
        kernels.append(
            H @ np.exp(-(spatial.distance.squareform(distances) ** 2) / 2 / sigma**2) @ H
        )
    K, L = kernels
    expected = np.vdot(K, L) / np.linalg.norm(K) / np.linalg.norm(L)
    assert rbf_cka(X, Y, 0.7).value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("centre", [True, False])
def test_rsa_agrees_with_scipy(centre):
    X, Y = related(40, 6, 9)
    A, B = (centred(X), centred(Y)) if centre else (X, Y)
    rdms = (spatial.distance.pdist(M, "correlation") for M in (A, B))
    expected = stats.spearmanr(*rdms).statistic
    assert rsa(X, Y, centre=centre).value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("k", [1, 10])
def test_neighbours_agree_with_scikit_learn(k):
    from sklearn.neighbors import NearestNeighbors

    X, Y = related(70, 4, 5, noise=0.1)
    sets = []
    for M in (centred(X), centred(Y)):
        found = NearestNeighbors(n_neighbors=k, metric="cosine").fit(M).kneighbors()[1]
        sets.append([set(row) for row in found])
    expected = np.mean([len(a & b) / k for a, b in zip(*sets, strict=True)])
    result = knn_overlap(X, Y, k)
    assert result.value == pytest.approx(expected, abs=1e-12)
    assert result.details["chance"] == pytest.approx(k / 69)


def test_equally_near_neighbours_are_taken_in_the_order_of_the_data():
    X = np.array([[1.0, 0], [1, 0], [1, 0], [1, 0], [0, 1], [0, 1], [-1, 0]])
    found = knn_overlap(X, X * 3, 2, centre=False)
    assert found.value == 1.0


def test_the_frechet_distance_agrees_with_the_matrix_root():
    X, Y = related(80, 6, 6)
    S, T = np.cov(X.T), np.cov(Y.T)
    apart = X.mean(axis=0) - Y.mean(axis=0)
    root = linalg.sqrtm(S @ T).real
    assert frechet(X, Y).value == pytest.approx(
        apart @ apart + np.trace(S + T - 2 * root), rel=1e-9
    )


def test_the_frechet_distance_of_numbers_is_that_of_two_normal_distributions():
    rng = np.random.default_rng(0)
    x, y = rng.normal(2, 3, (50, 1)), rng.normal(-1, 0.5, (70, 1))
    expected = (x.mean() - y.mean()) ** 2 + (x.std(ddof=1) - y.std(ddof=1)) ** 2
    assert frechet(x, y).value == pytest.approx(expected, rel=1e-12)


@pytest.mark.slow  # rsatoolbox takes seconds to import
def test_linear_cka_is_the_whitened_cosine_of_squared_distances():
    """Diedrichsen et al. 2021: with squared Euclidean RDMs, cosine_cov is linear CKA."""
    rsatoolbox = pytest.importorskip("rsatoolbox")
    X, Y = related(30, 6, 9)
    rdms = [rsatoolbox.rdm.RDMs(spatial.distance.pdist(M, "sqeuclidean")[None]) for M in (X, Y)]
    oracle = float(rsatoolbox.rdm.compare(*rdms, method="cosine_cov").item())
    assert linear_cka(X, Y).value == pytest.approx(oracle, abs=1e-12)
