"""Maps of layers: each cell is the comparison of its two layers, on either side, in any blocks."""

from __future__ import annotations

import numpy as np
import pytest
from similar_sides import rotation

from pcbm.analysis import METRICS, Settings, layer_identification, layer_maps, layer_sums, measure
from pcbm.analysis.layer_maps import LayerMap, MinibatchMap
from pcbm.errors import InputError

LINEAR = ["cka", "cka_debiased", "cka_minibatch"]


def layers(n, widths, seed=0):
    """Return layers that each follow from the one before, as float32 like a network's."""
    rng = np.random.default_rng(seed)
    found, X = {}, rng.normal(size=(n, 9))
    for number, width in enumerate(widths):
        X = np.maximum(X @ rng.normal(size=(X.shape[1], width)) / 3 + 0.2, 0)
        found[f"layer.{number}"] = X.astype(np.float32)
    return found


@pytest.mark.parametrize(("n", "left", "right"), [(64, (8, 12), (7, 30)), (24, (60,), (90, 200))])
def test_every_cell_is_the_comparison_of_its_two_layers(n, left, right):
    A, B = layers(n, left), layers(n, right, seed=1)
    settings = Settings(batch_size=12, neighbours=5, seed=3)
    names = [name for name in METRICS if name != "frechet"]
    maps = layer_maps(A, B, names, settings)
    assert list(maps) == names
    for name, found in maps.items():
        assert (found.rows, found.columns, found.n) == (list(A), list(B), n)
        for i, X in enumerate(A.values()):
            for j, Y in enumerate(B.values()):
                cell = measure(X, Y, [name], settings)[name]
                expected = np.nan if cell.value is None else cell.value
                assert found.values[i, j] == pytest.approx(expected, abs=1e-9, nan_ok=True)
                assert found.kind == cell.kind
                if cell.reason:
                    assert found.reasons[cell.reason] >= 1


@pytest.mark.parametrize("most", [300, 2000, 1 << 25])
@pytest.mark.parametrize("widths", [(8, 12, 5), (60, 200)])
def test_small_blocks_give_the_same_sums(widths, most, monkeypatch):
    A, B = (list(layers(40, widths, seed=s).values()) for s in (0, 1))
    whole = layer_sums.layer_sums(A, B)
    monkeypatch.setattr(layer_sums, "MOST_VALUES", most)
    monkeypatch.setattr(layer_sums, "CACHED_VALUES", most)
    monkeypatch.setattr(layer_sums, "FEWEST_COLUMNS", 7)
    sides = {}
    for side in (True, False):
        monkeypatch.setattr(layer_sums, "gram_is_cheaper", lambda *_, side=side: side)
        sides[side] = layer_sums.layer_sums(A, B)
    for name in ("xy", "xx", "yy", "a_b", "a_a", "b_b", "a", "b"):
        for found in sides.values():
            assert np.allclose(getattr(found, name), getattr(whole, name), rtol=1e-11)


def unbiased(K, L):
    """HSIC_1 of Song et al. (2012), eq. 5, written out on whole kernels."""
    n = len(K)
    K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
    ones = np.ones(n)
    middle = (ones @ K @ ones) * (ones @ L @ ones) / ((n - 1) * (n - 2))
    return (np.trace(K @ L) + middle - 2 / (n - 2) * (ones @ K @ L @ ones)) / (n * (n - 3))


@pytest.mark.parametrize("widths", [(3, 9), (150, 90)])
def test_minibatch_maps_are_the_formula_on_kernels_far_from_zero(widths):
    A, B = (layers(48, widths, seed=s) for s in (0, 1))
    state = MinibatchMap(list(A), list(B))
    sums = np.zeros((3, 2, 2))
    for rows in np.split(np.arange(48), 3):
        batch = [[X[rows] for X in side.values()] for side in (A, B)]
        state.update([X.astype(float) + 50.0 for X in batch[0]], batch[1])  # nobody sees a shift
        K, L = ([X.astype(float) @ X.astype(float).T for X in side] for side in batch)
        sums += [
            [[unbiased(k, m) for m in L] for k in K],
            [[unbiased(k, k)] * 2 for k in K],
            [[unbiased(m, m) for m in L]] * 2,
        ]
    expected = sums[0] / np.sqrt(sums[1] * sums[2])
    assert np.abs(state.compute().values - expected).max() < 1e-9


