"""The weights of a network, apart from it: read, checked, mixed, and put in for a moment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pcbm.analysis.networks import Network
from pcbm.errors import InputError


@dataclass(frozen=True, eq=False)
class Weights:
    """A point in the space of parameters, with the buffers that go with it.

    Attributes
    ----------
    parameters : dict of str to Tensor
        What is trained, or could be; a parameter that several modules share stands here once.
    buffers : dict of str to Tensor
        The rest of the state, such as the statistics of batch norm.
    """

    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Numbers in all parameters."""
        return sum(value.numel() for value in self.parameters.values())


def read_weights(network: Network) -> Weights:
    """Return a copy of the weights of a network."""
    module = network.module
    return Weights(
        {name: value.detach().clone() for name, value in module.named_parameters()},
        {name: value.detach().clone() for name, value in module.named_buffers()},
    )


def check_same_shapes(a: Weights, b: Weights, names: tuple[str, str]) -> None:
    """Refuse weights of two architectures by the first name or shape that differs.

    Parameters
    ----------
    a, b : Weights
    names : tuple of str
        What to call them in the message.

    Raises
    ------
    InputError
        A parameter or a buffer is missing on one side, or has another shape.
    """
    for what, left, right in (
        ("parameter", a.parameters, b.parameters),
        ("buffer", a.buffers, b.buffers),
    ):
        for name in [*left, *right]:
            if name not in left or name not in right:
                has, lacks = names if name in left else names[::-1]
                raise InputError(
                    f"{has} has the {what} {name!r} and {lacks} has not: give two networks of one "
                    "architecture"
                )
            shapes = tuple(left[name].shape), tuple(right[name].shape)
            if shapes[0] != shapes[1]:
                raise InputError(
                    f"the {what} {name!r} has shape {shapes[0]} in {names[0]} and {shapes[1]} in "
                    f"{names[1]}: give two networks of one architecture"
                )


def blend(points: Sequence[Weights], shares: Sequence[float]) -> Weights:
    """Return ``sum_k shares_k points_k`` for shares that add up to one, buffers included.

    It starts from the point with the largest share, so a share of one gives that point to the
    last bit, and so do points that are equal. What holds no fractions is taken from that point.

    Parameters
    ----------
    points : sequence of Weights
    shares : sequence of float
    """
    home = int(np.argmax(shares))

    def mixed(values: Sequence[Tensor]) -> Tensor:
        result = values[home].clone()
        if result.is_floating_point():
            for k, value in enumerate(values):
                # Equal values are left alone: a mask of infinities would become NaN.
                if k != home and shares[k] != 0 and not torch.equal(value, values[home]):
                    result += float(shares[k]) * (value - values[home])
        return result

    first = points[home]
    return Weights(
        {name: mixed([p.parameters[name] for p in points]) for name in first.parameters},
        {name: mixed([p.buffers[name] for p in points]) for name in first.buffers},
    )


def squared_distance(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], names: Sequence[str] | None = None
) -> float:
    """Return ``sum (a - b)^2`` over tensors of these names (None: all), in float64."""
    found = (_double(a[name]) - _double(b[name]) for name in (a if names is None else names))
    return float(sum(float((gap * gap).sum()) for gap in found))


def norm(values: Mapping[str, Tensor]) -> float:
    """Return the L2 norm of all tensors together, in float64."""
    return float(sum(float((_double(value) ** 2).sum()) for value in values.values())) ** 0.5


def shifted(weights: Weights, directions: Mapping[str, Tensor], length: float) -> Weights:
    """Return weights with ``length * directions`` added to the parameters that are named."""
    moved = dict(weights.parameters)
    for name, direction in directions.items():
        moved[name] = moved[name] + (direction * length).to(moved[name])
    return Weights(moved, weights.buffers)


def noise(like: Mapping[str, Tensor], key: Sequence[Any]) -> dict[str, Tensor]:
    """Return standard normal tensors in float64; each depends on the key and its name alone.

    Parameters
    ----------
    like : mapping of str to Tensor
        Names and shapes.
    key : sequence
        Seed, number of the draw and the like; the same key gives the same draw.
    """
    return {name: _normal(value.shape, (*key, name)) for name, value in like.items()}


def _normal(shape: torch.Size, key: Sequence[Any]) -> Tensor:
    digest = hashlib.sha256(repr(tuple(key)).encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@contextmanager
def holding(network: Network, weights: Weights) -> Iterator[None]:
    """Put weights into a network within the block; then all of its own state comes back.

    That is every parameter and buffer to the last bit, every mode, and the momentum of batch norm,
    whatever happened in the block.
    """
    module = network.module
    own = read_weights(network)
    parameters = dict(module.named_parameters())
    buffers = dict(module.named_buffers())
    places = [
        (part, key, value)
        for part in module.modules()
        for key, value in part._buffers.items()
        if value is not None
    ]
    modes = [(part, part.training) for part in module.modules()]
    momenta = [(part, part.momentum) for part in module.modules() if is_batch_norm(part)]
    try:
        _copy(weights, parameters, buffers)
        yield
    finally:
        for part, key, value in places:
            part._buffers[key] = value
        _copy(own, parameters, buffers)
        for part, mode in modes:
            part.training = mode
        for part, momentum in momenta:
            part.momentum = momentum


def is_batch_norm(module: nn.Module) -> bool:
    """Return whether a module is batch norm with running statistics."""
    return isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None


def has_batch_norm(network: Network) -> bool:
    """Return whether a network has batch norm with running statistics."""
    return any(is_batch_norm(part) for part in network.module.modules())


def _copy(weights: Weights, parameters: Mapping[str, Any], buffers: Mapping[str, Any]) -> None:
    with torch.no_grad():
        for own, given in ((parameters, weights.parameters), (buffers, weights.buffers)):
            for name, value in given.items():
                own[name].copy_(value)


def _double(value: Tensor) -> Tensor:
    # Through the processor, because not every accelerator has float64.
    return value.detach().cpu().to(torch.float64)
