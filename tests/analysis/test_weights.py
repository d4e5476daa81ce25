"""Weights are read, mixed and put in for a moment; the network comes back to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import Normed, state

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.distance import parameter_distance
from pcbm.analysis.transfer.landscape import Landscape, recalibrate
from pcbm.analysis.transfer.weights import (
    Weights,
    blend,
    holding,
    noise,
    read_weights,
    squared_distance,
)
from pcbm.errors import InputError

X = torch.as_tensor(np.random.default_rng(0).uniform(size=(24, 3, 6, 6)))
Y = np.arange(24) % 4


def normed(seed: int, **settings: int) -> Network:
    return Network(Normed(seed, **settings), f"net {seed}")


def test_a_share_of_one_is_that_point_to_the_last_bit() -> None:
    a, b = read_weights(normed(1)), read_weights(normed(2))
    for shares, point in (([1.0, 0.0], a), ([0.0, 1.0], b)):
        for kind in ("parameters", "buffers"):
            found, expected = getattr(blend([a, b], shares), kind), getattr(point, kind)
            assert all(torch.equal(found[name], expected[name]) for name in expected)
    third = blend([a, a, a], [0.3, 0.3, 0.4])
    assert squared_distance(third.parameters, a.parameters) == 0.0


def test_infinities_that_are_equal_do_not_become_nan() -> None:
    point = Weights({"w": torch.ones(2)}, {"mask": torch.tensor([0.0, -torch.inf])})
    assert not blend([point, point], [0.5, 0.5]).buffers["mask"].isnan().any()


def test_noise_depends_on_its_key_and_name_alone() -> None:
    like = {"a": torch.zeros(3), "b": torch.zeros(3)}
    found = noise(like, ("x", 0))
    assert torch.equal(found["b"], noise({"b": like["b"]}, ("x", 0))["b"])
    assert not torch.equal(found["a"], found["b"])
    assert not torch.equal(found["a"], noise(like, ("x", 1))["a"])


def test_everything_comes_back_even_after_an_error() -> None:
    network = normed(1)
    network.module.train()
    network.module.norm.momentum = 0.3
    network.module.head.eval()
    before, other = state(network), read_weights(normed(2))

    def spoil() -> None:
        with holding(network, other):
            assert torch.equal(network.module.head.weight, other.parameters["head.weight"])
            network.module.norm.momentum = None
            network.module.norm.running_mean = torch.zeros(5, dtype=torch.float64)
            network.module.eval()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        spoil()
    assert state(network) == before
    assert network.module.norm.momentum == 0.3
    assert (network.module.training, network.module.head.training) == (True, False)


def test_a_score_leaves_the_network_alone_and_knows_the_right_answers() -> None:
    network = normed(1)
    network.module.train()
    before = state(network)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        drawn = torch.rand(1)
        torch.manual_seed(1)
        score = Landscape(network, X, Y, train=X, batch_size=5).score(read_weights(normed(2)))
        assert torch.rand(1) == drawn
    assert state(network) == before
    other = normed(2)
    recalibrate(other, X, batch_size=5)
    with torch.no_grad():
        logits = other.module.eval()(X)
    expected = torch.nn.functional.cross_entropy(logits, torch.as_tensor(Y))
    assert score.loss == pytest.approx(float(expected), rel=1e-12)
    assert score.accuracy == float((logits.argmax(1).numpy() == Y).mean())
    assert score.figure("error") == 1 - score.accuracy


@pytest.mark.parametrize("batch_size", [24, 8])
def test_recalibrated_statistics_are_those_of_one_pass(batch_size: int) -> None:
    network = normed(1)
    with torch.no_grad():
        maps = network.module.conv(X).permute(0, 2, 3, 1).numpy()
    parts = [part.reshape(-1, 5) for part in np.split(maps, len(X) // batch_size)]
    recalibrate(network, X, batch_size=batch_size)
    norm = network.module.norm
    mean = np.mean([part.mean(axis=0) for part in parts], axis=0)
    variance = np.mean([part.var(axis=0, ddof=1) for part in parts], axis=0)
    np.testing.assert_allclose(norm.running_mean.numpy(), mean, rtol=1e-12)
    np.testing.assert_allclose(norm.running_var.numpy(), variance, rtol=1e-12)


def test_distances_are_those_of_one_long_vector() -> None:
    a, b = normed(1), normed(2)
    before = state(a), state(b)
    found = parameter_distance(a, b)
    assert (state(a), state(b)) == before
    assert [part.name for part in found.modules] == ["conv", "norm", "head"]
    flat = [
        torch.nn.utils.parameters_to_vector(net.module.parameters()).detach().numpy()
        for net in (a, b)
    ]
    assert found.total.distance == pytest.approx(np.linalg.norm(flat[0] - flat[1]), rel=1e-12)
    assert found.total.norm_a == pytest.approx(np.linalg.norm(flat[0]), rel=1e-12)
    squares = sum(part.distance**2 for part in found.modules)
    assert found.total.distance**2 == pytest.approx(squares, rel=1e-12)
    assert sum(part.count for part in found.modules) == found.total.count == flat[0].size
    assert [part.tensors for part in found.buffers] == [("running_mean", "running_var")]
    assert found.left_out == ("norm.num_batches_tracked",)
    same = parameter_distance(a, a)
    assert (same.total.distance, same.total.relative) == (0.0, 0.0)


def test_other_architectures_are_refused_by_the_first_difference() -> None:
    with pytest.raises(InputError, match=r"'conv.weight' has shape \(5, 3, 3, 3\) in net 1 and \("):
        parameter_distance(normed(1), normed(2, width=6))
    bare = Network(torch.nn.Linear(3, 4), "bare")
    with pytest.raises(InputError, match=r"net 1 has the parameter 'conv.weight' and bare has not"):
        parameter_distance(normed(1), bare)
    with pytest.raises(InputError, match=r"bare has no batch norm"):
        Landscape(bare, X, Y, train=X)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (Y[1:], "23 labels for 24 pictures"),
        (Y.astype(float), "no positions of outputs"),
        (Y - 1, "no positions of outputs"),
        (Y + 1, r"has 4 outputs, but a label is 4 \(counted from 0\)"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: np.ndarray, message: str) -> None:
    network = normed(1)
    with pytest.raises(InputError, match=message):
        Landscape(network, X, labels).score(read_weights(network))
