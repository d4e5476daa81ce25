"""Pictures whose blocks, or single values, are put in another order: one fixed order a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor

from pcbm.activations import Dataset
from pcbm.activations.images import open_image
from pcbm.errors import InputError

CHANNEL: Literal["channel"] = "channel"
Size = int | Literal["channel"]


@dataclass(frozen=True)
class Shuffle:
    """A transform of pictures (..., c, h, w): the same permutation for every one of them.

    Attributes
    ----------
    size : int or "channel"
        Side of the square blocks that change places, 1 for pixels; it divides both sides of the
        picture, and the whole side changes nothing. ``"channel"`` permutes all ``c h w`` values of
        a picture, so that they leave their channels too.
    seed : int
        Of the permutation, which is never the identity where there are two blocks or more.

    References
    ----------
    Neyshabur, Sedghi, Zhang, "What is being transferred in transfer learning?", NeurIPS 2020
    (arXiv 2008.11687), section 3.1.
    """

    size: Size
    seed: int = 0

    def __post_init__(self) -> None:
        if self.size != CHANNEL and (not isinstance(self.size, int) or self.size < 1):
            raise InputError(
                f"the size of a block was given as {self.size!r}: give a whole number from 1, or "
                "'channel'"
            )

    def __call__(self, pixels: Tensor) -> Tensor:
        """Return the pictures shuffled.

        Raises
        ------
        InputError
            The size does not divide the sides.
        """
        return self._moved(pixels, self.order(pixels.shape[-3:]))

    def inverse(self, pixels: Tensor) -> Tensor:
        """Return the pictures that `__call__` made these from."""
        return self._moved(pixels, np.argsort(self.order(pixels.shape[-3:])))

    def order(self, shape: Sequence[int]) -> np.ndarray:
        """Return which block (or value) comes to each place of a picture (c, h, w), row by row."""
        c, h, w = shape
        if self.size == CHANNEL:
            return _permutation(c * h * w, self.seed)
        if h % self.size or w % self.size:
            raise InputError(
                f"blocks of {self.size} do not divide pictures of {h} x {w}: give one of "
                f"{', '.join(map(str, block_sizes(h, w)))}"
            )
        return _permutation((h // self.size) * (w // self.size), self.seed)

    def _moved(self, pixels: Tensor, order: np.ndarray) -> Tensor:
        index = torch.as_tensor(order, device=pixels.device)
        *batch, c, h, w = pixels.shape
        if self.size == CHANNEL:
            return pixels.reshape(*batch, c * h * w)[..., index].reshape(pixels.shape)
        size = int(self.size)
        rows, columns = h // size, w // size
        # (c, rows, size, columns, size) -> (c, size, size, rows * columns) and back.
        split = pixels.reshape(-1, c, rows, size, columns, size).permute(0, 1, 3, 5, 2, 4)
        blocks = split.reshape(-1, c, size, size, rows * columns)[..., index]
        back = blocks.reshape(-1, c, size, size, rows, columns).permute(0, 1, 4, 2, 5, 3)
        return back.reshape(pixels.shape)


def _permutation(n: int, seed: int) -> np.ndarray:
    """Return a random order of n things, never the given one: of few blocks it would come up."""
    rng, given = np.random.default_rng(seed), np.arange(n)
    order = rng.permutation(n)
    while n > 1 and np.array_equal(order, given):
        order = rng.permutation(n)
    return order


def block_sizes(h: int, w: int) -> list[int]:
    """Return the sizes that divide both sides, smallest first.

    >>> block_sizes(32, 32)
    [1, 2, 4, 8, 16, 32]
    """
    common = gcd(h, w)
    return [size for size in range(1, common + 1) if common % size == 0]


def shuffled_dataset(data: Dataset, shuffle: Shuffle) -> Dataset:
    """Return a data set of pictures with every picture shuffled when it is read.

    Parameters
    ----------
    data : Dataset
        Of images. Pictures of one size get one permutation; the permutation depends on the size.
    shuffle : Shuffle

    Returns
    -------
    Dataset
        The same rows, ids, labels and splits; its inputs are (h, w, 3) uint8 arrays.

    Raises
    ------
    InputError
        The data holds no images. Reading a row raises it where the size does not divide its sides.
    """
    if data.kind != "image":
        raise InputError(f"{data.source} holds {data.kind}s, expected images: give pictures")
    return replace(data, inputs=_Shuffled(data, shuffle))


class _Shuffled(Sequence[Any]):
    """The inputs of a data set, each shuffled when it is taken."""

    def __init__(self, data: Dataset, shuffle: Shuffle) -> None:
        self.data, self.shuffle = data, shuffle

    def __len__(self) -> int:
        return len(self.data)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> list[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | list[np.ndarray]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        name = str(self.data.ids[index])
        picture = np.asarray(open_image(self.data.inputs[index], name))
        pixels = torch.from_numpy(picture.copy()).permute(2, 0, 1)
        try:
            moved = self.shuffle(pixels)
        except InputError as error:
            raise InputError(f"image {name!r}: {error}") from None
        return np.ascontiguousarray(moved.permute(1, 2, 0).numpy())
