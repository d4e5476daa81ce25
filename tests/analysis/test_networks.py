"""Networks take pixels from 0 to 1, whatever their preprocessing scales them to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_nets import write_factory, write_pictures
from torch import nn

from pcbm.activations import read_data
from pcbm.analysis.networks import Network, as_network, evaluating, open_network
from pcbm.errors import InputError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("networks")
    write_factory(made / "nets.py")
    write_pictures(made / "data")
    return made


def test_pixels_are_those_of_the_file_and_the_network_scales_them(folder: Path) -> None:
    network = open_network(f"python:{folder}/nets.py:one", device="cpu")
    data = read_data(folder / "data")
    pixels = network.pixels(data, [0, 17])
    for pixel, path in zip(pixels, (data.inputs[0], data.inputs[17]), strict=True):
        stored = np.asarray(Image.open(path)) / 255
        np.testing.assert_allclose(pixel.permute(1, 2, 0).numpy(), stored, atol=1e-6)
    prepared = torch.stack([network.prepare(Image.open(data.inputs[i])) for i in (0, 17)])
    torch.testing.assert_close(network.forward(pixels), network.module(prepared))


def test_the_shipped_clip_has_its_scale_taken_apart(folder: Path) -> None:
    network = open_network("demo:tiny-clip", device="cpu")
    assert torch.as_tensor(network.low).shape == (3, 1, 1)
    pixels = network.pixels(read_data(folder / "data"), [3])
    assert pixels.shape == (1, 3, 64, 64)
    assert 0 <= pixels.min() < pixels.max() <= 1


@pytest.mark.parametrize(
    ("factory", "words"),
    [
        ("dropping", ["does more to pixel values than scale them"]),
        ("random", ["its preprocessing is random"]),
    ],
)
def test_preprocessing_without_a_known_scale_is_refused(
    folder: Path, factory: str, words: list[str]
) -> None:
    with pytest.raises(InputError) as error:
        network = open_network(f"python:{folder}/nets.py:{factory}", device="cpu")
        network.pixels(read_data(folder / "data"), [0])
    for word in words:
        assert word in str(error.value)


def test_networks_of_texts_and_none_are_refused() -> None:
    with pytest.raises(InputError, match="'none' is no network"):
        open_network("none")


def test_pictures_of_different_shapes_are_refused(folder: Path, tmp_path: Path) -> None:
    for name, size in (("a", 8), ("b", 9)):
        (tmp_path / name).mkdir()
        Image.new("RGB", (size, size)).save(tmp_path / name / "x.png")
    network = open_network(f"python:{folder}/nets.py:one", device="cpu")
    with pytest.raises(InputError, match="different shapes, \\(3, 8, 8\\) and \\(3, 9, 9\\)"):
        network.pixels(read_data(tmp_path), [0, 1])


def test_a_module_is_a_network_of_its_own_pixels() -> None:
    module = nn.Linear(3, 2)
    network = as_network(module)
    assert as_network(network) is network
    pixels = torch.rand(4, 3)
    torch.testing.assert_close(network.forward(pixels), module(pixels))
    scaled = Network(module, low=-1.0, high=3.0)
    torch.testing.assert_close(scaled.forward(pixels), module(4 * pixels - 1))


def test_logits_are_a_table_or_refused() -> None:
    assert Network(nn.Linear(3, 2)).logits(torch.rand(4, 3)).shape == (4, 2)
    with pytest.raises(InputError, match="expected one row of class scores for each"):
        Network(nn.Conv2d(3, 2, 1)).logits(torch.rand(4, 3, 5, 5))


def test_evaluation_mode_is_given_back() -> None:
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2).eval())
    with evaluating(Network(module)):
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == [True, True, False]
