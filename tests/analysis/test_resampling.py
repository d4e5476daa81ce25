"""Intervals cover what they should, baselines know unrelated sides, and both follow the seed."""

from __future__ import annotations

import numpy as np
import pytest
from similar_sides import related

from pcbm.analysis import Settings, baselines, intervals, measure, resampling
from pcbm.errors import InputError

NAMES = ["cka_debiased", "knn", "procrustes", "frechet"]


def test_an_interval_holds_its_value_and_shrinks_with_n():
    widths = []
    for n, names in ((100, NAMES), (1600, NAMES[:1])):
        X, Y = related(n, 6, 6)
        found = measure(X, Y, names)
        drawn = intervals(X, Y, found, Settings(), draws=60)
        for name in names:
            assert drawn[name].low < found[name].value < drawn[name].high
        widths.append(drawn["cka_debiased"].high - drawn["cka_debiased"].low)
        assert drawn["cka_debiased"].rows == n // 2
    assert 2.5 < widths[0] / widths[1] < 6.5  # the root of 16 is 4


def test_pairs_of_rows_are_counted_on_smaller_subsamples(monkeypatch):
    monkeypatch.setattr(resampling, "MOST_PAIR_ROWS", 50)
    X, Y = related(300, 3, 3)
    found = measure(X, Y, ["knn", "cka"])
    drawn = intervals(X, Y, found, Settings(), draws=20)
    assert (drawn["knn"].rows, drawn["cka"].rows) == (50, 150)


@pytest.mark.slow
def test_intervals_cover_the_true_value_about_as_often_as_they_say():
    rng = np.random.default_rng(5)
    mix = rng.normal(size=(4, 5))

    def draw(n):
        X = rng.normal(size=(n, 4))
        return X, X @ mix + 2 * rng.normal(size=(n, 5))

    truth = measure(*draw(200_000), ["cka_debiased"])["cka_debiased"].value
    hits = 0
    for _ in range(200):
        X, Y = draw(150)
        found = measure(X, Y, ["cka_debiased"])
        interval = intervals(X, Y, found, Settings(), draws=60)["cka_debiased"]
        hits += interval.low <= truth <= interval.high
    assert 0.88 <= hits / 200 <= 0.99


def test_shuffled_rows_are_the_baseline():
    X, Y = related(100, 6, 6)
    found = measure(X, Y, NAMES)
    shuffled = baselines(X, Y, found, Settings(), permutations=39)
    assert shuffled["cka_debiased"].p_value == 1 / 40
    assert abs(shuffled["cka_debiased"].mean) < 0.02
    assert shuffled["procrustes"].p_value == 1 / 40  # a distance: smaller is more alike
    assert shuffled["procrustes"].extreme > found["procrustes"].value
    assert shuffled["knn"].mean == pytest.approx(found["knn"].details["chance"], abs=0.02)
    assert shuffled["frechet"] is None  # it does not look at how rows are aligned


def test_unrelated_sides_are_not_beyond_their_baseline():
    rng = np.random.default_rng(1)
    X, Y = rng.normal(size=(60, 5)), rng.normal(size=(60, 5))
    found = measure(X, Y, ["cka", "cca"])
    shuffled = baselines(X, Y, found, Settings(), permutations=39)
    assert all(shuffled[name].p_value > 0.05 for name in found)


def test_what_has_no_value_has_no_interval():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, 12)), rng.normal(size=(20, 12))
    found = measure(X, Y, ["cca"])
    assert intervals(X, Y, found, Settings(), 20) == {"cca": None}
    assert baselines(X, Y, found, Settings(), 20) == {"cca": None}


def test_the_seed_draws_everything():
    X, Y = related(60, 4, 4)
    found = measure(X, Y, ["cka", "rsa"])
    first = [intervals(X, Y, found, Settings(seed=s), 20) for s in (1, 1, 2)]
    assert first[0] == first[1] != first[2]
    shuffled = [baselines(X, Y, found, Settings(seed=s), 20) for s in (1, 1, 2)]
    assert shuffled[0] == shuffled[1] != shuffled[2]


def test_too_little_is_refused():
    X, Y = related(60, 4, 4)
    found = measure(X, Y, ["cka"])
    with pytest.raises(InputError, match="at least 20"):
        intervals(X, Y, found, Settings(), 5)
    with pytest.raises(InputError, match="at least 1"):
        baselines(X, Y, found, Settings(), 0)
    with pytest.raises(InputError, match="subsamples of 7 rows"):
        intervals(X[:7], Y[:7], found, Settings(), 20)
