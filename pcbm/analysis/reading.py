"""Reading layers of a network: by name or pattern, several in one pass, gradients and all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pcbm.analysis.networks import Network, evaluating
from pcbm.analysis.patterns import matching
from pcbm.backbones.pooling import (
    Layout,
    PoolPlan,
    apply_pooling,
    check_pool,
    keeps_channels_last,
    plan_pooling,
)
from pcbm.backbones.tower import first_tensor
from pcbm.errors import InputError, near

BATCH_SIZE = 64
Progress = Callable[[int, int], None]


def matching_layers(network: Network, patterns: Sequence[str]) -> list[str]:
    """Return the layers that any of the patterns names, each once, in the order of the module.

    For ``*`` and ``**`` see `pcbm.analysis.patterns.matching`.

    Raises
    ------
    InputError
        A pattern names no layer (near matches are offered), or there are no patterns.
    """
    known = [name for name, _ in network.module.named_modules() if name]
    if not patterns:
        top = [name for name in known if "." not in name]
        raise InputError(f"{network.name}: no layer was named: {near('', top)}")
    return matching(known, patterns, network.name)


class _Stop(Exception):
    """Every wanted layer has run."""


class LayerReader:
    """Named layers of a network as activations (n, d), differentiable in the pixels.

    Parameters
    ----------
    network : Network
    names : sequence of str
        Layers, see `matching_layers`.
    example : Tensor
        Pixels (n >= 1, ...) of the shape that will be read; its first item is run on the spot.
    pool : {"mean", "cls", "flatten"}, optional
        Instead of the network's own pooling, see `pcbm.backbones.pooling`.

    Attributes
    ----------
    dims : dict
        Layer -> d.

    Raises
    ------
    InputError
        A layer does not run or its output has no fixed size.
    """

    def __init__(
        self, network: Network, names: Sequence[str], *, example: Tensor, pool: str | None = None
    ) -> None:
        check_pool(pool)
        self.network, self.names = network, list(names)
        self._layers: dict[str, nn.Module] = {
            name: network.module.get_submodule(name) for name in self.names
        }
        self._runs: int | None = None  # of all layers in one pass; not known before the probe
        self._plans: dict[str, PoolPlan] = {}
        self.dims: dict[str, int] = {}
        self._probe(example[:1], pool)

    def raw(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return the outputs of the layers as they are; the last one of a layer that runs often.

        The pass ends as soon as every layer has run, so early layers cost little.
        """
        outputs, _ = self._pass(pixels)
        return {name: self._tensor(name, outputs) for name in self.names}

    def _pass(self, pixels: Tensor) -> tuple[dict[str, Any], int]:
        """Return what each layer gave last, and how often all of them ran."""
        outputs: dict[str, Any] = {}
        runs = 0

        def keep(name: str) -> Callable[..., None]:
            def hook(module: nn.Module, inputs: Any, output: Any) -> None:
                nonlocal runs
                outputs[name] = output
                runs += 1
                if runs == self._runs:
                    raise _Stop

            return hook

        with ExitStack() as hooks:
            for name, layer in self._layers.items():
                hooks.callback(layer.register_forward_hook(keep(name)).remove)
            with suppress(_Stop):
                self.network.forward(pixels)
        return outputs, runs

    def __call__(self, pixels: Tensor) -> dict[str, Tensor]:
        """Return activations (n, d) of pixels (n, ...), a table for each layer."""
        raw = self.raw(pixels)
        n = len(pixels)
        return {name: apply_pooling(self._plans[name], raw[name], n, None) for name in self.names}

    def rows(
        self,
        pixels: Tensor,
        *,
        batch_size: int = BATCH_SIZE,
        progress: Progress | None = None,
    ) -> dict[str, np.ndarray]:
        """Return activations of all pixels, batch by batch, in memory.

        Parameters
        ----------
        pixels : Tensor (n, ...)
            On any device; a batch at a time goes to the network's.
        batch_size : int
        progress : callable, optional
            Called with the rows done and the rows in all.

        Returns
        -------
        dict of str to ndarray (n, d), in the network's number format
        """
        parts: dict[str, list[np.ndarray]] = {name: [] for name in self.names}
        with torch.inference_mode(), evaluating(self.network):
            for start in range(0, len(pixels), batch_size):
                batch = pixels[start : start + batch_size]
                found = self(self.network.place(batch))
                for name, values in found.items():
                    parts[name].append(values.cpu().numpy())
                if progress:
                    progress(min(start + batch_size, len(pixels)), len(pixels))
        return {name: np.concatenate(values) for name, values in parts.items()}

    def _probe(self, example: Tensor, pool: str | None) -> None:
        """Run one item and two, to learn the pooling of each layer and how often it runs."""
        example = self.network.place(example)
        with torch.inference_mode(), evaluating(self.network):
            outputs, self._runs = self._pass(example)
            one = {name: self._tensor(name, outputs) for name in self.names}
            two = self.raw(torch.cat([example, example]))
            for name, layer in self._layers.items():
                layout = Layout(
                    self._where(name),
                    pool=pool,
                    tokens=self.network.tokens,
                    channels_last=keeps_channels_last(layer),
                )
                plan = plan_pooling(one[name].shape, two[name].shape, layout)
                self._plans[name] = plan
                self.dims[name] = apply_pooling(plan, one[name], 1, None).shape[1]

    def _tensor(self, name: str, outputs: dict[str, Any]) -> Tensor:
        if name not in outputs:
            raise InputError(
                f"{self._where(name)} does not run when pictures are embedded: "
                "choose a layer that does"
            )
        tensor = first_tensor(outputs[name])
        if tensor is None:
            raise InputError(
                f"{self._where(name)} gives {type(outputs[name]).__name__}: expected a tensor"
            )
        return tensor

    def _where(self, name: str) -> str:
        return f"the layer {name!r} of {self.network.name}"
