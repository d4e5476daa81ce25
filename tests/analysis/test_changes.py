"""What fine-tuning changed: forgetting, learning, CKA divergence, and the flow of invariances."""

from __future__ import annotations

import numpy as np
import pytest
from similar_sides import rotation
from small_nets import Chain, rows

from pcbm.analysis import linear_cka
from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.changes import (
    Forgotten,
    divergence,
    forgotten,
    learning,
    learnt,
    sides,
)
from pcbm.analysis.transfer.inversion import InversionSettings
from pcbm.analysis.transfer.stir import measure_stir
from pcbm.analysis.transfer.stir_study import StirSettings

X = rows(n=60)
Q = rotation(8)
LAYERS = ["map0", "map1"]
ROUGH = StirSettings(
    inversion=InversionSettings(rate=0.3, steps=3, clamp=False), seeds=2, residual_limit=9.0
)
CLOSE = StirSettings(
    inversion=InversionSettings(start="uniform", rate=0.015, steps=130, clamp=False), seeds=1
)
rng = np.random.default_rng(0)
PT = Network(Chain([Q[:6], rng.normal(size=(3, 6))]), "pt")
FT = Network(Chain([rng.normal(size=(5, 8)), rng.normal(size=(4, 5))]), "ft")
LATER = Network(Chain([rng.normal(size=(5, 8)), rng.normal(size=(4, 5))]), "later")


@pytest.fixture(scope="module")
def both() -> Forgotten:
    return forgotten(PT, [FT, LATER], X, layers=LAYERS, settings=ROUGH)


def stir(observer: Network, reference: Network, i: str, j: str) -> np.ndarray:
    """Return STIR(observer[i] | reference[j]) of each seed, measured on its own."""
    found = measure_stir(reference, [observer], X, layers=[j], read=[i], settings=ROUGH)
    return found.scores[0, :, 0, 0]


def test_nothing_changed_where_the_networks_are_the_same() -> None:
    same = forgotten(PT, [PT], X, layers=LAYERS, settings=ROUGH)
    np.testing.assert_array_equal(same.forgetting(), 0)
    np.testing.assert_array_equal(learning(learnt(PT, [PT], X, layers=LAYERS, settings=ROUGH)), 0)
    np.testing.assert_array_equal(divergence(PT, [PT], X, layers=LAYERS, settings=ROUGH), 0)


def test_forgetting_is_what_the_pretrained_layers_shared_and_the_others_do_not(
    both: Forgotten,
) -> None:
    assert both.checkpoints == ["ft", "later"]
    assert both.forgetting().shape == (2, 2, 2, 2)
    for t, network in enumerate((FT, LATER)):
        for j, row in enumerate(LAYERS):
            for i, column in enumerate(LAYERS):
                expected = stir(PT, PT, column, row) - stir(network, PT, column, row)
                np.testing.assert_array_equal(both.forgetting()[t, :, j, i], expected)


def test_learning_is_what_the_fine_tuned_layers_share_and_the_pretrained_do_not() -> None:
    found = learnt(PT, [FT, LATER], X, layers=LAYERS, settings=ROUGH)
    values = learning(found)
    assert values.shape == (2, 2, 2, 2)
    for t, network in enumerate((FT, LATER)):
        for j, row in enumerate(LAYERS):
            for i, column in enumerate(LAYERS):
                expected = stir(network, network, column, row) - stir(PT, network, column, row)
                np.testing.assert_array_equal(values[t, :, j, i], expected)


def test_rows_of_the_flow_are_inverted_layers_and_columns_fine_tuned_ones(
    both: Forgotten,
) -> None:
    flow = both.flow()
    np.testing.assert_array_equal(np.diagonal(flow, axis1=2, axis2=3), 0)
    for t, network in enumerate((FT, LATER)):
        for i, row in enumerate(LAYERS):
            for j, column in enumerate(LAYERS):
                expected = stir(network, PT, column, row) - stir(network, PT, row, row)
                np.testing.assert_array_equal(flow[t, :, i, j], expected)


def test_an_earlier_layer_that_takes_over_shows_at_the_lower_left() -> None:
    """The fine-tuned first map dims what the pretrained second map does not see."""
    faint, loud = (np.where(np.arange(8) < 3, 1.0, other) for other in (0.05, 3.0))
    pretrained = Network(Chain([np.eye(8), Q[:3]]), "pt")
    tuned = Network(Chain([faint[:, None] * Q, np.diag(loud / faint)]), "ft")
    found = forgotten(pretrained, [tuned], X, layers=LAYERS, settings=CLOSE)
    flow = found.flow()[0, 0]
    assert flow[1, 0] > 0.4
    assert abs(flow[0, 1]) < 0.05  # the first pretrained map sees everything
    compression, expansion = sides(flow)
    assert (compression, expansion) == (flow[1, 0], flow[0, 1])


def test_a_later_layer_that_takes_over_shows_at_the_upper_right() -> None:
    """The fine-tuned second map sees only what the pretrained first map saw."""
    pretrained = Network(Chain([Q[:3], np.eye(3)]), "pt")
    tuned = Network(Chain([np.eye(8), Q[:3]]), "ft")
    flow = forgotten(pretrained, [tuned], X, layers=LAYERS, settings=CLOSE).flow()[0, 0]
    assert flow[0, 1] > 0.4
    assert flow[1, 0] < -0.4  # neither does the first see less than it did


def test_divergence_is_the_fall_of_cka_with_the_pretrained_layers() -> None:
    values = divergence(PT, [FT, LATER], X, layers=LAYERS, settings=ROUGH)
    shown = {
        network.name: {
            "map0": X.numpy() @ network.module.map0.weight.detach().numpy().T,
            "map1": network.forward(X).detach().numpy(),
        }
        for network in (PT, FT, LATER)
    }
    for t, name in enumerate(("ft", "later")):
        for j, row in enumerate(LAYERS):
            for i, column in enumerate(LAYERS):
                before, after = (
                    linear_cka(shown[who][column], shown["pt"][row], debiased=True).value
                    for who in ("pt", name)
                )
                assert values[t, j, i] == pytest.approx(before - after, abs=1e-12)


def test_layers_that_were_not_inverted_have_no_values() -> None:
    strict = StirSettings(inversion=ROUGH.inversion, seeds=1, residual_limit=1e-3)
    found = forgotten(PT, [FT], X, layers=LAYERS, settings=strict)
    assert np.isnan(found.forgetting()).all()
    assert np.isnan(found.flow()).all()
    assert all(np.isnan(side) for side in sides(found.flow()[0, 0]))


def test_the_means_below_and_above_the_diagonal() -> None:
    flow = np.array([[0.0, 1.0, 2.0], [10.0, 0.0, 6.0], [20.0, 30.0, 0.0]])
    assert sides(flow) == (20.0, 3.0)
    assert sides(np.zeros((1, 1))) == (None, None)


def test_every_stage_tells_how_far_it_is() -> None:
    told: list[tuple[str, int, int]] = []

    def stages(title: str, done: int, total: int) -> None:
        told.append((title, done, total))

    one = StirSettings(inversion=InversionSettings(steps=2), seeds=1)
    forgotten(PT, [FT], X, layers=["map0"], settings=one, stages=stages)
    learnt(PT, [FT, LATER], X, layers=["map0"], settings=one, stages=stages)
    titles = list(dict.fromkeys(title for title, _, _ in told))
    assert titles == ["inverting pt", "inverting ft (1/2)", "inverting later (2/2)"]
    assert told[-1][1:] == (2, 2)
