"""Intervals and baselines of maps are, cell by cell, those of the two layers."""

from __future__ import annotations

import numpy as np
import pytest
from similar_sides import related

from pcbm.analysis import Settings, baselines, intervals, layer_maps, measure
from pcbm.analysis.layer_resampling import map_baselines, map_intervals
from pcbm.errors import InputError

METRICS = ["cka_debiased", "procrustes", "knn"]


@pytest.fixture(scope="module")
def sides():
    pairs = [related(n=80, p=4, q=5, seed=seed, noise=2.0) for seed in (0, 1)]
    left = {f"a{i}": X for i, (X, _) in enumerate(pairs)}
    right = {f"b{i}": Y for i, (_, Y) in enumerate(pairs)}
    return left, right, layer_maps(left, right, METRICS)


def test_cells_are_resampled_as_their_layers_are(sides):
    left, right, maps = sides
    settings = Settings(seed=3)
    bounds = map_intervals(left, right, maps, settings, 25)
    chance = map_baselines(left, right, maps, settings, 9)
    for i, X in enumerate(left.values()):
        for j, Y in enumerate(right.values()):
            found = measure(X, Y, METRICS, settings)
            alone = intervals(X, Y, found, settings, 25), baselines(X, Y, found, settings, 9)
            for name in METRICS:
                interval, baseline = (side[name] for side in alone)
                for key in ("low", "high", "subsample_median"):
                    cell = getattr(bounds[name], key)[i, j]
                    assert cell == pytest.approx(getattr(interval, key), abs=1e-10)
                for key in ("mean", "std", "p_value"):
                    cell = getattr(chance[name], key)[i, j]
                    assert cell == pytest.approx(getattr(baseline, key), abs=1e-10)


def test_cells_without_a_value_have_no_interval(sides):
    left, right, _ = sides
    left = {**left, "dead": np.ones((80, 2))}
    maps = layer_maps(left, right, ["cka"])
    found = map_intervals(left, right, maps, Settings(), 20)["cka"]
    assert np.isnan(found.low[2]).all()
    assert np.isfinite(found.low[:2]).all()
    assert np.isnan(map_baselines(left, right, maps, Settings(), 2)["cka"].p_value[2]).all()


def test_too_few_draws_are_refused(sides):
    left, right, maps = sides
    with pytest.raises(InputError, match="give at least 20"):
        map_intervals(left, right, maps, Settings(), 19)
    with pytest.raises(InputError, match="give at least 1"):
        map_baselines(left, right, maps, Settings(), 0)
