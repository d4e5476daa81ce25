"""Layers of two networks on the same rows, drawn from a seed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Table = NDArray[np.float32]

SHARED = 24  # directions that all layers have in common
OFFSET = 0.5  # of the activations, in units of their spread, so that means are far from zero


@dataclass(frozen=True)
class Spec:
    """A problem: widths of the layers of two networks, rows, rows of a batch, what is asked.

    ``kind``: "map" is minibatch CKA of all pairs of layers, "svcca" SVCCA of one pair.
    """

    name: str
    left: tuple[int, ...]
    right: tuple[int, ...]
    rows: int
    batch: int
    kind: str = "map"


@dataclass(frozen=True)
class Layers:
    """The activations (rows, d), float32, of each layer of two networks."""

    spec: Spec
    left: list[Table]
    right: list[Table]

    @property
    def nbytes(self) -> int:
        """Bytes of all layers."""
        return sum(table.nbytes for table in [*self.left, *self.right])

    def batches(self) -> list[slice]:
        """Return the rows of each batch, in order."""
        n, step = self.spec.rows, self.spec.batch
        return [slice(start, min(start + step, n)) for start in range(0, n, step)]

    def first(self, rows: int) -> Layers:
        """Return the same layers on the first rows alone."""
        spec = Spec(**asdict(self.spec) | {"rows": rows})
        return Layers(spec, [t[:rows] for t in self.left], [t[:rows] for t in self.right])


def _stages(widths: tuple[int, int, int], blocks: int) -> tuple[int, ...]:
    return tuple(width for width in widths for _ in range(blocks))


# Outputs of the blocks of ResNet-20 and ResNet-56 for CIFAR: three stages of 3 and of 9 blocks.
POOLED = (16, 32, 64)
FLAT = (16 * 32 * 32, 32 * 16 * 16, 64 * 8 * 8)
TINY = (4, 6, 8)

SPECS = {
    spec.name: spec
    for spec in (
        Spec("pooled", _stages(POOLED, 3), _stages(POOLED, 9), 2000, 256),
        Spec("flat", _stages(FLAT, 3), _stages(FLAT, 9), 512, 256),
        Spec("svcca", (512,), (512,), 10_000, 10_000, "svcca"),
        Spec("tiny-pooled", _stages(TINY, 2), _stages(TINY, 3), 40, 16),
        Spec("tiny-flat", (200, 90), (200, 120, 60), 24, 12),
        Spec("tiny-svcca", (16,), (12,), 300, 300, "svcca"),
    )
}
FULL = ("pooled", "flat", "svcca")
QUICK = ("tiny-pooled", "tiny-flat", "tiny-svcca")


def draw(spec: Spec, seed: int = 0) -> Layers:
    """Return layers that share some directions; rectified in maps, of falling spectra in pairs."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((spec.rows, SHARED), np.float32)
    shape = _rectified if spec.kind == "map" else _falling
    return Layers(
        spec,
        [shape(rows, width, rng) for width in spec.left],
        [shape(rows, width, rng) for width in spec.right],
    )


def _rectified(rows: Table, width: int, rng: np.random.Generator) -> Table:
    """Return ReLU of mixed rows, noise and an offset, all of about unit size."""
    mixing = rng.standard_normal((SHARED, width), np.float32) / np.float32(SHARED**0.5)
    values = rows @ mixing
    values += rng.standard_normal(values.shape, np.float32)
    values += np.float32(OFFSET)
    return np.maximum(values, 0, out=values)


def _falling(rows: Table, width: int, rng: np.random.Generator) -> Table:
    """Return rows whose principal directions carry ever less, the first ones those in common."""
    values = rng.standard_normal((len(rows), width), np.float32)
    shared = min(SHARED, width)
    values[:, :shared] += 2 * rows[:, :shared]
    values /= np.sqrt(1 + np.arange(width, dtype=np.float32))
    turn = np.linalg.qr(rng.standard_normal((width, width)))[0].astype(np.float32)
    return values @ turn + np.float32(OFFSET)


def write(folder: Path, layers: Layers) -> None:
    """Write a problem as one file a layer."""
    folder.mkdir(parents=True)
    (folder / "spec.json").write_text(json.dumps(asdict(layers.spec)))
    for side, tables in (("left", layers.left), ("right", layers.right)):
        for number, table in enumerate(tables):
            np.save(folder / f"{side}{number}.npy", table)


def read(folder: Path) -> Layers:
    """Read what `write` wrote."""
    spec = Spec(**json.loads((folder / "spec.json").read_text()))
    left, right = (
        [np.load(folder / f"{side}{k}.npy", allow_pickle=False) for k in range(len(widths))]
        for side, widths in (("left", spec.left), ("right", spec.right))
    )
    return Layers(spec, left, right)
