"""A stitch tells whether a network can go on from a layer of another."""

from __future__ import annotations

import copy

import pytest
import torch
from similar_sides import rotation
from torch import nn
from toy_classes import Bypass, SmallNet, stripes

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.connection import Connection
from pcbm.analysis.transfer.stitch import Side, Stitched, StitchSettings, measure_stitch, untrained
from pcbm.analysis.transfer.tail import Tail
from pcbm.analysis.transfer.training import Budget, train_network
from pcbm.errors import InputError

TRAIN, TEST = stripes(240), stripes(120, seed=1)


@pytest.fixture(scope="module")
def net() -> SmallNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = SmallNet()
    train_network(Network(module), TRAIN, Budget(steps=60, batch_size=32, rate=0.2))
    return module


def side(module: nn.Module, layer: str, name: str = "net") -> Side:
    return Side(Network(module, name), layer, TRAIN, TEST)


def run(a: Side, b: Side, floor: bool = False, **settings) -> Stitched:
    return measure_stitch(a, b, StitchSettings(**{"steps": 0, **settings}), floor=floor)


@pytest.mark.parametrize("layer", ["first", "second"])
def test_the_identity_drops_nothing(net: SmallNet, layer: str) -> None:
    found = run(side(net, layer), side(net, layer), start="identity")
    assert found.receiver_accuracy > 0.9
    assert found.drop == 0.0 and found.drop_interval == (0.0, 0.0)
    assert found.before_training == found.accuracy == found.receiver_accuracy


@pytest.mark.parametrize(("start", "steps"), [("least_squares", 0), ("random", 100)])
def test_a_rotated_copy_is_recovered(net: SmallNet, start: str, steps: int) -> None:
    turned = copy.deepcopy(net)
    turn = nn.Conv2d(6, 6, 1, bias=False)
    turn.weight.data = torch.as_tensor(rotation(6), dtype=torch.float32).reshape(6, 6, 1, 1)
    turned.first.append(turn.requires_grad_(False))
    found = run(
        side(turned, "first", "turned"), side(net, "first"), start=start, steps=steps, rate=0.02
    )
    assert found.sender == "turned" and found.layers == ("first", "first")
    assert found.drop == pytest.approx(0, abs=0.03)
    straight = run(side(turned, "first"), side(net, "first"), start="identity")
    assert straight.drop > 0.2  # without a map the rotation is not undone


def test_what_the_sender_learnt_stands_above_the_floor(net: SmallNet) -> None:
    found = run(side(net, "second"), side(net, "second"), floor=True, start="identity")
    assert found.accuracy > found.floor + 0.1
    assert found.majority == 0.25 and (found.n_train, found.n_test) == (240, 120)


def test_the_floor_keeps_the_receiver_even_where_it_is_the_sender_too(net: SmallNet) -> None:
    one = run(side(net, "first"), side(net, "first"), floor=True, steps=3)
    two = run(side(copy.deepcopy(net), "first"), side(net, "first"), floor=True, steps=3)
    assert one.floor == two.floor


def test_both_networks_keep_every_byte(net: SmallNet) -> None:
    other = copy.deepcopy(net).train()
    before = [{k: v.clone() for k, v in m.state_dict().items()} for m in (net, other)]
    run(side(net, "first"), side(other, "first"), floor=True, steps=3)
    for module, kept in zip((net, other), before, strict=True):
        for name, value in module.state_dict().items():
            assert torch.equal(value, kept[name]), name
        assert all(parameter.grad is None for parameter in module.parameters())
    assert other.training and not net.training


def test_the_same_seed_gives_the_same_stitch(net: SmallNet) -> None:
    sides = side(net, "first"), side(net, "first")
    settings = {"start": "random", "steps": 4, "rate": 0.02}
    assert run(*sides, **settings, seed=1) == run(*sides, **settings, seed=1)
    state = torch.get_rng_state()
    run(*sides, **settings, floor=True)
    assert torch.equal(state, torch.get_rng_state())


def test_untrained_weights_come_back_after_an_error(net: SmallNet) -> None:
    before = net.head.weight.clone()
    with pytest.raises(KeyboardInterrupt), untrained(Network(net), 0):
        assert not torch.equal(net.head.weight, before)
        raise KeyboardInterrupt
    assert torch.equal(net.head.weight, before)


def test_a_tail_of_its_own_layer_is_the_network(net: SmallNet) -> None:
    tail = Tail(Network(net), "second", TEST.pixels)
    with torch.no_grad():
        values, scores = tail.read(TEST.pixels)
        assert torch.equal(tail(values), scores)
    assert tail.shape == (12, 2, 2)


def test_a_layer_that_is_bypassed_is_refused() -> None:
    pixels = torch.rand(4, 8, generator=torch.Generator().manual_seed(0))
    with pytest.raises(InputError, match=r"'inner' of skips is bypassed.*end of a block"):
        Tail(Network(Bypass().eval(), "skips"), "inner", pixels)


@pytest.mark.parametrize(
    ("given", "wanted", "last", "out"),
    [
        ((6, 4, 4), (3, 2, 2), (False, False), (5, 3, 2, 2)),
        ((4, 4, 6), (3, 8, 8), (True, False), (5, 3, 8, 8)),
        ((6, 4, 4), (4, 4, 3), (False, True), (5, 4, 4, 3)),
        ((6, 4, 4), (3,), (False, False), (5, 3)),
        ((7, 6), (7, 3), (False, False), (5, 7, 3)),
        ((6,), (3,), (False, False), (5, 3)),
    ],
)
def test_outputs_of_every_kind_are_joined(given, wanted, last, out) -> None:
    connection = Connection(given, wanted, last)
    values = torch.rand(5, *given)
    assert connection(values).shape == out
    target = torch.rand(5, *wanted)
    connection.solve([values], [target], 1000, 0)  # normal equations of least squares
    rows = connection.channels_last(values).flatten(0, -2).detach()
    maps = len(wanted) == 3 and not last[1]
    as_rows = [v.permute(0, 2, 3, 1) if maps else v for v in (target, connection(values).detach())]
    off = (as_rows[0] - as_rows[1]).flatten(0, -2)
    if len(rows) > rows.shape[1]:
        torch.testing.assert_close(rows.T @ off, torch.zeros(6, 3), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (lambda: Connection((6,), (3, 2, 2)), "cannot be joined by a linear map"),
        (lambda: Connection((5, 6), (7, 6)), "tokens as many on both sides"),
        (lambda: Connection((6,), (3,)).start_from("identity", 0), "start from least_squares"),
        (lambda: StitchSettings(start="identiti"), "did you mean 'identity'"),
        (lambda: StitchSettings(steps=-1), "given -1 steps of 64 rows"),
        (lambda: StitchSettings(rate=0), "the rate of the stitch is 0"),
    ],
)
def test_wrong_input_is_refused(work, words: str) -> None:
    with pytest.raises(InputError) as error:
        work()
    assert words in str(error.value)


def test_sides_of_other_rows_are_refused(net: SmallNet) -> None:
    other = Side(Network(net), "first", stripes(100), TEST)
    with pytest.raises(InputError, match="hold other rows"):
        run(side(net, "first"), other)
