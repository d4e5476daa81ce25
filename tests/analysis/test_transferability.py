"""Treatments of transferability hold still what they say, on equal budgets, and resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from toy_classes import Bypass, SmallNet, stripes

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.cuts import before_cut
from pcbm.analysis.transfer.ledger import Ledger
from pcbm.analysis.transfer.training import Budget, Frozen, train_network
from pcbm.analysis.transfer.transferability import (
    TREATMENTS,
    TransferabilitySettings,
    divided,
    measure_transferability,
)
from pcbm.analysis.transfer.transferability_runs import Runs
from pcbm.errors import InputError

TRAIN, TEST = stripes(96), stripes(64, seed=1)
BUDGET = Budget(steps=4, batch_size=16, rate=0.1)
CUTS = ["first", "second"]


def make() -> Network:
    return Network(SmallNet(), "small")


def study(seeds: int = 1, **others):
    settings = TransferabilitySettings(BUDGET, seeds=seeds)
    return measure_transferability(make, TRAIN, TEST, CUTS, settings, **others)


def test_what_is_frozen_keeps_every_byte_batch_norm_too() -> None:
    network = Runs(make, TRAIN, TEST, CUTS, BUDGET, Ledger(None)).fresh(3)
    frozen = before_cut(network, "first", TRAIN.pixels)
    assert set(frozen.parameters) == {
        f"first.{n}" for n in ("0.weight", "0.bias", "1.weight", "1.bias")
    }
    assert {"first", "first.1"} <= set(frozen.modules) and "second.1" not in frozen.modules
    before = {k: v.clone() for k, v in network.module.state_dict().items()}
    train_network(network, TRAIN, BUDGET, frozen=frozen)
    for name, value in network.module.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("first."), name


def test_treatments_begin_with_the_layers_of_their_base() -> None:
    runs = Runs(make, TRAIN, TEST, CUTS, BUDGET, Ledger(None))
    halves = divided(4, 0)
    for name in "AB":
        runs.base(halves, 0, name, lambda: None)
    kept = {name: runs._weights[0, name] for name in "AB"}
    built = {t: runs.built(0, "first", t) for t in TREATMENTS}
    for treatment, (network, frozen) in built.items():
        state = network.module.state_dict()
        assert (frozen is None) == treatment.endswith("+")
        for name, values in kept[treatment[0]].items():
            assert torch.equal(state[name], values) == name.startswith("first."), name
    heads = [network.module.head.weight for network, _ in built.values()]
    assert all(torch.equal(heads[0], head) for head in heads)


def test_every_network_has_the_same_number_of_steps() -> None:
    seen: list[tuple[int, int]] = []
    found = study(progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (10 * BUDGET.steps,) * 2 and len(seen) == 10 * BUDGET.steps
    assert found.base.shape == (1, 2)
    assert all(found.accuracy[name].shape == (1, 2) for name in TREATMENTS)
    a, b = found.classes[0]
    assert sorted(a + b) == TRAIN.classes and len(a) == len(b) == 2
    drops = found.drops()
    np.testing.assert_allclose(
        drops["co_adaptation"] + drops["specificity"],
        found.base[:, 1:] - found.accuracy["AnB"],
    )


def test_a_study_that_was_cut_off_ends_with_the_same_figures(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 5 * BUDGET.steps + 2:
            raise KeyboardInterrupt

    ledger = Ledger(tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        study(ledger=ledger, progress=stop)
    assert len(list((tmp_path / "parts").glob("*.json"))) == 5
    resumed, whole = study(ledger=ledger), study()
    assert resumed.data() == whole.data()
    assert len(list((tmp_path / "parts").glob("*.json"))) == 10
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) == 2
    assert study(ledger=ledger).data() == whole.data()


def test_layers_that_learn_are_not_held() -> None:
    network = make()
    before = {k: v.clone() for k, v in network.module.state_dict().items()}
    train_network(network, TRAIN, BUDGET, frozen=Frozen())
    assert not any(torch.equal(v, before[k]) for k, v in network.module.state_dict().items())


class Fixed(nn.Module):
    """Weights that are the same for every seed."""

    def __init__(self) -> None:
        super().__init__()
        self.scale, self.head = nn.Identity(), nn.Linear(64, 4)
        nn.init.ones_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.scale(x).flatten(1))


@pytest.mark.parametrize(
    ("module", "cut", "words"),
    [
        (Fixed, "scale", "comes with the same weights for every seed"),
        (SmallNet, "head", "nothing of net follows 'head'"),
        (SmallNet, "thrid", "has no layer 'thrid'"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 8), Bypass()), "2.inner", "is bypassed"),
    ],
)
def test_wrong_networks_and_cuts_are_refused(module, cut: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        measure_transferability(lambda: Network(module(), "net"), TRAIN, TEST, [cut])
    assert words in str(error.value)


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match="each half needs two"):
        measure_transferability(make, stripes(12, classes=3), TEST, CUTS)
    with pytest.raises(InputError, match="no cut was named"):
        measure_transferability(make, TRAIN, TEST, [])
    with pytest.raises(InputError, match="given 0 seeds"):
        TransferabilitySettings(seeds=0)
    with pytest.raises(InputError, match="use a smaller rate"):
        train_network(make(), TRAIN, Budget(steps=30, rate=1e9))
    with pytest.raises(InputError, match="give steps from 1"):
        Budget(steps=0)
