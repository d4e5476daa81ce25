"""The rest of a network after one of its layers, run on what stands in for that layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from pcbm.analysis.networks import Network, evaluating
from pcbm.backbones.layers import find_layer
from pcbm.errors import InputError

TOLERANCE = 1e-4  # of the largest class score; what else a bypass brings is far larger


class Tail:
    """What follows a layer, differentiable in what stands in for the layer's output.

    The network runs on black pictures, and the output of the layer is exchanged: so nothing but
    that output can tell the tail about a picture.

    Parameters
    ----------
    network : Network
        With a classifier.
    layer : str
        A name in ``named_modules()``. Everything after it must go through it, as after the end of
        a block.
    example : Tensor (n >= 1, ...)
        Pixels that the check runs on.

    Attributes
    ----------
    module : torch.nn.Module
        The layer.
    shape : tuple of int
        Of its output, without the rows.

    Raises
    ------
    InputError
        There is no such layer, it does not run exactly once, gives no tensor, or is bypassed.
    """

    def __init__(self, network: Network, layer: str, example: Tensor) -> None:
        self.network, self.name = network, layer
        self.module = find_layer(network.module, layer, network.name)
        self._black = torch.zeros_like(network.place(example[:1]))
        pixels = network.place(example[:4])
        with torch.no_grad(), evaluating(network):
            values, scores = self.read(pixels)
            self.shape = tuple(values.shape[1:])
            again = self(values)
        off = (again - scores).abs().max()
        if not off <= TOLERANCE * scores.abs().max():
            raise InputError(
                f"the layer {layer!r} of {network.name} is bypassed: what follows reads more than "
                "its output; cut at the end of a block"
            )

    def read(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the layer's own output and the class scores for pixels."""
        outputs: list[Any] = []
        handle = self.module.register_forward_hook(lambda m, i, output: outputs.append(output))
        try:
            scores = self.network.logits(pixels)
        finally:
            handle.remove()
        where = f"the layer {self.name!r} of {self.network.name}"
        if len(outputs) != 1:
            raise InputError(f"{where} runs {len(outputs)} times a pass: choose one that runs once")
        if not isinstance(outputs[0], Tensor):
            raise InputError(f"{where} gives {type(outputs[0]).__name__}: expected a tensor")
        return outputs[0], scores

    def __call__(self, values: Tensor) -> Tensor:
        """Return the class scores (n, C) when the layer gives these values (n, ...)."""
        black = self._black.expand(len(values), *self._black.shape[1:])

        def exchange(module: nn.Module, inputs: Any, output: Any) -> Tensor:
            return values

        handle = self.module.register_forward_hook(exchange)
        try:
            return self.network.logits(black)
        finally:
            handle.remove()
