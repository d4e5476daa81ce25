"""The trainings behind `measure_transferability`: bases, and networks put together from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.cuts import before_cut
from pcbm.analysis.transfer.labelled import Labelled
from pcbm.analysis.transfer.ledger import Ledger
from pcbm.analysis.transfer.stir_study import pixels_sha256
from pcbm.analysis.transfer.training import Budget, Frozen, accuracy_among, train_network
from pcbm.errors import InputError
from pcbm.files import load_tensors, save_tensors, sha256_json

SCHEME = 1  # of the parts in a ledger
Halves = tuple[list[int], list[int]]
State = dict[str, Tensor]
Tick = Callable[[], None]


class Runs:
    """Trains what a study needs, each network once, and keeps what is finished.

    Parameters
    ----------
    make, train, test, cuts
        See `measure_transferability`.
    budget : Budget
    ledger : Ledger
    """

    def __init__(
        self,
        make: Callable[[], Network],
        train: Labelled,
        test: Labelled,
        cuts: Sequence[str],
        budget: Budget,
        ledger: Ledger,
    ) -> None:
        self.make, self.train, self.test = make, train, test
        self.budget, self.ledger = budget, ledger
        self._weights: dict[tuple[int, str], State] = {}
        first = self.fresh(0)
        if _same(first.module.state_dict(), self.fresh(1).module.state_dict()):
            raise InputError(
                f"{first.name} comes with the same weights for every seed: let its factory draw "
                "them anew, without a seed of its own and without trained weights"
            )
        self.frozen = {cut: before_cut(first, cut, train.pixels) for cut in cuts}
        everything = {name for name, _ in first.module.named_parameters()}
        for cut, frozen in self.frozen.items():
            if not everything - set(frozen.parameters):
                raise InputError(f"nothing of {first.name} follows {cut!r}: choose an earlier cut")

    def fresh(self, seed: int) -> Network:
        """Return a network with new weights of a seed."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.make()

    def base(self, halves: Halves, seed: int, name: str, tick: Tick) -> float:
        """Return the accuracy of base A or B on its own classes; its weights are kept."""
        key = self._key(halves, seed, base=name)
        found = self.ledger.look(key)
        kept = self._kept(key)
        if found is not None and kept is not None:
            self._weights[seed, name] = kept
            self._skip(tick)
            return float(found)
        network = self.fresh(_stream(seed, name))
        accuracy = self._trained(network, halves["AB".index(name)], _stream(seed, name), None, tick)
        self._weights[seed, name] = _copy(network)
        self._keep(key, self._weights[seed, name])
        return float(self.ledger.part(key, lambda: accuracy))

    def treated(self, halves: Halves, seed: int, cut: str, treatment: str, tick: Tick) -> float:
        """Return the accuracy on B of a network that begins with layers of a base."""
        key = self._key(halves, seed, cut=cut, treatment=treatment)
        found = self.ledger.look(key)
        if found is not None:
            self._skip(tick)
            return float(found)

        def compute() -> float:
            network, frozen = self.built(seed, cut, treatment)
            return self._trained(network, halves[1], _stream(seed, "B", cut), frozen, tick)

        return float(self.ledger.part(key, compute))

    def built(self, seed: int, cut: str, treatment: str) -> tuple[Network, Frozen | None]:
        """Return the network of a treatment before training, and what is held still.

        The new layers of all four treatments start from the same weights.
        """
        network = self.fresh(_stream(seed, "new", cut))
        early, state = self.frozen[cut], network.module.state_dict()
        given = self._weights[seed, treatment[0]]
        buffers = {name for name, _ in network.module.named_buffers()}
        for name, values in given.items():
            owner = name.rpartition(".")[0]
            if name in early.parameters or (name in buffers and owner in early.modules):
                state[name] = values.clone()
        network.module.load_state_dict(state)
        return network, None if treatment.endswith("+") else early

    def _trained(
        self, network: Network, classes: list[int], seed: int, frozen: Frozen | None, tick: Tick
    ) -> float:
        train, test = (_of(rows, classes) for rows in (self.train, self.test))

        def watch(step: int) -> None:
            if step:
                tick()

        train_network(
            network, train, self.budget, seed=seed, among=classes, frozen=frozen, watch=watch
        )
        return accuracy_among(network, test, classes)

    @cached_property
    def _identity(self) -> dict[str, Any]:
        """Everything that all networks of a study depend on."""
        rows = [(pixels_sha256(part.pixels), part.y.tolist()) for part in (self.train, self.test)]
        return {
            "scheme": SCHEME,
            "study": "transferability",
            "network": self.fresh(0).fingerprint(),
            "rows": sha256_json(rows),
            "budget": self.budget.data(),
        }

    def _key(self, halves: Halves, seed: int, **what: str) -> dict[str, Any]:
        return {**self._identity, "halves": list(halves), "seed": seed, **what}

    def _skip(self, tick: Tick) -> None:
        for _ in range(self.budget.steps):
            tick()

    def _kept(self, key: dict[str, Any]) -> State | None:
        """Return the weights of a base that is finished."""
        if self.ledger.folder is None or not self.ledger.weights(key).is_file():
            return None
        arrays, _ = load_tensors(self.ledger.weights(key))
        return {name: torch.from_numpy(values) for name, values in arrays.items()}

    def _keep(self, key: dict[str, Any], state: State) -> None:
        if self.ledger.folder is not None:
            arrays = {name: values.cpu().numpy() for name, values in state.items()}
            save_tensors(self.ledger.weights(key), arrays, {"key": key})


def _of(rows: Labelled, classes: list[int]) -> Labelled:
    return rows.take(np.flatnonzero(np.isin(rows.y.numpy(), classes)))


def _copy(network: Network) -> State:
    return {name: values.detach().clone() for name, values in network.module.state_dict().items()}


def _same(one: State, other: State) -> bool:
    return all(torch.equal(values, other[name]) for name, values in one.items())


def _stream(*parts: Any) -> int:
    """Return a seed of its own for each part of a study."""
    return int(sha256_json([str(part) for part in parts])[:12], 16)
