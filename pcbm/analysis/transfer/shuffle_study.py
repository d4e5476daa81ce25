"""What a network still gets right when the pictures are cut into blocks that change places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import binomtest
from torch import Tensor

from pcbm.analysis.networks import Network, evaluating
from pcbm.analysis.reading import BATCH_SIZE, Progress
from pcbm.analysis.transfer.shuffle import Shuffle, Size, block_sizes
from pcbm.errors import InputError

LEVEL = 0.95
PERMUTATIONS = 3


@dataclass(frozen=True, eq=False)
class ShuffleStudy:
    """Accuracy of one network for each size of blocks.

    Attributes
    ----------
    network : str
    sizes : tuple of int or "channel"
        See `Shuffle`.
    right : ndarray (sizes, permutations) of int
        Pictures that were right; equal along a row whose blocks are whole pictures.
    n : int
        Pictures.
    majority : float
        Share of the most frequent label: what a constant answer gets.
    seed : int
        Of the first permutation; the others count on.
    """

    network: str
    sizes: tuple[Size, ...]
    right: np.ndarray
    n: int
    majority: float
    seed: int

    def accuracy(self) -> np.ndarray:
        """Return the mean accuracy over permutations, (sizes,)."""
        return self.right.mean(axis=1) / self.n

    def interval(self, size: int) -> list[float]:
        """Return Wilson's interval of a mean accuracy, for the position of a size.

        It is that of n pictures with one permutation. The mean over several permutations varies
        less over pictures, so the interval is no narrower than its level asks for; it does not
        cover other permutations, whose accuracies stand beside it.
        """
        right = round(float(self.right[size].mean()))
        found = binomtest(right, self.n).proportion_ci(LEVEL, method="wilson")
        return [float(found.low), float(found.high)]

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        means = self.accuracy()
        return {
            "network": self.network,
            "n": self.n,
            "majority": self.majority,
            "permutations": self.right.shape[1],
            "seed": self.seed,
            "level": LEVEL,
            "sizes": [
                {
                    "size": size,
                    "accuracy": float(means[k]),
                    "interval": self.interval(k),
                    "by_permutation": (self.right[k] / self.n).tolist(),
                }
                for k, size in enumerate(self.sizes)
            ],
        }


def shuffled_accuracy(
    network: Network,
    pixels: Tensor,
    labels: np.ndarray,
    sizes: Sequence[Size] | None = None,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
) -> ShuffleStudy:
    """Measure the accuracy on shuffled pictures.

    Parameters
    ----------
    network : Network
        Run in evaluation mode.
    pixels : Tensor (n, c, h, w)
        From 0 to 1.
    labels : ndarray (n,) of int
        Positions of the right outputs.
    sizes : sequence of int or "channel", optional
        None: ``"channel"`` and every size that divides the sides.
    permutations : int
        Orders of the blocks, with the seeds ``seed``, ``seed + 1``, ...
    seed, batch_size : int
    progress : callable, optional
        Called with the passes done and the passes in all.

    Raises
    ------
    InputError
        A size does not divide the sides, or there are no permutations or no pictures.

    References
    ----------
    Neyshabur, Sedghi, Zhang, NeurIPS 2020 (arXiv 2008.11687), section 3.1. There networks are
    trained on shuffled pictures, with `shuffled_dataset` here; this study runs a network on them.
    """
    if permutations < 1:
        raise InputError(f"the permutations were given as {permutations}: give at least 1")
    if pixels.ndim != 4 or not len(pixels):
        raise InputError(f"the pictures have shape {tuple(pixels.shape)}: give (n, c, h, w), n > 0")
    h, w = pixels.shape[-2:]
    chosen: list[Size] = list(sizes) if sizes is not None else ["channel", *block_sizes(h, w)]
    for size in chosen:
        Shuffle(size).order(pixels.shape[-3:])
    right = np.zeros((len(chosen), permutations), dtype=np.int64)
    done = 0
    for k, size in enumerate(chosen):
        for p in range(permutations):
            if p > 0 and size == h == w:
                right[k, p] = right[k, 0]
            else:
                right[k, p] = _right(network, pixels, labels, Shuffle(size, seed + p), batch_size)
            done += 1
            if progress:
                progress(done, right.size)
    majority = float(np.bincount(labels).max() / len(labels))
    return ShuffleStudy(network.name, tuple(chosen), right, len(pixels), majority, seed)


def _right(
    network: Network, pixels: Tensor, labels: np.ndarray, shuffle: Shuffle, batch_size: int
) -> int:
    found = 0
    with torch.inference_mode(), evaluating(network):
        for start in range(0, len(pixels), batch_size):
            part = slice(start, start + batch_size)
            logits = network.logits(network.place(shuffle(pixels[part])))
            found += int((logits.argmax(dim=1).cpu().numpy() == labels[part]).sum())
    return found
