"""STIR says how far an observer shares what another network cannot tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from similar_sides import rotation
from small_nets import Chain, rows

from pcbm.analysis import linear_cka
from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.inversion import InversionSettings, starting_pixels
from pcbm.analysis.transfer.ledger import Ledger
from pcbm.analysis.transfer.stir import Stir, measure_stir, spread
from pcbm.analysis.transfer.stir_study import StirSettings
from pcbm.errors import InputError

X = rows(n=120)
Q = rotation(8)
CLOSE = InversionSettings(start="uniform", rate=0.015, steps=130, clamp=False)
ROUGH = InversionSettings(rate=0.3, steps=3, clamp=False)
CUT = {"inversion": ROUGH, "residual_limit": 9.0}


def network(*weights: np.ndarray, name: str = "net") -> Network:
    return Network(Chain(list(weights)), name)


def measure(reference: Network, *observers: Network, layers=("map0",), **settings) -> Stir:
    given = StirSettings(**{"inversion": CLOSE, "seeds": 2, "batch_size": 120, **settings})
    return measure_stir(reference, observers, X, layers=list(layers), settings=given)


@pytest.mark.parametrize("debiased", [False, True])
def test_linear_networks_have_the_score_of_the_closed_form(debiased: bool) -> None:
    """X' is X where the reference looks and the start everywhere else."""
    seen, other = Q[:3], np.random.default_rng(5).normal(size=(4, 8))
    name = "cka_debiased" if debiased else "cka"
    found = measure(network(seen), network(other), similarity=name)
    inside = seen.T @ seen
    for k, seed in enumerate((0, 1)):
        start = starting_pixels(X, CLOSE, seed).numpy()
        inverted = X.numpy() @ inside + start @ (np.eye(8) - inside)
        shown = [values @ other.T for values in (X.numpy(), inverted, start)]
        expected = linear_cka(shown[0], shown[1], debiased=debiased).value
        floor = linear_cka(shown[0], shown[2], debiased=debiased).value
        assert found.scores[0, k, 0, 0] == pytest.approx(expected, abs=0.01)
        assert found.floors[0, k, 0, 0] == pytest.approx(floor, abs=1e-10)
    assert found.values()[0, 0, 0] == pytest.approx(found.scores[0, :, 0, 0].mean())


def test_a_network_shares_its_own_invariances() -> None:
    found = measure(network(Q[:3]), network(Q[:3]))
    assert found.values()[0, 0, 0] > 0.99
    np.testing.assert_array_equal(found.scores[0, :, :, 0], found.self_scores)
    assert (found.residual < 0.02).all()


def test_the_self_score_is_measured_and_falls_short_when_the_search_is_cut() -> None:
    cut = measure(network(Q[:3]), network(Q[:3]), **CUT)
    assert (cut.self_scores < 0.9).all()
    np.testing.assert_array_equal(cut.scores[0, :, :, 0], cut.self_scores)


def test_stir_is_directed() -> None:
    """Who looks at less is blind to all that the other is blind to; not the other way round."""
    little, much = network(Q[:1], name="little"), network(Q[:5], name="much")
    assert measure(much, little).values()[0, 0, 0] > 0.98
    assert measure(little, much).values()[0, 0, 0] < 0.5


def test_sharing_nothing_is_zero_without_bias_and_not_with_it() -> None:
    reference, observer = network(Q[:3]), network(np.eye(8)[:, :] @ Q[3:].T @ Q[3:])
    debiased = measure(reference, observer)
    biased = measure(reference, observer, similarity="cka")
    assert abs(debiased.values()[0, 0, 0]) < 0.05
    assert biased.values()[0, 0, 0] > debiased.values()[0, 0, 0] + 0.02


def test_one_inversion_serves_every_observer_and_every_layer() -> None:
    A, B, C = (np.random.default_rng(k).normal(size=(8, 8)) for k in range(3))
    reference = network(Q[:4], np.eye(4)[:2])
    together = measure(
        reference, network(A, B), network(C, B), layers=("map0", "map1"), inversion=ROUGH
    )
    assert together.scores.shape == (2, 2, 2, 2)
    assert together.read == ["map0", "map1"]
    for o, first in enumerate((A, C)):
        for j, layer in enumerate(("map0", "map1")):
            alone = measure(reference, network(first, B), layers=(layer,), inversion=ROUGH)
            wide = measure_stir(
                reference,
                [network(first, B)],
                X,
                layers=[layer],
                read=["map0", "map1"],
                settings=alone.settings,
            )
            np.testing.assert_array_equal(wide.scores[0, :, 0], together.scores[o, :, j])


def test_a_residual_above_the_limit_gives_no_value_and_the_reason() -> None:
    found = measure(network(Q[:3], name="short"), network(Q[:3]), inversion=ROUGH)
    assert np.isnan(found.values()).all()
    assert np.isfinite(found.scores).all()  # what was measured is kept
    reason = found.reason(0, 0, 0)
    assert "the inversion of 'map0' of short did not converge: residual" in reason
    assert "limit 0.3; use more steps, or Adam" in reason
    adam = InversionSettings(optimiser="adam", steps=1, rate=1e-9)
    found = measure(network(Q[:3]), network(Q[:3]), inversion=adam, seeds=1)
    assert found.reason(0, 0, 0).endswith("limit 0.3; use more steps")


