"""Inversion finds what a layer sees and leaves alone what it does not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from similar_sides import rotation
from small_nets import Chain, rows
from torch import nn

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.inversion import (
    InversionSettings,
    default_rate,
    invert,
    starting_pixels,
)
from pcbm.errors import InputError

X = rows()
Q = rotation(8)
SEEN = 3


def sees(k: int = SEEN) -> Network:
    """Return a network that keeps the first k coordinates of a rotated picture."""
    return Network(Chain([Q[:k]]), "sees")


@pytest.mark.parametrize(
    ("optimiser", "rate", "steps"), [("gradient", 0.01, 400), ("adam", 0.02, 300)]
)
def test_what_the_layer_sees_is_found(optimiser, rate: float, steps: int) -> None:
    settings = InversionSettings(optimiser=optimiser, rate=rate, steps=steps, clamp=False)
    found = invert(sees(), "map0", X, settings)
    inside = Q[:SEEN].T @ Q[:SEEN]
    np.testing.assert_allclose(found.pixels.numpy() @ inside, X.numpy() @ inside, atol=0.01)
    assert found.residual.max() < 0.02
    assert found.floor.min() > 0.2


def test_what_the_layer_does_not_see_stays_as_the_start_had_it() -> None:
    settings = InversionSettings(rate=0.05, steps=60, clamp=False)
    found = invert(sees(), "map0", X, settings)
    outside = np.eye(8) - Q[:SEEN].T @ Q[:SEEN]
    moved = (found.pixels - found.start).numpy()
    np.testing.assert_allclose(moved @ outside, 0, atol=1e-12)
    assert np.abs(moved).max() > 0.1


def test_residuals_are_those_of_the_pixels_that_are_returned() -> None:
    found = invert(sees(), "map0", X, InversionSettings(steps=5))
    target = X.numpy() @ Q[:SEEN].T
    for pixels, told in ((found.pixels, found.residual), (found.start, found.floor)):
        error = np.linalg.norm(pixels.numpy() @ Q[:SEEN].T - target, axis=1)
        np.testing.assert_allclose(told, error / np.linalg.norm(target, axis=1), rtol=1e-10)
    assert (found.residual <= found.floor).all()


def test_a_step_of_the_gradient_has_the_given_length() -> None:
    settings = InversionSettings(rate=0.25, steps=1, clamp=False)
    found = invert(sees(), "map0", X, settings)
    moved = torch.linalg.vector_norm(found.pixels - found.start, dim=1)
    better = moved > 0
    assert better.any()
    np.testing.assert_allclose(moved[better], 0.25, rtol=1e-10)


def test_pixels_stay_valid_when_clamped() -> None:
    kept = invert(sees(), "map0", X, InversionSettings(start="normal", steps=10))
    for pixels in (kept.start, kept.pixels):
        assert pixels.min() >= 0 and pixels.max() <= 1
    free = invert(sees(), "map0", X, InversionSettings(start="normal", steps=10, clamp=False))
    assert free.pixels.min() < 0 and free.pixels.max() > 1


@pytest.mark.parametrize("optimiser", ["gradient", "adam"])
def test_batches_change_nothing_and_seeds_repeat(optimiser) -> None:
    settings = InversionSettings(optimiser=optimiser, steps=20)
    one = invert(sees(), "map0", X, settings, seed=3)
    again = invert(sees(), "map0", X, settings, seed=3)
    batched = invert(sees(), "map0", X, settings, seed=3, batch_size=7)
    other = invert(sees(), "map0", X, settings, seed=4)
    assert torch.equal(one.pixels, again.pixels)
    torch.testing.assert_close(one.pixels, batched.pixels, rtol=0, atol=1e-12)
    assert not torch.allclose(one.pixels, other.pixels, atol=1e-2)


def test_starts() -> None:
    uniform = starting_pixels(X, InversionSettings(start="uniform", clamp=False), 0)
    assert uniform.min() >= 0 and uniform.max() <= 1
    assert abs(uniform.mean() - 0.5) < 0.05
    normal = starting_pixels(X, InversionSettings(start="normal", clamp=False), 0)
    assert abs(normal.mean()) < 0.15 and abs(normal.std() - 1) < 0.1
    assert torch.equal(normal.clamp(0, 1), starting_pixels(X, InversionSettings(), 0))
    swapped = starting_pixels(X, InversionSettings(start="image"), 0)
    assert not (swapped == X).all(dim=1).any()
    assert torch.equal(swapped.sort(dim=0).values, X.sort(dim=0).values)


def test_the_default_step_grows_with_the_size_of_the_picture() -> None:
    settings = InversionSettings()
    assert default_rate(settings, 3 * 32 * 32) == pytest.approx(0.5)
    assert default_rate(settings, 3 * 64 * 64) == pytest.approx(1.0)
    assert default_rate(InversionSettings(rate=0.1), 5) == 0.1


def test_a_picture_whose_representation_is_zero_is_not_divided_by_zero() -> None:
    pixels = X.clone()
    pixels[4] = 0
    found = invert(sees(), "map0", pixels, InversionSettings(steps=5))
    assert np.isfinite(found.residual).all()


def test_a_dead_layer_is_refused() -> None:
    with pytest.raises(InputError, match="'map0' of dead gives zero for every picture"):
        invert(Network(Chain([np.zeros((2, 8))]), "dead"), "map0", X)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"start": "noise"}, "start of the inversion was given as 'noise'"),
        ({"optimiser": "adm"}, "was given as 'adm': did you mean 'adam'?"),
        ({"steps": 0}, "0 steps: give at least 1"),
        ({"rate": -1.0}, "the rate of the inversion is -1.0: give a positive number"),
    ],
)
def test_wrong_settings_are_refused(settings: dict, words: str) -> None:
    with pytest.raises(InputError) as error:
        InversionSettings(**settings)
    assert words in str(error.value)


def test_one_picture_cannot_start_from_another() -> None:
    with pytest.raises(InputError, match="there is one picture, but it is to start from another"):
        invert(sees(), "map0", X[:1], InversionSettings(start="image"))


def test_batch_statistics_are_not_moved_and_weights_get_no_gradient() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
    module.train()
    pixels = torch.rand(4, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    found = invert(Network(module), "2", pixels, InversionSettings(steps=8, rate=0.1))
    assert found.residual.mean() < found.floor.mean()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in module.parameters())
    assert module.training