def test_a_constant_layer_has_no_value_and_says_so():
    A, B = layers(30, (5, 6)), layers(30, (4,), seed=1)
    A["dead"] = np.full((30, 3), 0.1, np.float32)
    for found in layer_maps(A, B, LINEAR, Settings(batch_size=10)).values():
        assert np.isnan(found.values[2, 0])
        assert np.isfinite(found.values[:2]).all()
        assert found.reasons == {"the first side is constant": 1}
        assert found.data()["values"][2] == [None]
        assert found.best()["dead"] is None


def test_batches_of_one_class_make_no_map():
    A = layers(40, (5, 6))
    state = MinibatchMap(list(A), list(A))
    tables = list(A.values())
    for start in (0, 20):
        part = [t[start : start + 20] for t in tables]
        state.update(part, part, np.full(20, start))
    found = state.compute()
    assert np.isnan(found.values).all()
    assert "2 of 2 batches hold one class alone" in next(iter(found.reasons))


def test_a_batch_without_rows_enough_is_refused():
    state = MinibatchMap(["a"], ["a"])
    with pytest.raises(InputError, match="no batch"):
        state.compute()
    with pytest.raises(InputError, match="a batch of 3 rows"):
        state.update([np.eye(3)], [np.eye(3)])


def test_what_cannot_be_mapped_is_refused():
    A = layers(30, (5, 6))
    with pytest.raises(InputError, match="given no layer"):
        layer_maps(A, {}, ["cka"])
    with pytest.raises(InputError, match=r"'layer.0' has 20 rows and 'layer.0' 30|20 rows"):
        layer_maps(A, {"other": np.ones((20, 2))}, ["cka"])
    with pytest.raises(InputError, match="have 3 rows: a map needs at least 4"):
        layer_maps({"a": np.eye(3)}, {"a": np.eye(3)}, ["cka"])
    with pytest.raises(InputError, match="frechet was asked for, but layers have no feature space"):
        layer_maps(A, A, ["cka", "frechet"])


def map_of(values, names=("a", "b", "c"), kind="similarity"):
    values = np.array(values, dtype=float)
    return LayerMap("cka", kind, "symmetric", (), list(names), list(names), values, 10, {})


def test_identification_counts_layers_that_find_themselves():
    right = map_of(np.eye(3))
    swapped = map_of([[1, 0, 0], [0, 0, 1], [0, 1, 0]])
    found = layer_identification([right, swapped])
    assert found["accuracy"] == pytest.approx((3 + 3 + 1 + 1) / 12)
    assert found["per_layer"] == {"a": 1.0, "b": 0.5, "c": 0.5}
    assert (found["pairs"], found["n"], found["chance"]) == (2, 12, 1 / 3)


def test_identification_looks_for_the_smallest_distance_and_leaves_what_has_no_value():
    distances = map_of([[0, 1, 1], [1, 0, 1], [np.nan, np.nan, np.nan]], kind="distance")
    assert layer_identification([distances])["per_layer"] == {"a": 1.0, "b": 1.0, "c": 0.0}


def test_identification_needs_the_same_layers():
    with pytest.raises(InputError, match="other layers"):
        layer_identification([map_of(np.eye(3)), map_of(np.eye(3), names=("a", "b", "d"))])
    with pytest.raises(InputError, match="no map"):
        layer_identification([])


def test_networks_that_are_rotations_of_one_another_are_identified_in_full():
    base = layers(60, (20, 20, 20, 20))

    def turned(seed):
        return {
            name: 2.0 * X @ rotation(X.shape[1], seed + k) + 3.0
            for k, (name, X) in enumerate(base.items())
        }

    networks = [turned(10 * seed) for seed in range(3)]
    pairs = [(a, b) for i, a in enumerate(networks) for b in networks[i + 1 :]]
    for metric in ("cka_debiased", "procrustes"):
        maps = [layer_maps(a, b, [metric])[metric] for a, b in pairs]
        assert layer_identification(maps)["accuracy"] == 1.0