def test_a_constant_observer_has_no_score_and_the_reason() -> None:
    found = measure(network(Q[:3]), network(np.zeros((2, 8))), network(Q[:3]), **CUT)
    assert np.isnan(found.values()[0]).all() and np.isfinite(found.values()[1]).all()
    assert found.reason(0, 0, 0) == "the first side is constant"
    assert found.reason(1, 0, 0) is None


def test_spread_is_over_seeds() -> None:
    found = measure(network(Q[:3]), network(Q[2:5]), seeds=3, **CUT)
    expected = np.std(found.scores[0, :, 0, 0], ddof=1)
    assert spread(found.by_seed())[0, 0, 0] == pytest.approx(expected)
    assert expected > 0
    assert spread(found.by_seed()[:, :1]) is None


def test_seeds_count_on_and_repeat() -> None:
    first = measure(network(Q[:3]), network(Q[2:5]), seeds=2, seed=7, **CUT)
    second = measure(network(Q[:3]), network(Q[2:5]), seeds=1, seed=8, **CUT)
    np.testing.assert_array_equal(first.scores[:, 1:], second.scores)


def test_what_lies_between_two_pictures_is_told_beside_the_residual() -> None:
    found = measure(network(Q[:3]), network(Q[:3]), **CUT)
    seen = X.numpy() @ Q[:3].T
    pairs = (
        np.linalg.norm(seen[:, None] - seen[None], axis=2) / np.linalg.norm(seen, axis=1)[:, None]
    )
    typical = pairs[~np.eye(len(seen), dtype=bool)].mean()
    assert found.apart[0] == pytest.approx(typical, rel=0.15)


def test_an_interrupted_table_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    reference, observer = network(Q[:4], np.eye(4)[:2]), network(Q[:5], np.eye(5)[:3])
    settings = StirSettings(inversion=InversionSettings(steps=6), seeds=2, batch_size=50)

    def run(ledger: Ledger | None, progress=None) -> Stir:
        layers = ["map0", "map1"]
        return measure_stir(
            reference,
            [observer],
            X,
            layers=layers,
            settings=settings,
            ledger=ledger,
            progress=progress,
        )

    def stop_at(limit: int):
        def progress(done: int, total: int) -> None:
            assert total == 2 * 2 * 3 * 6
            if done == limit:
                raise KeyboardInterrupt

        return progress

    ledger = Ledger(tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        run(ledger, stop_at(40))
    assert len(list((tmp_path / "parts").iterdir())) == 2
    seen: list[int] = []
    resumed = run(ledger, lambda done, total: seen.append(done))
    assert seen[:3] == [18, 36, 37] and seen[-1] == 72
    undisturbed = run(None)
    for name in ("scores", "floors", "self_scores", "residual", "start_residual", "apart"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(undisturbed, name))


def test_parts_are_found_again_only_for_the_same_weights_pixels_and_settings(
    tmp_path: Path,
) -> None:
    ledger = Ledger(tmp_path)
    settings = StirSettings(inversion=InversionSettings(steps=2), seeds=1)

    def count(reference: Network, observer: Network, pixels=X, settings=settings) -> int:
        measure_stir(
            reference, [observer], pixels, layers=["map0"], settings=settings, ledger=ledger
        )
        return len(list(tmp_path.iterdir()))

    assert count(network(Q[:3]), network(Q[:4])) == 1
    assert count(network(Q[:3], name="renamed"), network(Q[:4])) == 1
    assert count(network(Q[:2]), network(Q[:4])) == 2
    assert count(network(Q[:3]), network(Q[:5])) == 3
    assert count(network(Q[:3]), network(Q[:4]), pixels=X[:50]) == 4
    more = StirSettings(inversion=InversionSettings(steps=3), seeds=1)
    assert count(network(Q[:3]), network(Q[:4]), settings=more) == 5


def test_a_ledger_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "parts").write_text("")
    with pytest.raises(InputError, match="is a file, expected a folder for finished parts"):
        Ledger(tmp_path / "parts")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"similarity": "cka_debiase"}, "did you mean 'cka_debiased'?"),
        ({"seeds": 0}, "STIR was given 0 seeds: give at least 1"),
        ({"residual_limit": 0.0}, "the residual limit is 0.0: give a positive number"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(InputError) as error:
        StirSettings(**settings)
    assert words in str(error.value)


def test_too_few_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="3 rows: it needs at least 4"):
        measure_stir(network(Q[:3]), [network(Q[:3])], X[:3], layers=["map0"])


def test_networks_with_batch_norm_and_single_precision_are_measured() -> None:
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Conv2d(4, 3, 3)
    )
    pixels = torch.rand(16, 1, 7, 7, generator=torch.Generator().manual_seed(0))
    settings = StirSettings(
        inversion=InversionSettings(optimiser="adam", steps=60), seeds=1, residual_limit=2.0
    )
    net = Network(module)
    found = measure_stir(net, [net], pixels, layers=["2", "3"], settings=settings)
    assert (found.residual < 0.3 * found.start_residual).all()
    assert np.isfinite(found.scores).all()
