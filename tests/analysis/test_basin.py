"""Basins and module criticality on quadratic losses, where both can be computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import Normed

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.basin import edge_shares, measure_basin
from pcbm.analysis.transfer.criticality import (
    NEARNESS,
    SMALLEST,
    module_criticality,
    module_parameters,
    weight_modules,
)
from pcbm.analysis.transfer.weights import Weights, noise
from pcbm.errors import InputError

N, R, K, DELTA = 6, 1.5, 2.0, 0.8
ENDS = [Weights({"w": torch.tensor([x, *[0.0] * (N - 1)]).double()}) for x in (-R, R)]


def bowl(w: Weights) -> float:
    return 1.0 + K / 2 * float((w.parameters["w"] ** 2).sum())


def test_a_bowl_around_a_segment_has_the_values_of_the_integrals() -> None:
    found = measure_basin(bowl, ENDS, eps=0.6, delta=DELTA, draws=300, seed=1)
    mu = 1 + K * R**2 / 6
    assert abs(found.mu - mu) < 4 * found.mu_error
    outside = K * (R**2 / 3 + DELTA**2 / 2)
    expected = (
        K * R**2 / 2 * 4 / (9 * 3**0.5),  # E|s^2 - 1/3| for s ~ U(-1, 1)
        outside,
        outside + K * R * DELTA * (2 / np.pi) ** 0.5,
    )
    for check, value in zip(found.checks, expected, strict=True):
        assert 0 < check.error < 0.2
        assert abs(check.value - value) < 4 * check.error, check.name
    assert found.holds is True
    assert (found.vertices, found.parameters) == (2, N)


def test_the_stated_error_is_the_spread_of_repeats() -> None:
    runs = [
        measure_basin(bowl, ENDS, eps=0.6, delta=DELTA, draws=20, seed=seed) for seed in range(40)
    ]
    for k in range(3):
        spread = np.std([run.checks[k].value for run in runs], ddof=1)
        stated = np.mean([run.checks[k].error for run in runs])
        assert stated == pytest.approx(spread, rel=0.5)


def test_verdicts_follow_the_limits() -> None:
    def holds(eps: float, delta: float = DELTA) -> list[bool | None]:
        found = measure_basin(bowl, ENDS, eps=eps, delta=delta, draws=100)
        return [check.holds for check in found.checks]

    assert holds(0.01) == [False, True, True]  # not that flat
    assert holds(5.0) == [True, False, False]  # no walls of that height
    value = measure_basin(bowl, ENDS, eps=1.0, delta=DELTA, draws=100).checks[0].value
    assert holds(value * 1.01)[0] is None  # too near to tell
    flat = measure_basin(lambda w: 2.0, ENDS, eps=0.1, delta=1.0, draws=10)
    assert [c.holds for c in flat.checks] == [True, False, False]
    assert flat.holds is False
    assert [c.error for c in flat.checks] == [0.0, 0.0, 0.0]


def test_the_edge_is_where_the_ray_leaves_the_simplex() -> None:
    rng = np.random.default_rng(0)
    for one, other in rng.dirichlet(np.ones(4), size=(50, 2)):
        edge = edge_shares(one, other)
        assert edge.min() == 0.0
        assert edge.sum() == pytest.approx(1.0)
        way = (edge - one) / (other - one)
        np.testing.assert_allclose(way, way[0])
        assert way[0] >= 1.0
        assert (one + 1.001 * way[0] * (other - one)).min() < 0


def test_the_hull_of_three_points_is_sampled_evenly() -> None:
    corners = [Weights({"w": torch.tensor(c).double()}) for c in ([0.0, 0], [1.0, 0], [0.0, 1])]
    found = measure_basin(
        lambda w: float(w.parameters["w"][0]), corners, eps=0.1, delta=0.1, draws=150
    )
    assert abs(found.mu - 1 / 3) < 4 * found.mu_error  # the mean of a coordinate


@pytest.mark.parametrize(
    ("points", "settings", "message"),
    [
        (ENDS[:1], {}, "give at least 2"),
        ([ENDS[0], ENDS[0]], {}, "do not span a simplex"),
        ([*ENDS, Weights({"w": torch.zeros(N).double()})], {}, "do not span a simplex"),
        (ENDS, {"eps": 0.0}, "eps was given as 0.0"),
        (ENDS, {"delta": float("nan")}, "delta was given as nan"),
        (ENDS, {"draws": 9}, "at least 10"),
    ],
)
def test_what_spans_no_set_is_refused(points: list, settings: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure_basin(bowl, points, **{"eps": 1.0, "delta": 1.0, **settings})


START = Weights({"m": torch.tensor([0.0, 0.0, 0.0]).double(), "rest": torch.ones(2).double()})
END = Weights({"m": torch.tensor([3.0, -1.0, 2.0]).double(), "rest": 5 * torch.ones(2).double()})
SPAN = 14.0


def valley(w: Weights) -> float:
    """Half the squared distance of the module from its end; the rest must be at its end."""
    assert torch.equal(w.parameters["rest"], END.parameters["rest"])
    return 0.25 + float(((w.parameters["m"] - END.parameters["m"]) ** 2).sum()) / 2


def largest_sigma(gap: np.ndarray, draws: np.ndarray, eps: float) -> float:
    """Return the positive root of mean |gap + sigma z|^2 / 2 = eps - 0.25, at most 1."""
    a, b = (draws**2).sum(axis=1).mean() / 2, (draws @ gap).mean()
    c = gap @ gap / 2 + 0.25 - eps
    if c > 0:
        return 0.0
    return min(1.0, (-b + (b * b - 4 * a * c) ** 0.5) / (2 * a))


@pytest.mark.parametrize("eps", [0.5, 1.0, 3.0, 6.0])
def test_criticality_is_the_minimum_over_the_grid(eps: float) -> None:
    found = module_criticality(
        valley, START, END, ["m"], eps=eps, alphas=21, draws=4, seed=3, module="layer"
    )
    like = {"m": END.parameters["m"]}
    draws = np.stack([noise(like, ("layer", 3, k))["m"].numpy() for k in range(4)])
    best = np.inf
    for alpha in np.linspace(0, 1, 21):
        sigma = largest_sigma((alpha - 1) * END.parameters["m"].numpy(), draws, eps)
        if sigma >= SMALLEST:
            best = min(best, alpha**2 * SPAN / sigma**2)
    assert found.mu is not None
    assert best * (1 - 1e-9) <= found.mu <= best * NEARNESS**4
    assert found.distance == pytest.approx(SPAN**0.5)
    assert found.loss is not None and found.loss <= eps
    assert (found.count, found.rewound) == (3, 0.25 + SPAN / 2)


def test_a_module_that_may_stand_at_its_start_is_not_critical() -> None:
    found = module_criticality(valley, START, END, ["m"], eps=8.0)
    assert (found.mu, found.at, found.reason) == (0.0, 0.0, None)
    still = module_criticality(valley, END, END, ["m"], eps=0.3)
    assert (still.mu, still.distance) == (0.0, 0.0)


def test_what_is_infeasible_has_a_reason_and_no_number() -> None:
    found = module_criticality(valley, START, END, ["m"], eps=0.2)
    assert (found.mu, found.at, found.sigma, found.loss) == (None, None, None, None)
    assert "least mean loss seen is 0.25, above eps = 0.2" in str(found.reason)
    lost = module_criticality(lambda w: float("nan"), START, END, ["m"], eps=1.0)
    assert lost.mu is None


def test_on_a_path_the_numerator_is_how_far_each_checkpoint_went() -> None:
    bend = Weights({**END.parameters, "m": torch.tensor([3.0, 0.0, 2.0]).double()})
    found = module_criticality(
        valley, START, END, ["m"], eps=1.0, path=[START, bend, END], draws=3, seed=1
    )
    draws = np.stack(
        [noise({"m": torch.zeros(3)}, ("module", 1, k))["m"].numpy() for k in range(3)]
    )
    sigmas = [largest_sigma(np.array(gap), draws, 1.0) for gap in ([0, 1.0, 0], [0, 0, 0])]
    expected = [13 / sigmas[0] ** 2, SPAN / sigmas[1] ** 2]
    assert found.at == 1 + int(np.argmin(expected))
    assert found.mu == pytest.approx(min(expected), rel=NEARNESS**4 - 1)


def test_modules_are_those_that_hold_matrices() -> None:
    network = Network(Normed(1), "net")
    assert weight_modules(network) == ["conv", "head"]
    assert module_parameters(network, "norm") == ["norm.weight", "norm.bias"]
    with pytest.raises(InputError, match="'act' of plain has no parameters"):
        module_parameters(Network(torch.nn.ModuleDict({"act": torch.nn.ReLU()}), "plain"), "act")
    for settings, message in (
        ({"eps": -1.0}, "not negative"),
        ({"alphas": 1}, "at least 2"),
        ({"draws": 0}, "at least 1"),
    ):
        with pytest.raises(InputError, match=message):
            module_criticality(valley, START, END, ["m"], **{"eps": 1.0, **settings})
