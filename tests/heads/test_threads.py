"""Work shared among threads: who does it must not show in what comes out."""

import threading

import numpy as np
import pytest
from elastic_net import FAMILIES
from head_problems import draw
from threadpoolctl import threadpool_info, threadpool_limits

import pcbm.heads.model as model
import pcbm.heads.threads as threads
from pcbm.heads import elastic_net_path, standardise
from pcbm.heads.threads import in_order, team

LARGE = (10**6, 10, 100)


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 4)


@pytest.mark.parametrize("family", FAMILIES)
def test_any_number_of_threads_gives_the_same_bytes(family, monkeypatch, four_cores):
    monkeypatch.setattr(threads, "SMALL_PRODUCT", 0)
    monkeypatch.setattr(model, "SHARED", 1)  # classes of a model are shared too
    Z, y = draw(family, 1, n=9000, K=12)
    found = []
    for count in (1, 2, 4):
        with threadpool_limits(limits=count):
            found.append(elastic_net_path(Z, y, family=family, n_lams=5, tol=1e-4))
    for path in found[1:]:
        assert path.coefs.tobytes() == found[0].coefs.tobytes()
        assert path.intercepts.tobytes() == found[0].intercepts.tobytes()
        assert path.objective.tobytes() == found[0].objective.tobytes()


def test_products_that_blas_would_share_give_the_same_bytes_too():
    rng = np.random.default_rng(2)
    Z = rng.normal(size=(20_000, 60)) + 3
    y = (Z[:, :5] + rng.normal(size=(20_000, 5))).argmax(axis=1)
    offset, weights = rng.normal(size=(20_000, 5)), rng.random(20_000)
    given = {"sample_weight": weights, "offset": offset, "n_lams": 2, "lam_min_ratio": 0.5}
    found = []
    for count in (1, 2, 4):
        with threadpool_limits(limits=count):
            path = elastic_net_path(Z, y, **given)
            arrays = (path.coefs, path.intercepts, path.gap, path.kkt, *standardise(Z, weights))
            found.append([array.tobytes() for array in arrays])
    assert found[1] == found[0]
    assert found[2] == found[0]


@pytest.mark.parametrize("limit", [1, 3])
def test_a_team_keeps_to_the_limit_of_the_caller(limit, four_cores):
    ready = threading.Barrier(limit, timeout=30)

    def name(_):
        ready.wait()  # passes only when as many threads as the limit are at work together
        return threading.current_thread().name

    with threadpool_limits(limits=limit), team(*LARGE):
        assert len(set(in_order(name, range(6)))) == limit
        assert all(pool["num_threads"] == 1 for pool in threadpool_info())


def test_cores_of_the_process_are_a_limit_too(monkeypatch):
    monkeypatch.setattr(threads, "cores", lambda: 1)
    with threadpool_limits(limits=4), team(*LARGE):
        names = set(in_order(lambda _: threading.current_thread().name, range(9)))
    assert names == {threading.current_thread().name}


def test_results_come_in_the_order_of_the_work(four_cores):
    last = threading.Event()

    def work(i):
        if i == 0:
            assert last.wait(30)  # the first piece ends after the second
        last.set()
        return i

    with threadpool_limits(limits=4), team(*LARGE):
        assert list(in_order(work, range(100))) == list(range(100))


def test_an_error_in_a_thread_is_raised_where_the_result_is_wanted(four_cores):
    def work(i):
        if i == 5:
            raise MemoryError("five")
        return i

    with threadpool_limits(limits=4), team(*LARGE), pytest.raises(MemoryError, match="five"):
        list(in_order(work, range(50)))


def test_pools_get_their_threads_back(four_cores):
    before = [pool["num_threads"] for pool in threadpool_info()]
    with team(*LARGE):
        np.testing.assert_array_equal([pool["num_threads"] for pool in threadpool_info()], 1)
    assert [pool["num_threads"] for pool in threadpool_info()] == before
