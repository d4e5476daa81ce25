"""Examples with and without a concept, as activations, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIDE = 50  # examples with and as many without, to learn from; as many again held out
PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
FACTORS = 40  # strong directions of the activations
SIGNAL = 0.08  # length of a concept along its direction, over that of an activation's noise


@dataclass(frozen=True)
class Examples:
    """Activations of M concepts: ``train`` and ``held_out`` (M, 2 SIDE, d), positives first."""

    train: Array
    held_out: Array

    @property
    def signs(self) -> Array:
        """(2 SIDE,) +1 for positives, -1 for negatives."""
        return np.repeat([1.0, -1.0], SIDE)


def draw(concepts: int, dim: int, seed: int = 0) -> Examples:
    """Return examples whose spread has a few strong directions and whose mean is far from zero.

    Positives are moved along a direction of the concept's own. Rows have a length near ten, as
    the image features of CLIP's residual networks before normalisation.
    """
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((FACTORS, dim)) / np.sqrt(1 + np.arange(FACTORS))[:, None]
    mean = 1.5 * rng.standard_normal(dim)
    rows = rng.standard_normal((concepts, 4 * SIDE, FACTORS)) @ mixing
    rows += 0.3 * rng.standard_normal(rows.shape) + mean
    scale = 10 / np.sqrt((rows**2).sum(axis=2).mean())
    direction = rng.standard_normal((concepts, dim))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    noise = np.sqrt(((rows - mean) ** 2).sum(axis=2).mean())
    rows[:, : 2 * SIDE] += SIGNAL * noise * direction[:, None]
    rows *= scale
    first, second = rows[:, : 2 * SIDE], rows[:, 2 * SIDE :]
    parts = [np.concatenate([side[:, k::2] for side in (first, second)], axis=1) for k in (0, 1)]
    return Examples(*map(np.ascontiguousarray, parts))


def write(folder: Path, examples: Examples) -> None:
    """Write examples as two files."""
    folder.mkdir(parents=True)
    np.save(folder / "train.npy", examples.train)
    np.save(folder / "held_out.npy", examples.held_out)


def read(folder: Path) -> Examples:
    """Read what `write` wrote."""
    names = ("train.npy", "held_out.npy")
    return Examples(*(np.load(folder / name, allow_pickle=False) for name in names))
