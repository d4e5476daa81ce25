"""Bootstrap intervals and McNemar's test against references, and how often the intervals hold."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference

from pcbm.model.intervals import Resampling, mcnemar, paired_intervals, wilson
from pcbm.model.spread import error_intervals


def hits(both: int, broken: int, repaired: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what was right before and after, from the four counts."""
    sizes = (both, broken, repaired, neither)
    return np.repeat([True, True, False, False], sizes), np.repeat([True, False] * 2, sizes)


@pytest.mark.parametrize(("broken", "repaired"), [(0, 0), (5, 5), (3, 12), (12, 3), (0, 7), (1, 0)])
def test_mcnemar_agrees_with_statsmodels(broken: int, repaired: int) -> None:
    found = mcnemar(*hits(20, broken, repaired, 9))
    assert (found["broken"], found["repaired"]) == (broken, repaired)
    if broken + repaired:
        expected = reference([[20, broken], [repaired, 9]], exact=True).pvalue
        assert found["exact"] == pytest.approx(expected)
    assert 0 < found["mid_p"] <= found["exact"] <= 1


def test_mid_p_lies_between_the_tails_with_and_without_what_was_seen() -> None:
    found = mcnemar(*hits(0, 2, 6, 0))
    with_it = 2 * (1 + 8 + 28) / 2**8
    without = 2 * (1 + 8) / 2**8
    assert found["exact"] == pytest.approx(with_it)
    assert found["mid_p"] == pytest.approx((with_it + without) / 2)


def test_intervals_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    n, share = 150, np.array([0.55, 0.1, 0.2, 0.15])  # both, broken, repaired, neither
    truth = {"before": 0.65, "after": 0.75, "difference": 0.1}
    held = dict.fromkeys(truth, 0)
    worlds = 300
    for world in range(worlds):
        before, after = hits(*rng.multinomial(n, share))
        found = paired_intervals(before, after, how=Resampling(400, world))["accuracy"]
        for name, value in truth.items():
            held[name] += found[name][0] <= value <= found[name][1]
    for name, count in held.items():
        assert 0.90 <= count / worlds <= 0.985, name


def test_differences_are_paired() -> None:
    before, after = hits(500, 5, 15, 480)
    found = paired_intervals(before, after)["accuracy"]
    width = {name: high - low for name, (low, high) in found.items()}
    assert width["difference"] < 0.4 * width["before"]


def test_a_bootstrap_of_rows_gives_the_same_intervals() -> None:
    before, after = hits(60, 8, 20, 32)
    draws = np.random.default_rng(3).integers(0, 120, (20000, 120))
    gaps = after[draws].mean(axis=1) - before[draws].mean(axis=1)
    found = paired_intervals(before, after, how=Resampling(20000))["accuracy"]["difference"]
    np.testing.assert_allclose(found, np.percentile(gaps, [2.5, 97.5]), atol=0.006)


def test_parts_are_resampled_within_themselves() -> None:
    before, after = hits(60, 8, 20, 32)
    few = np.arange(120) % 10 == 0
    parts = {"few": few, "many": ~few, "none": np.zeros(120, dtype=bool)}
    found = paired_intervals(before, after, parts, parts)
    assert set(found["per_class"]) == set(found["per_group"]) == {"few", "many"}
    width = {name: np.ptp(row["after"]) for name, row in found["per_class"].items()}
    assert width["few"] > 2 * width["many"]
    assert found["worst_group"]["after"][1] <= found["per_group"]["many"]["after"][1] + 1e-12


def test_rows_that_are_all_right_are_not_certain_for_ever() -> None:
    before, after = hits(6, 0, 0, 0)
    found = paired_intervals(before, after)["accuracy"]
    assert found["after"] == wilson(6, 6)
    assert found["after"][0] == pytest.approx(6 / (6 + 1.959964**2), abs=1e-6)


def test_the_seed_decides_every_number() -> None:
    before, after = hits(40, 8, 20, 32)
    one, same, other = (paired_intervals(before, after, how=Resampling(200, s)) for s in (4, 4, 5))
    assert one == same
    assert one != other


def test_regression_intervals_hold_the_truth_and_pair_the_models() -> None:
    rng = np.random.default_rng(1)
    y = rng.normal(size=400)
    noise = rng.normal(size=400)
    found = error_intervals(y, y + noise, y + 0.9 * noise, np.where(y > 0, "a", "b"))
    low, high = found["rmse"]["before"]
    assert low < 1.0 < high
    assert found["rmse"]["difference"][1] < 0  # sure, because paired
    assert found["r2"]["difference"][0] > 0
    assert set(found["per_group"]) == {"a", "b"}


def test_probabilities_of_the_test_are_those_of_all_ways_to_disagree() -> None:
    ways = list(product([0, 1], repeat=5))
    extreme = sum(min(sum(way), 5 - sum(way)) <= 1 for way in ways) / len(ways)
    assert mcnemar(*hits(0, 1, 4, 0))["exact"] == pytest.approx(extreme)
