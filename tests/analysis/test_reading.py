"""Layers are named by patterns and read in one pass, with gradients where they are wanted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from pcbm.analysis.networks import Network
from pcbm.analysis.reading import LayerReader, matching_layers
from pcbm.errors import InputError


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3)
        self.layer1 = nn.Sequential(
            nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), nn.Sequential(nn.Conv2d(4, 5, 1))
        )
        self.act = nn.ReLU()
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(5, 3)
        self.after_stem = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.stem(x))
        self.after_stem += 1
        return self.head(self.act(self.layer1(x)).mean((2, 3)))


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return Network(Net(), "net")


PIXELS = torch.rand(7, 3, 6, 6, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["layer1.*"], ["layer1.0", "layer1.1"]),
        (["head", "stem", "stem"], ["stem", "head"]),
        (["layer1.**"], ["layer1.0", "layer1.0.0", "layer1.0.1", "layer1.1", "layer1.1.0"]),
        (["l*"], ["layer1"]),
    ],
)
def test_patterns_name_layers_in_the_order_of_the_module(
    network: Network, patterns: list[str], names: list[str]
) -> None:
    assert matching_layers(network, patterns) == names


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        (["haed"], "net has no layer 'haed': did you mean 'head'?"),
        (["lay*.9"], "net has no layer 'lay*.9'"),
        ([], "net: no layer was named: known: act, head, layer1, stem, unused"),
    ],
)
def test_unknown_layers_are_refused_with_near_names(
    network: Network, patterns: list[str], words: str
) -> None:
    with pytest.raises(InputError) as error:
        matching_layers(network, patterns)
    assert words in str(error.value)


def test_every_layer_of_one_pass_is_what_it_gives_alone(network: Network) -> None:
    names = ["stem", "layer1.0", "layer1.1", "head"]
    together = LayerReader(network, names, example=PIXELS).rows(PIXELS, batch_size=3)
    module = network.module
    with torch.no_grad():
        stem = module.stem(PIXELS)
        first = module.layer1[0](stem.relu())
    np.testing.assert_allclose(together["stem"], stem.mean((2, 3)).numpy(), atol=1e-6)
    np.testing.assert_allclose(together["layer1.0"], first.mean((2, 3)).numpy(), atol=1e-6)
    np.testing.assert_allclose(together["head"], module(PIXELS).detach().numpy(), atol=1e-6)
    for name in names:
        alone = LayerReader(network, [name], example=PIXELS).rows(PIXELS)
        np.testing.assert_allclose(alone[name], together[name], atol=1e-6)


def test_pooling_can_be_chosen(network: Network) -> None:
    reader = LayerReader(network, ["stem"], example=PIXELS, pool="flatten")
    assert reader.dims == {"stem": 4 * 4 * 4}
    flat = reader.rows(PIXELS)["stem"].reshape(7, 4, 16)
    mean = LayerReader(network, ["stem"], example=PIXELS).rows(PIXELS)["stem"]
    np.testing.assert_allclose(flat.mean(axis=2), mean, atol=1e-6)


def test_a_pass_ends_with_the_last_wanted_layer(network: Network) -> None:
    reader = LayerReader(network, ["stem"], example=PIXELS)
    network.module.after_stem = 0
    reader(PIXELS)
    assert network.module.after_stem == 0
    LayerReader(network, ["head"], example=PIXELS)(PIXELS)
    assert network.module.after_stem > 0


def test_a_layer_that_runs_twice_counts_with_its_last_output(network: Network) -> None:
    twice = LayerReader(network, ["act"], example=PIXELS).rows(PIXELS)["act"]
    assert twice.shape == (7, 5)


def test_gradients_reach_the_pixels_and_no_weight(network: Network) -> None:
    pixels = PIXELS.clone().requires_grad_()
    values = LayerReader(network, ["layer1.0"], example=PIXELS)(pixels)["layer1.0"]
    (gradient,) = torch.autograd.grad(values.sum(), pixels)
    assert gradient.abs().max() > 0
    assert all(p.grad is None for p in network.module.parameters())


def test_hooks_are_gone_afterwards_and_modes_are_as_before(network: Network) -> None:
    network.module.train()
    LayerReader(network, ["stem"], example=PIXELS).rows(PIXELS)
    assert not network.module.stem._forward_hooks
    assert network.module.training


def test_a_layer_that_does_not_run_is_refused(network: Network) -> None:
    with pytest.raises(InputError, match="the layer 'unused' of net does not run"):
        LayerReader(network, ["unused"], example=PIXELS)


def test_an_unknown_pooling_is_refused(network: Network) -> None:
    with pytest.raises(InputError, match="unknown pooling 'max'"):
        LayerReader(network, ["stem"], example=PIXELS, pool="max")
