"""How far apart two networks are in the space of their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.weights import (
    Weights,
    check_same_shapes,
    norm,
    read_weights,
    squared_distance,
)

TOP = "(top)"  # what lies in no module of its own


@dataclass(frozen=True)
class Part:
    """The distance of one group of tensors.

    Attributes
    ----------
    name : str
        The module that holds them.
    tensors : tuple of str
        Their own names within it.
    count : int
        Numbers in them.
    distance : float
        ``||a - b||_2``, all tensors as one vector.
    norm_a, norm_b : float
        ``||a||_2`` and ``||b||_2``.
    """

    name: str
    tensors: tuple[str, ...]
    count: int
    distance: float
    norm_a: float
    norm_b: float

    @property
    def relative(self) -> float | None:
        """``||a - b|| / ||a||``; None where a is zero."""
        return self.distance / self.norm_a if self.norm_a > 0 else None

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {**asdict(self), "tensors": list(self.tensors), "relative": self.relative}


@dataclass(frozen=True)
class Distance:
    """L2 distances of two networks of one architecture, module by module.

    Attributes
    ----------
    a, b : str
        Names of the networks.
    modules : tuple of Part
        Parameters by the module that holds them, in the order of the network; one that several
        modules share counts once, with the first.
    total : Part
        All parameters.
    buffers : tuple of Part
        Buffers that hold fractions (the statistics of batch norm). They are no parameters and are
        in no sum.
    left_out : tuple of str
        Buffers that hold no fractions, such as counters.
    """

    a: str
    b: str
    modules: tuple[Part, ...]
    total: Part
    buffers: tuple[Part, ...]
    left_out: tuple[str, ...]

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "a": self.a,
            "b": self.b,
            "total": self.total.data(),
            "modules": [part.data() for part in self.modules],
            "buffers": [part.data() for part in self.buffers],
            "left_out": list(self.left_out),
        }


def parameter_distance(a: Network, b: Network) -> Distance:
    """Measure ``||w_a - w_b||_2`` a module and in all, in float64.

    Parameters
    ----------
    a, b : Network
        Of one architecture: parameters are matched by name.

    Raises
    ------
    InputError
        A name or a shape differs.

    References
    ----------
    Neyshabur, Sedghi, Zhang, "What is being transferred in transfer learning?", NeurIPS 2020
    (arXiv 2008.11687), section 3.2.
    """
    left, right = read_weights(a), read_weights(b)
    check_same_shapes(left, right, (a.name, b.name))
    return weights_distance(left, right, (a.name, b.name))


def weights_distance(a: Weights, b: Weights, names: tuple[str, str] = ("a", "b")) -> Distance:
    """Measure the distance of two points with the same names and shapes; `parameter_distance`."""
    fractions = {name: v for name, v in a.buffers.items() if v.is_floating_point()}
    return Distance(
        *names,
        modules=_parts(a.parameters, b.parameters),
        total=_part("all parameters", a.parameters, b.parameters, tuple(a.parameters)),
        buffers=_parts(fractions, b.buffers),
        left_out=tuple(name for name in a.buffers if name not in fractions),
    )


def _parts(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> tuple[Part, ...]:
    """Return one part a module."""
    held: dict[str, list[str]] = {}
    for name in a:
        held.setdefault(name.rpartition(".")[0], []).append(name)
    return tuple(_part(owner or TOP, a, b, tuple(names)) for owner, names in held.items())


def _part(
    name: str, a: Mapping[str, Tensor], b: Mapping[str, Tensor], names: tuple[str, ...]
) -> Part:
    left, right = ({key: side[key] for key in names} for side in (a, b))
    own = tuple(key.removeprefix(f"{name}.") for key in names)
    count = sum(value.numel() for value in left.values())
    return Part(name, own, count, squared_distance(left, right) ** 0.5, norm(left), norm(right))
