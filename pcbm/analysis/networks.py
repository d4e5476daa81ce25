"""A network as the studies see it: pixels from 0 to 1 go in, any layer can be read.

Preprocessing stands between pixels and networks. Here it is taken apart: what changes the picture
(sizes, crops) is applied once, and what scales the values (the normalisation) becomes a part of
the network. So a step on the pixels, or a clamp to valid ones, means the same for every network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pcbm.activations import Dataset
from pcbm.activations.images import open_image
from pcbm.backbones import load_tower
from pcbm.backbones.pooling import TokenRule
from pcbm.backbones.tower import Tower, first_tensor
from pcbm.backbones.weights import hash_weights, without_addresses
from pcbm.errors import InputError
from pcbm.files import sha256_json

PLAIN = 512  # pixels of the plain pictures that show the scale: more than any crop takes
LEVELS = (0, 128, 255)
TOLERANCE = 0.02  # of the range from black to white


@dataclass(frozen=True, eq=False)
class Network:
    """A module that takes pixels from 0 to 1.

    Attributes
    ----------
    module : torch.nn.Module
        Holds the weights; layers are looked up in it.
    name : str
        For messages.
    run : callable or None
        The module's input -> its output, through every layer; None: the module itself.
    low, high : Tensor or float
        What black (0) and white (1) are in the module's input, broadcast over one item.
    tokens : TokenRule
        How token outputs become vectors.
    prepare : callable or None
        PIL image -> the module's input for one item; None where pixels are given as arrays.
    """

    module: nn.Module
    name: str = "the network"
    run: Callable[[Tensor], Any] | None = None
    low: Tensor | float = 0.0
    high: Tensor | float = 1.0
    tokens: TokenRule = field(default_factory=TokenRule)
    prepare: Callable[[Image.Image], Tensor] | None = None

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next((p.device for p in self.module.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The number format of its weights."""
        found = (p.dtype for p in self.module.parameters() if p.is_floating_point())
        return next(found, torch.get_default_dtype())

    def place(self, values: Tensor) -> Tensor:
        """Return values on the device and in the number format of the weights."""
        return values.to(self.device, self.dtype)

    def forward(self, pixels: Tensor) -> Any:
        """Return the output for pixels (n, ...) from 0 to 1, on their way through every layer."""
        low, high = (_on(bound, pixels) for bound in (self.low, self.high))
        values = low + pixels * (high - low)
        return self.module(values) if self.run is None else self.run(values)

    def logits(self, pixels: Tensor) -> Tensor:
        """Return the class scores (n, C); raises InputError where the output is no table."""
        output = first_tensor(self.forward(pixels))
        if output is None or output.ndim != 2 or len(output) != len(pixels):
            got = "no tensor" if output is None else f"shape {tuple(output.shape)}"
            raise InputError(
                f"{self.name} gives {got} for {len(pixels)} inputs, expected one row of class "
                "scores for each: name a network with its classifier"
            )
        return output

    def fingerprint(self) -> str:
        """Return a SHA-256 over weights, modules and the scale of the pixels."""
        bounds = [torch.as_tensor(bound).cpu().tolist() for bound in (self.low, self.high)]
        modules = without_addresses(repr(self.module))
        return sha256_json([hash_weights(self.module), modules, *bounds])

    def pixels(self, data: Dataset, rows: Sequence[int] | np.ndarray) -> Tensor:
        """Return pictures of a data set as this network sees them, (n, c, h, w) from 0 to 1.

        Raises
        ------
        InputError
            The data holds no images, one cannot be read, the preprocessing is random, or does
            more to the values than scale them.
        """
        if data.kind != "image" or self.prepare is None:
            raise InputError(f"{data.source} holds {data.kind}s, expected images: give pictures")
        items = [
            self.prepare(open_image(data.inputs[row], str(data.ids[row]))).cpu() for row in rows
        ]
        again = self.prepare(open_image(data.inputs[rows[0]], str(data.ids[rows[0]]))).cpu()
        shapes = sorted({tuple(item.shape) for item in items})
        if len(shapes) > 1:
            raise InputError(
                f"{self.name}: its preprocessing gives pictures of different shapes, {shapes[0]} "
                f"and {shapes[-1]}: let it bring them to one size"
            )
        if not torch.equal(items[0], again):
            raise InputError(
                f"{self.name}: its preprocessing is random: give the one for evaluation"
            )
        low, high = (_on(bound, items[0]) for bound in (self.low, self.high))
        pixels = (torch.stack(items) - low) / (high - low)
        if not (pixels.min() >= -TOLERANCE and pixels.max() <= 1 + TOLERANCE):
            raise InputError(_not_plain(self.name))
        return pixels.clamp(0, 1)


