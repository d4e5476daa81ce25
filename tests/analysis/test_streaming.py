"""Streams: a value from batches is the value of all rows, however the batches were merged."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from similar_sides import related

from pcbm.analysis import METRICS, Settings, knn_overlap, measure
from pcbm.analysis.moments import Moments
from pcbm.analysis.streaming import (
    FROM_MOMENTS,
    KeptRows,
    LinearCKA,
    MinibatchCKA,
    MomentComparison,
    RidgeR2,
)
from pcbm.errors import InputError

CUTS = (0, 7, 8, 40, 130)  # a batch of one row among them


def states():
    kept = {"knn": knn_overlap}
    return {
        "cka": LinearCKA,
        "cka_debiased": lambda: LinearCKA(debiased=True),
        "ridge_r2": RidgeR2,
        **{name: lambda name=name: MomentComparison(name) for name in FROM_MOMENTS},
        **{name: lambda name=name: KeptRows(kept[name]) for name in kept},
    }


def batches(X, Y):
    for start, stop in pairwise(CUTS):
        yield X[start:stop], Y[start:stop]


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("name", states())
def test_streamed_equals_in_memory(name, offset):
    X, Y = related(130, 6, 6)
    X = X + offset
    state = states()[name]()
    for batch in batches(X, Y):
        state.update(*batch)
    whole, streamed = measure(X, Y, [name])[name], state.compute()
    assert streamed.value == pytest.approx(whole.value, rel=1e-8, abs=1e-9)
    assert (streamed.n, streamed.invariances) == (whole.n, whole.invariances)
    assert streamed.details.keys() == whole.details.keys()


@pytest.mark.parametrize("name", [name for name in states() if name != "ridge_r2"])
def test_merged_states_know_the_rows_of_both(name):
    X, Y = related(130, 6, 6)
    first, second, empty = (states()[name]() for _ in range(3))
    parts = list(batches(X, Y))
    for part in parts[:2]:
        first.update(*part)
    for part in parts[2:]:
        second.update(*part)
    empty.merge(first)
    empty.merge(second)
    whole = measure(X, Y, [name])[name]
    assert empty.compute().value == pytest.approx(whole.value, abs=1e-9)
    empty.merge(states()[name]())
    assert empty.compute().n == 130


def test_merged_ridge_states_start_where_the_other_ends():
    X, Y = related(130, 6, 6)
    first, second = RidgeR2(), RidgeR2(start=53)
    first.update(X[:53], Y[:53])
    second.update(X[53:], Y[53:])
    second.merge(first)
    assert second.compute().value == pytest.approx(measure(X, Y, ["ridge_r2"])["ridge_r2"].value)


def test_minibatch_cka_counts_batches_in_any_order():
    X, Y = related(120, 6, 6)
    first, second = MinibatchCKA(), MinibatchCKA()
    for start in range(0, 120, 30):
        (first if start < 60 else second).update(X[start : start + 30], Y[start : start + 30])
    second.merge(first)
    whole = METRICS["cka_minibatch"](X, Y, Settings(batch_size=30))
    found = second.compute()
    assert found.details == whole.details == {"batches": 4}
    assert found.value == pytest.approx(whole.value, abs=0.05)  # other batches: shuffled there


def test_moments_without_some_rows_are_those_of_the_others():
    X, Y = related(50, 3, 4)
    whole, part = Moments.of(X, Y), Moments.of(X[10:25], Y[10:25])
    left = np.r_[0:10, 25:50]
    rest, expected = whole - part, Moments.of(X[left], Y[left])
    for name in ("n", "mean_x", "mean_y", "xx", "xy", "yy"):
        assert np.allclose(getattr(rest, name), getattr(expected, name), atol=1e-10)


@pytest.mark.parametrize("name", states())
def test_a_stream_of_few_rows_is_refused(name):
    state = states()[name]()
    with pytest.raises(InputError, match=r"0 rows|no rows"):
        state.compute()
    state.update(*(M[:3] for M in related()))
    with pytest.raises(InputError, match="3 rows"):
        state.compute()


def test_unknown_streams_are_refused():
    with pytest.raises(InputError, match="rsa is not known from moments"):
        MomentComparison("rsa")
