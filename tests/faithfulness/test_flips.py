"""Smallest changes inside a box, against brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linprog

from pcbm.faithfulness.flips import (
    Conditions,
    fewest_changes,
    least_change,
    single_changes,
    thinned,
)


def draw(seed: int, m: int = 3, width: int = 7, room: float = 1.0) -> Conditions:
    rng = np.random.default_rng(seed)
    return Conditions(
        rng.normal(size=(m, width)),
        rng.normal(size=m) + 1.0,
        -room * rng.random(width),
        room * rng.random(width),
    )


def program(c: Conditions, columns: list[int]) -> float:
    """The least sum of absolute changes of some coordinates; infinite where impossible."""
    part = c.of(columns)
    result = linprog(
        np.ones(2 * len(columns)),
        A_ub=np.hstack([-part.slopes, part.slopes]),
        b_ub=-part.needed,
        bounds=[*((0, h) for h in part.high), *((0, -v) for v in part.low)],
    )
    return float(result.fun) if result.status == 0 else np.inf


@pytest.mark.parametrize("seed", range(12))
def test_one_coordinate_in_closed_form_is_the_linear_program(seed: int) -> None:
    c = draw(seed, m=2, room=4.0)
    found = single_changes(c)
    expected = np.array([program(c, [j]) for j in range(7)])
    assert (np.isfinite(found) == np.isfinite(expected)).all()
    kept = np.isfinite(found)
    np.testing.assert_allclose(np.abs(found[kept]), expected[kept], atol=1e-9)


@pytest.mark.parametrize("size", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_sets_are_ranked_as_if_all_were_tried(seed: int, size: int) -> None:
    c = draw(seed, room=2.0)
    every = sorted(program(c, list(s)) for s in combinations(range(7), size))
    possible = [value for value in every if np.isfinite(value)]
    found, proven = fewest_changes(c, size, 4)
    assert proven
    costs = [float(np.abs(delta).sum()) for delta in found]
    np.testing.assert_allclose(costs, possible[:4], atol=1e-7)
    for delta in found:
        assert (c.slopes @ delta >= c.needed - 1e-7).all()
        assert (delta >= c.low - 1e-9).all()
        assert (delta <= c.high + 1e-9).all()


@pytest.mark.parametrize("seed", range(8))
def test_the_least_change_over_all_and_its_thinned_form(seed: int) -> None:
    c = draw(seed, width=12, room=0.6)
    expected = program(c, list(range(12)))
    found = least_change(c)
    assert (found is None) == (not np.isfinite(expected))
    if found is not None:
        assert np.abs(found).sum() == pytest.approx(expected, abs=1e-7)
        few = thinned(c, found)
        assert (few != 0).sum() <= (found != 0).sum()
        assert (c.slopes @ few >= c.needed - 1e-7).all()
