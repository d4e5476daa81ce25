"""The barrier on losses that are known by hand, and on small networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import Chain, Normed, state
from torch import Tensor, nn

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.barrier import excess, line, measure_barrier
from pcbm.analysis.transfer.landscape import Score
from pcbm.analysis.transfer.weights import Weights
from pcbm.errors import InputError

X = torch.as_tensor(np.random.default_rng(0).uniform(size=(24, 3, 6, 6)))
Y = np.arange(24) % 4


def point(*values: float) -> Weights:
    return Weights({"w": torch.tensor(values, dtype=torch.float64)})


class TwoHidden(nn.Module):
    """The size of a number by two hidden units, ``relu(x)`` and ``relu(-x)``, in some order."""

    def __init__(self, order: tuple[int, int]) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(1, 2), nn.Linear(2, 2)
        signs = torch.tensor([[1.0], [-1.0]])[list(order)]
        with torch.no_grad():
            self.first.weight.copy_(signs)
            self.first.bias.copy_(-0.5 * signs[:, 0])
            self.last.weight.copy_(torch.tensor([[0.0, 0.0], [40.0, 40.0]]))
            self.last.bias.copy_(torch.tensor([0.0, -8.0]))
        self.double()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).relu())


def test_a_double_well_has_a_barrier_of_one_in_the_middle() -> None:
    def score(w: Weights) -> Score:
        return Score(float((w.parameters["w"] ** 2).sum() - 1) ** 2, 0.5)

    found = line(score, point(-1.0), point(1.0))
    assert (found.barrier, found.inside) == (1.0, 1.0)
    assert found.data()["at"] == 0.5
    assert found.error_barrier == 0.0


def test_a_bowl_lies_below_the_chord() -> None:
    def score(w: Weights) -> Score:
        return Score(float((w.parameters["w"] ** 2).sum() / 2), 0.5)

    a, b = point(1.0, 2.0), point(-2.0, 4.0)
    found = line(score, a, b, points=5)
    np.testing.assert_allclose(found.excess, -0.5 * found.t * (1 - found.t) * 13.0, atol=1e-14)
    assert found.barrier == 0.0
    assert found.inside == pytest.approx(-0.5 * 0.25 * 0.75 * 13.0)


def test_the_ends_are_zero_whatever_the_rounding() -> None:
    rng = np.random.default_rng(1)
    t = np.linspace(0, 1, 11)
    for _ in range(50):
        found = excess(t, rng.normal(size=11))
        assert (found[0], found[-1]) == (0.0, 0.0)
        np.testing.assert_array_equal(excess(t, np.full(11, rng.normal())), np.zeros(11))


@pytest.mark.parametrize("other", [1, 2])
def test_the_same_weights_have_no_barrier_at_all(other: int) -> None:
    a, b = (Network(Normed(seed), "net") for seed in (1, other))
    before = state(a), state(b)
    found = measure_barrier(a, b, X, Y, train=X[:16], points=5, batch_size=7)
    assert (state(a), state(b)) == before
    assert (found.n, found.n_train) == (24, 16)
    assert found.recalibrated is not None
    flat = [np.abs(curve.excess).max() for curve in (found.as_is, found.recalibrated)]
    assert (flat == [0.0, 0.0]) == (other == 1)
    assert min(found.as_is.barrier, found.recalibrated.barrier) >= 0.0
    again = measure_barrier(a, b, X, Y, train=X[:16], points=5, batch_size=7)
    assert again.data() == found.data()


def test_a_linear_network_has_a_convex_loss() -> None:
    rng = np.random.default_rng(3)
    a, b = (Network(Chain([rng.normal(size=(4, 6))])) for _ in range(2))
    x = torch.as_tensor(rng.uniform(size=(40, 6)))
    found = measure_barrier(a, b, x, np.arange(40) % 4)
    assert found.as_is.barrier == 0.0
    assert found.as_is.inside < 0.0
    assert (found.recalibrated, found.n_train) == (None, 0)
    assert "no batch norm" in str(found.reason)


def test_hidden_units_in_another_order_have_a_barrier_between_equal_ends() -> None:
    """Half way both hidden units are zero, so the output is its bias."""
    a, b = (Network(TwoHidden(order)) for order in ((0, 1), (1, 0)))
    x = torch.tensor([[0.0], [0.05], [0.45], [0.55], [0.95], [1.0]], dtype=torch.float64)
    y = np.array([1, 1, 0, 0, 1, 1])
    found = measure_barrier(a, b, x, y).as_is
    assert found.loss[0] == found.loss[-1] < 0.01
    assert found.accuracy.tolist()[:: len(found.t) - 1] == [1.0, 1.0]
    middle = (4 * np.log1p(np.exp(8.0)) + 2 * np.log1p(np.exp(-8.0))) / 6
    assert found.loss[5] == pytest.approx(middle, rel=1e-12)
    assert found.barrier == pytest.approx(middle - found.loss[0], rel=1e-12)
    assert found.error_barrier == pytest.approx(4 / 6)


def test_what_cannot_be_measured_says_why() -> None:
    a = Network(Normed(1), "net")
    found = measure_barrier(a, a, X, Y, points=3)
    assert found.data()["recalibrated"] is None
    assert found.reason == "no training pictures were given to compute the statistics from"
    with pytest.raises(InputError, match="give at least 3"):
        measure_barrier(a, a, X, Y, points=2)


def test_an_end_without_a_finite_loss_is_refused() -> None:
    whole, broken = TwoHidden((0, 1)), TwoHidden((0, 1))
    with torch.no_grad():
        broken.last.bias.fill_(torch.nan)
    pixels, labels = torch.linspace(0, 1, 8, dtype=torch.float64)[:, None], np.arange(8) % 2
    with pytest.raises(InputError, match="the loss of b is inf, so there is no chord"):
        measure_barrier(Network(whole, "a"), Network(broken, "b"), pixels, labels, points=3)
