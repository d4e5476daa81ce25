"""Cutting a network after a layer: which weights lie before the cut."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from pcbm.analysis.networks import Network, evaluating
from pcbm.analysis.transfer.tail import Tail
from pcbm.analysis.transfer.training import Frozen
from pcbm.errors import InputError


def before_cut(network: Network, layer: str, example: Tensor) -> Frozen:
    """Return the parameters and modules that the output of a layer comes from.

    Parameters are those that the output has a gradient in; modules are those that have run by the
    end of the layer and that nothing runs after it.

    Raises
    ------
    InputError
        What follows reads more than the layer's output (`Tail`), or a module runs on both sides.
    """
    Tail(network, layer, example)
    named = dict(network.module.named_parameters())
    flags = {name: parameter.requires_grad for name, parameter in named.items()}
    try:
        network.module.requires_grad_(True)
        with evaluating(network):
            order, output = _run(network, layer, example)
            found = torch.autograd.grad(output.sum(), list(named.values()), allow_unused=True)
    finally:
        for name, parameter in named.items():
            parameter.requires_grad_(flags[name])
    parameters = {name for name, grad in zip(named, found, strict=True) if grad is not None}
    end = order.index(layer)
    early, late = set(order[: end + 1]), set(order[end + 1 :])
    twice = {name for name in early & late if any(True for _ in _own(network, name))}
    if twice:
        raise InputError(
            f"{min(twice)!r} of {network.name} runs before and after {layer!r}: choose another cut"
        )
    return Frozen(frozenset(parameters), frozenset(early - late))


def _own(network: Network, name: str) -> Any:
    module = network.module.get_submodule(name)
    return (*module.parameters(recurse=False), *module.buffers(recurse=False))


def _run(network: Network, layer: str, example: Tensor) -> tuple[list[str], Tensor]:
    """Return the modules in the order in which they end, and what the layer gave."""
    order: list[str] = []
    outputs: dict[str, Any] = {}

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Any) -> None:
            order.append(name)
            if name == layer:
                outputs[name] = output

        return hook

    with ExitStack() as hooks, evaluating(network):
        for name, module in network.module.named_modules():
            if name:
                hooks.callback(module.register_forward_hook(note(name)).remove)
        network.forward(network.place(example[:2]))
    return order, outputs[layer]
