"""Scores whose rows come from elsewhere than memory, and those that are read where they lie."""

import numpy as np
import pytest
from elastic_net import FAMILIES

import pcbm.heads.inputs as inputs
import pcbm.heads.problem as problems
import pcbm.heads.rows as rows
import pcbm.heads.streaming as streaming
from pcbm.errors import InputError
from pcbm.heads import elastic_net_path, kkt_violation, lam_max, standardise
from pcbm.heads.inputs import check_problem

pytestmark = pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")

N, K, C = 4000, 9, 3
GRID = {"n_lams": 6, "lam_min_ratio": 0.02}


class Store:
    """Rows that come by slices alone; counts them, and the most that were asked for at once."""

    def __init__(self, Z):
        self._Z = Z
        self.shape, self.dtype = Z.shape, Z.dtype
        self.read = self.most = 0

    def __array__(self, *args, **kwargs):
        raise MemoryError("larger than memory")

    def __getitem__(self, part):
        assert isinstance(part, slice)
        block = self._Z[part]
        self.read += len(block)
        self.most = max(self.most, len(block))
        return block


def problem(family, seed=0, n=N):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, K)) * rng.uniform(0.5, 2, K) + 3 * rng.normal(size=K)
    Z[:, 1] += Z[:, 0]
    eta = (Z - Z.mean(axis=0)) @ rng.normal(size=(K, C)) / 2 + rng.gumbel(size=(n, C))
    if family in ("multinomial", "grouped"):
        return Z, eta.argmax(axis=1)
    if family == "binomial":
        return Z, (eta[:, 0] > 0).astype(int)
    return Z, (eta > 0).astype(int) if family == "multilabel" else eta


def options(family, seed=1, n=N):
    """Return weights, some zero, an offset and a mask of free coefficients."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 2, n) * (rng.random(n) < 0.8)
    count = 1 if family == "binomial" else C
    free = rng.random((count, K)) < 0.8
    return {"sample_weight": weights, "offset": rng.normal(size=(n, count)) / 2, "free": free}


def levels(path):
    """Return intercepts; those of a softmax are defined up to a common shift."""
    shift = path.intercepts.mean(axis=1, keepdims=True)
    return path.intercepts - (shift if path.family in ("multinomial", "grouped") else 0.0)


@pytest.fixture
def few_sampled(monkeypatch):
    """Read few rows at a time, and sample so few that the sample alone would not do."""
    monkeypatch.setattr(streaming, "SAMPLE", 1000)
    read_by(monkeypatch, 1 << 16)


def read_by(monkeypatch, size):
    monkeypatch.setattr(problems, "CHUNK_BYTES", size)
    monkeypatch.setattr(problems, "SMALLEST_CHUNK", 1)
    monkeypatch.setattr(rows, "READ_BYTES", size)


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_streamed_equals_in_memory(family, given, few_sampled):
    Z, y = problem(family)
    more = GRID | {"family": family, "tol": 1e-9} | (options(family) if given else {})
    store = Store(Z)
    path = elastic_net_path(store, y, **more)
    assert path.kkt.max() <= 1e-9
    assert path.lams[0] == pytest.approx(elastic_net_path(Z, y, **more).lams[0], rel=1e-9)
    other = elastic_net_path(Z, y, lams=path.lams, **more)
    np.testing.assert_allclose(path.objective, other.objective, rtol=1e-12)
    np.testing.assert_allclose(path.coefs, other.coefs, atol=2e-9)
    np.testing.assert_allclose(levels(path), levels(other), atol=1e-8)
    assert store.most < N / 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_a_memory_map_equals_its_rows_in_memory(dtype, tmp_path, few_sampled):
    Z, y = problem("multinomial", 2)
    Z = (10 * Z).astype(dtype)
    file = tmp_path / "Z.npy"
    np.save(file, Z)
    path = elastic_net_path(np.load(file, mmap_mode="r"), y, tol=1e-9, **GRID)
    other = elastic_net_path(Z.astype(float), y, tol=1e-9, **GRID)
    np.testing.assert_allclose(path.coefs, other.coefs, atol=1e-9)


def test_the_size_of_chunks_does_not_matter(monkeypatch, few_sampled):
    Z, y = problem("multinomial", 3)
    found = []
    for size in (1 << 13, 1 << 16, 1 << 24):
        read_by(monkeypatch, size)
        found.append(elastic_net_path(Store(Z), y, tol=1e-9, **GRID))
    for other in found[1:]:
        np.testing.assert_allclose(other.coefs, found[0].coefs, atol=2e-9)
        np.testing.assert_allclose(other.objective, found[0].objective, rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_passes_are_the_readings_of_the_store_and_few(family, few_sampled, monkeypatch):
    monkeypatch.setattr(streaming, "SAMPLE", 4000)
    Z, y = problem(family, 4, n=12_000)
    store = Store(Z)
    path = elastic_net_path(store, y, family=family, tol=2e-2, n_lams=12, lam_min_ratio=0.02)
    assert path.kkt.max() <= 2e-2
    assert path.passes.sum() == pytest.approx(store.read / len(Z), abs=1e-3)  # one row more
    assert path.passes.mean() <= 3


def test_a_store_that_the_sample_holds_is_read_once_a_strength():
    Z, y = problem("multinomial", 5)
    path = elastic_net_path(Store(Z), y, tol=1e-4, n_lams=10, lam_min_ratio=0.05)
    assert path.passes[2:].max() == 1


def test_certificates_and_means_are_taken_from_a_store():
    Z, y = problem("multinomial", 6)
    path = elastic_net_path(Z, y, **GRID)
    store = Store(Z)
    assert lam_max(store, y) == pytest.approx(path.lams[0], rel=1e-12)
    at = path.coefs[3], path.intercepts[3], path.lams[3]
    assert kkt_violation(store, y, *at) == pytest.approx(path.kkt[3], rel=1e-6)
    mean, scale = standardise(store)
    np.testing.assert_allclose(mean, Z.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(scale, Z.std(axis=0), rtol=1e-12)


def test_values_that_are_not_finite_are_refused_chunk_by_chunk():
    Z, y = problem("multinomial", 7)
    Z[5, 1], Z[-1, 0] = np.nan, np.inf
    with pytest.raises(InputError, match="Z holds 2 values that are NaN or infinite"):
        elastic_net_path(Store(Z), y)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("order", "dtype"), [("C", np.float32), ("F", np.float64)])
def test_large_data_are_read_where_they_lie(family, order, dtype, monkeypatch):
    monkeypatch.setattr(inputs, "COPY_UP_TO", 0)
    Z, y = problem(family, 8)
    Z = np.array(Z, dtype, order=order)
    found, _ = check_problem(Z, y, family, None, None, None)
    assert found.features.source is Z
    more = GRID | {"family": family, "tol": 1e-9} | options(family)
    path = elastic_net_path(Z, y, **more)
    monkeypatch.undo()
    other = elastic_net_path(Z.astype(float), y, **more)
    np.testing.assert_allclose(path.coefs, other.coefs, atol=2e-9)
    np.testing.assert_allclose(path.objective, other.objective, rtol=1e-12)


def test_columns_far_from_zero_keep_their_precision_in_a_store(few_sampled):
    Z, y = problem("multinomial", 9)
    near = Z - Z.mean(axis=0)
    path = elastic_net_path(Store(near + 1e5), y, tol=1e-6, **GRID)
    other = elastic_net_path(near, y, tol=1e-6, **GRID)
    np.testing.assert_allclose(path.lams, other.lams, rtol=1e-8)
    np.testing.assert_allclose(path.objective, other.objective, rtol=1e-9)