def as_network(network: Network | nn.Module) -> Network:
    """Return a network as it is, and a module as one that takes pixels from 0 to 1 itself."""
    return network if isinstance(network, Network) else Network(network)


def open_network(spec: str, *, device: str = "auto") -> Network:
    """Load a network by the name of a backbone, see ``docs/backbones.md``.

    Raises
    ------
    InputError
        It cannot be loaded, reads texts, or its preprocessing does more than scale pixel values.
    """
    tower = load_tower(spec, device=device)
    if tower.kind != "image":
        raise InputError(f"{spec} reads {tower.kind}s, expected images: name a network of images")
    prepare, run = _one_tensor(tower)
    low, high = _scale(prepare, spec)
    return Network(tower.module, spec, run, low, high, tower.tokens, prepare)


@contextmanager
def evaluating(*networks: Network) -> Iterator[None]:
    """Put networks into evaluation mode within the block; their modes come back after it."""
    modes = [
        (module, module.training) for network in networks for module in network.module.modules()
    ]
    try:
        for network in networks:
            network.module.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _on(bound: Tensor | float, like: Tensor) -> Tensor:
    return torch.as_tensor(bound, dtype=like.dtype, device=like.device)


def _one_tensor(
    tower: Tower,
) -> tuple[Callable[[Image.Image], Tensor], Callable[[Tensor], Any] | None]:
    """Return preparation and model of a tower for plain tensors, where it takes a mapping too.

    The model is None where it is the module itself, which can then be copied.
    """
    run = tower.run or tower.embed
    example = tower.prepare(_plain_picture(0))
    if not isinstance(example, Mapping):
        return tower.prepare, None if run is tower.module else run
    if len(example) != 1:
        raise InputError(
            f"{tower.spec} takes {', '.join(example)} for one picture, expected pixels alone"
        )
    key = next(iter(example))
    return (lambda image: tower.prepare(image)[key]), (lambda values: run({key: values}))


def _scale(prepare: Callable[[Image.Image], Tensor], name: str) -> tuple[Tensor, Tensor]:
    """Return the input values of black and of white, (c, 1, 1), from plain pictures."""
    found = [prepare(_plain_picture(level)).cpu() for level in LEVELS]
    if any(item.ndim != 3 for item in found):
        raise InputError(_not_plain(name))
    corner = [item[:, :1, :1] for item in found]
    low, grey, high = corner
    span = high - low
    even = all(
        bool(((item - one).abs() <= TOLERANCE * span.abs()).all())
        for item, one in zip(found, corner, strict=True)
    )
    middle = low + span * (LEVELS[1] / LEVELS[2])
    straight = bool(((grey - middle).abs() <= TOLERANCE * span.abs()).all())
    if not (even and straight and bool((span != 0).all())):
        raise InputError(_not_plain(name))
    return low, high


def _plain_picture(level: int) -> Image.Image:
    return Image.new("RGB", (PLAIN, PLAIN), (level, level, level))


def _not_plain(name: str) -> str:
    return (
        f"{name}: its preprocessing does more to pixel values than scale them a channel, so valid "
        "pixels are not known: use sizes, crops and a normalisation alone"
    )
