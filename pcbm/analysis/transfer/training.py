"""Training a network within a stated budget, some of it held still."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.batches import batches
from pcbm.analysis.transfer.labelled import Labelled, check_outputs, read_logits
from pcbm.errors import InputError

Watch = Callable[[int], None]


@dataclass(frozen=True)
class Budget:
    """How long and how a network is trained: stochastic gradient descent, cosine to zero.

    Attributes
    ----------
    steps, batch_size : int
    rate : float
        Of the first step; step k of n has ``rate (1 + cos(pi k / n)) / 2``.
    momentum : float
    decay : float
        Weight decay, of every parameter that learns.
    """

    steps: int = 500
    batch_size: int = 64
    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 5e-4

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 2:
            raise InputError(
                f"the budget is {self.steps} steps of {self.batch_size} rows: give steps from 1 "
                "and rows from 2"
            )
        if not 0 < self.rate < math.inf:
            raise InputError(f"the rate of the budget is {self.rate}: give a positive number")

    def data(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Frozen:
    """What stays as it is while the rest of a network learns.

    Attributes
    ----------
    parameters : collection of str
        Names in ``named_parameters()``; they take no gradients and no decay.
    modules : collection of str
        Names in ``named_modules()`` that run in evaluation mode: batch norm keeps its statistics,
        and dropout drops nothing.
    """

    parameters: Collection[str] = ()
    modules: Collection[str] = ()


def train_network(
    network: Network,
    rows: Labelled,
    budget: Budget,
    *,
    seed: int = 0,
    among: Sequence[int] | None = None,
    frozen: Frozen | None = None,
    watch: Watch | None = None,
) -> None:
    """Train a network in place; it is left in evaluation mode.

    Parameters
    ----------
    network : Network
    rows : Labelled
    budget : Budget
    seed : int
        Of batches and of what the network draws itself (dropout).
    among : sequence of int, optional
        The classes that occur: the loss is the cross-entropy among their outputs, as if the
        network had no others. None: all.
    frozen : Frozen, optional
    watch : callable, optional
        Called with the steps done, from 0 on, with the network in evaluation mode.

    Raises
    ------
    InputError
        Outputs that are not the classes, rows of classes not in `among`, or a loss that is not
        finite.
    """
    frozen = frozen or Frozen()
    learning = _learning(network, frozen)
    optimiser = torch.optim.SGD(
        learning, lr=budget.rate, momentum=budget.momentum, weight_decay=budget.decay
    )
    outputs, targets = _targets(rows, among)
    if watch:
        network.module.eval()
        watch(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        order = batches(len(rows), budget.batch_size, budget.steps, seed)
        _modes(network, frozen)
        for step, chosen in enumerate(order):
            for group in optimiser.param_groups:
                group["lr"] = budget.rate * (1 + math.cos(math.pi * step / budget.steps)) / 2
            scores = network.logits(network.place(rows.pixels[chosen]))
            check_outputs(network, scores.shape[1], rows.classes)
            loss = F.cross_entropy(scores[:, outputs], targets[chosen].to(scores.device))
            if not torch.isfinite(loss):
                raise InputError(
                    f"{network.name}: the loss is {loss.item()} at step {step + 1}: use a smaller "
                    "rate"
                )
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if watch:
                network.module.eval()
                watch(step + 1)
                _modes(network, frozen)
    optimiser.zero_grad()
    network.module.eval().requires_grad_(False)


def accuracy_among(
    network: Network, rows: Labelled, among: Sequence[int] | None = None, *, batch_size: int = 256
) -> float:
    """Return the share of rows that are answered right, when the answers are these classes."""
    outputs, targets = _targets(rows, among)
    scores = read_logits(network, rows.pixels, batch_size=batch_size)
    check_outputs(network, scores.shape[1], rows.classes)
    return float((scores[:, outputs].argmax(dim=1) == targets).double().mean())


def _learning(network: Network, frozen: Frozen) -> list[torch.nn.Parameter]:
    learning = []
    for name, parameter in network.module.named_parameters():
        parameter.requires_grad_(name not in frozen.parameters)
        if parameter.requires_grad:
            learning.append(parameter)
    if not learning:
        raise InputError(f"{network.name} has no parameters that learn: freeze less")
    return learning


def _modes(network: Network, frozen: Frozen) -> None:
    network.module.train()
    for name in frozen.modules:
        network.module.get_submodule(name).eval()


def _targets(rows: Labelled, among: Sequence[int] | None) -> tuple[Tensor, Tensor]:
    """Return the outputs that count, and each row's class as a position among them."""
    outputs = torch.as_tensor(list(range(len(rows.classes)) if among is None else among))
    place = torch.full((len(rows.classes),), -1)
    place[outputs] = torch.arange(len(outputs))
    targets = place[rows.y]
    if (targets < 0).any():
        raise InputError("there are rows of classes that are not among the answers: leave them out")
    return outputs, targets
