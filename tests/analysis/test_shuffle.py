"""A shuffle is one fixed permutation: blocks are kept whole, and its inverse brings them back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_nets import write_pictures
from torch import nn

from pcbm.activations import read_data
from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.shuffle import Shuffle, block_sizes, shuffled_dataset
from pcbm.analysis.transfer.shuffle_study import shuffled_accuracy
from pcbm.errors import InputError

X = torch.as_tensor(np.random.default_rng(0).uniform(size=(5, 3, 8, 12)))


def blocks(picture: torch.Tensor, size: int) -> list[bytes]:
    """Return the blocks of a picture (c, h, w) cut out with slices."""
    _, h, w = picture.shape
    return sorted(
        picture[:, i : i + size, j : j + size].contiguous().numpy().tobytes()
        for i in range(0, h, size)
        for j in range(0, w, size)
    )


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_blocks_are_kept_and_their_places_are_not(size: int) -> None:
    shuffle = Shuffle(size, seed=2)
    moved = shuffle(X)
    assert not torch.equal(moved, X)
    assert all(blocks(a, size) == blocks(b, size) for a, b in zip(X, moved, strict=True))
    assert torch.equal(shuffle.inverse(moved), X)
    assert torch.equal(torch.stack([shuffle(x) for x in X]), moved)  # one order for all
    assert torch.equal(Shuffle(size, seed=2)(X), moved)
    assert not torch.equal(Shuffle(size, seed=3)(X), moved)


def test_a_block_goes_where_the_order_says() -> None:
    picture = torch.arange(16.0).reshape(1, 4, 4)
    shuffle = Shuffle(2, seed=5)
    order = shuffle.order(picture.shape)
    corners = picture[0, ::2, ::2].flatten()
    assert shuffle(picture)[0, ::2, ::2].flatten().tolist() == corners[order].tolist()


def test_a_block_of_the_whole_side_changes_nothing() -> None:
    square = X[:, :, :, :8]
    assert torch.equal(Shuffle(8)(square), square)


def test_few_blocks_never_stay_where_they_are() -> None:
    assert all((Shuffle(4, seed).order((3, 8, 8)) != np.arange(4)).any() for seed in range(100))


def test_channels_mix_values_across_channels() -> None:
    shuffle = Shuffle("channel", seed=1)
    moved = shuffle(X)
    assert torch.equal(moved.flatten(1).sort().values, X.flatten(1).sort().values)
    assert torch.equal(shuffle.inverse(moved), X)
    one_channel = torch.zeros(1, 3, 8, 8)
    one_channel[:, 0] = 1
    assert (shuffle(one_channel).sum(dim=(2, 3)) > 0).all()


def test_sizes_that_do_not_divide_are_refused() -> None:
    assert block_sizes(8, 12) == [1, 2, 4]
    with pytest.raises(InputError, match=r"blocks of 3 do not divide pictures of 8 x 12: .* 1, 2,"):
        Shuffle(3)(X)
    with pytest.raises(InputError, match="whole number from 1"):
        Shuffle(0)


def test_a_data_set_is_shuffled_picture_by_picture(tmp_path: Path) -> None:
    data = read_data(write_pictures(tmp_path / "pictures", a_class=2))
    shuffle = Shuffle(2, seed=4)
    moved = shuffled_dataset(data, shuffle)
    assert moved.ids.tolist() == data.ids.tolist()
    with Image.open(data.inputs[3]) as image:
        expected = shuffle(torch.from_numpy(np.array(image)).permute(2, 0, 1)).permute(1, 2, 0)
    np.testing.assert_array_equal(moved.inputs[3], expected.numpy())
    assert moved.take([3, 1]).content_hash() != data.take([3, 1]).content_hash()
    whole = shuffled_dataset(data, Shuffle(8))
    np.testing.assert_array_equal(whole.inputs[0], np.array(Image.open(data.inputs[0])))
    with pytest.raises(InputError, match=r"image 'class0/00.png': blocks of 3"):
        shuffled_dataset(data, Shuffle(3)).inputs[0]


class Corner(nn.Module):
    """The value of one corner decides."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value = x[:, 0, 0, 0]
        return torch.stack([0.5 - value, value - 0.5], dim=1)


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value = x.mean(dim=(1, 2, 3))
        return torch.stack([0.5 - value, value - 0.5], dim=1)


def test_accuracy_falls_for_a_network_that_looks_at_places_only() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    pixels = torch.as_tensor(rng.uniform(size=(200, 3, 4, 4)) * 0.9)
    pixels[:, :, :2, :2] = torch.as_tensor(labels)[:, None, None, None].double()
    pixels[:, 1] = pixels[:, 0]
    corner = shuffled_accuracy(Network(Corner(), "corner"), pixels, labels, [1, 2, 4])
    assert corner.accuracy()[2] == 1.0
    assert corner.accuracy()[0] < 0.9
    assert corner.right.shape == (3, 3)
    assert corner.majority == 0.5
    mean = shuffled_accuracy(Network(Mean(), "mean"), pixels, labels, batch_size=33)
    assert mean.sizes == ("channel", 1, 2, 4)
    assert np.ptp(mean.right) == 0  # no order changes a mean
    for found in (corner.data(), mean.data()):
        for row in found["sizes"]:
            low, high = row["interval"]
            assert 0 <= low <= row["accuracy"] <= high <= 1


def test_wilsons_interval_is_that_of_the_formula() -> None:
    pixels, labels = torch.zeros(10, 1, 2, 2), np.array([0] * 7 + [1] * 3)
    found = shuffled_accuracy(Network(Corner(), "corner"), pixels, labels, [2], permutations=1)
    z, p, n = 1.959963984540054, 0.7, 10
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert found.interval(0) == pytest.approx([middle - reach, middle + reach])
    assert found.majority == 0.7
