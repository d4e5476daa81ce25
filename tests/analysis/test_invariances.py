"""What each comparison says of itself holds, and nothing that it does not say."""

from __future__ import annotations

import numpy as np
import pytest
from similar_sides import MAPS, related

from pcbm.analysis import METRICS, Comparison, Settings, measure, rsa

MAPPED = ("orthogonal", "isotropic scaling", "invertible linear", "translation")
SAME_ON_BOTH = ("frechet",)


def compared(name: str, X: np.ndarray, Y: np.ndarray) -> Comparison:
    return measure(X, Y, [name], Settings(neighbours=5, batch_size=30))[name]


def mapped(name: str, X: np.ndarray, Y: np.ndarray, kind: str) -> Comparison:
    """Compare after a map of each side, or after one map of both where the metric needs it."""
    seeds = (3, 3) if name in SAME_ON_BOTH else (3, 8)
    return compared(name, MAPS[kind](X, seeds[0]), MAPS[kind](Y, seeds[1]))


@pytest.mark.parametrize("kind", MAPPED)
@pytest.mark.parametrize("name", METRICS)
def test_a_stated_invariance_holds_and_no_other(name, kind):
    X, Y = related(90, 6, 6, noise=0.4)
    before = compared(name, X, Y)
    after = mapped(name, X, Y, kind)
    stated = any(
        entry == kind or (name in SAME_ON_BOTH and entry.startswith(kind))
        for entry in before.invariances
    )
    if stated:
        assert after.value == pytest.approx(before.value, abs=1e-8)
    else:
        assert abs(after.value - before.value) > 1e-4


def test_pwcca_lets_its_second_side_be_mapped_by_any_invertible_map():
    X, Y = related(90, 6, 6)
    before = compared("pwcca", X, Y)
    assert "invertible linear (second side alone)" in before.invariances
    after = compared("pwcca", X, MAPS["invertible linear"](Y, 3))
    assert after.value == pytest.approx(before.value, abs=1e-9)


def test_rsa_without_centring_sees_translations():
    X, Y = related()
    moved = rsa(MAPS["translation"](X, 1), Y, centre=False)
    assert abs(moved.value - rsa(X, Y, centre=False).value) > 1e-3
    assert "translation" not in moved.invariances


@pytest.mark.parametrize("name", METRICS)
def test_a_side_compared_with_itself_is_as_alike_as_can_be(name):
    X, _ = related(90, 6, 6)
    found = compared(name, X, X)
    assert found.value == pytest.approx(1.0 if found.kind == "similarity" else 0.0, abs=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_symmetric_comparisons_do_not_see_an_exchange(name):
    X, Y = related(90, 6, 6)
    there, back = compared(name, X, Y), compared(name, Y, X)
    if there.direction == "symmetric":
        assert there.value == pytest.approx(back.value, abs=1e-12)
    else:
        assert there.details["reverse"] == pytest.approx(back.value, abs=1e-12)
        assert abs(there.value - back.value) > 1e-4


@pytest.mark.parametrize("name", METRICS)
def test_every_result_says_what_it_is_as_plain_values(name):
    import json

    X, Y = related(90, 6, 6)
    data = compared(name, X, Y).data()
    assert json.loads(json.dumps(data)) == data
    assert data["kind"] in ("similarity", "distance")
    assert data["direction"]
    assert data["n"] == 90
