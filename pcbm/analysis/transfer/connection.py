"""The linear map that a stitch is: channels of one layer to channels of another."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pcbm.errors import InputError, near

Start = Literal["least_squares", "identity", "random"]
STARTS = ("least_squares", "identity", "random")


class Connection(nn.Module):
    """An affine map of channels, the same at every position.

    Maps (n, c, h, w) become (n, c', h', w') by a 1x1 convolution, after bilinear resizing where
    the sizes differ; tokens (n, t, c) and vectors (n, c) go through a linear map. A map that is
    to become a vector is averaged over its positions first.

    Parameters
    ----------
    given, wanted : tuple of int
        Shapes of both layers, without the rows.
    last : pair of bool
        Whether the channels of a map stand last, for both.
    words : str
        What is stitched, for messages.

    Raises
    ------
    InputError
        The shapes cannot be joined.
    """

    def __init__(
        self,
        given: tuple[int, ...],
        wanted: tuple[int, ...],
        last: tuple[bool, bool] = (False, False),
        words: str = "the stitch",
    ) -> None:
        super().__init__()
        self.given, self.wanted, self.last = given, wanted, last
        kinds = len(given), len(wanted)
        fits = kinds in ((1, 1), (3, 1), (3, 3)) or (kinds == (2, 2) and given[0] == wanted[0])
        if not fits:
            raise InputError(
                f"{words}: outputs of shapes {given} and {wanted} cannot be joined by a linear map "
                "of channels: choose layers of one kind, tokens as many on both sides"
            )
        self.linear = nn.Linear(self._channels(0), self._channels(1))

    @property
    def resized(self) -> bool:
        """Whether maps are brought to another size."""
        return len(self.wanted) == 3 and self._places(0) != self._places(1)

    def forward(self, values: Tensor) -> Tensor:
        """Return what the wanted layer is to give, (n, *wanted)."""
        mapped: Tensor = self.linear(self.channels_last(values))
        if len(self.wanted) == 3 and not self.last[1]:
            mapped = mapped.permute(0, 3, 1, 2)
        return mapped

    def channels_last(self, values: Tensor) -> Tensor:
        """Return the given layer's output at the positions of the wanted one, channels last."""
        if len(self.given) < 3:
            return values
        first = values.permute(0, 3, 1, 2) if self.last[0] else values
        if len(self.wanted) == 1:
            return first.mean(dim=(2, 3))
        if self.resized:
            first = F.interpolate(first, size=self._places(1), mode="bilinear", antialias=True)
        return first.permute(0, 2, 3, 1)

    def start_from(self, start: Start, seed: int) -> None:
        """Set the map before training: the identity, or small random numbers.

        Raises
        ------
        InputError
            An identity between layers of different channels; an unknown start.
        """
        check_start(start)
        weight, bias = self.linear.weight, self.linear.bias
        if start == "identity" and (weight.shape[0] != weight.shape[1] or self.resized):
            raise InputError(
                f"an identity cannot join outputs of shapes {self.given} and {self.wanted}: "
                "start from least_squares"
            )
        with torch.no_grad():
            if start == "identity":
                weight.copy_(torch.eye(len(weight)))
            else:
                generator = torch.Generator().manual_seed(seed)
                drawn = torch.randn(weight.shape, generator=generator)
                weight.copy_(drawn / weight.shape[1] ** 0.5)
            bias.zero_()

    def solve(self, given: list[Tensor], wanted: list[Tensor], most: int, seed: int) -> None:
        """Set the map to the least squares fit of the wanted layer's outputs.

        Parameters
        ----------
        given, wanted : lists of Tensor
            Outputs of both layers for the same batches of rows.
        most : int
            Positions that are used, drawn by the seed.
        """
        X = torch.cat([self.channels_last(part).flatten(0, -2) for part in given])
        Y = torch.cat([self._target(part).flatten(0, -2) for part in wanted])
        rows = np.random.default_rng(seed).permutation(len(X))[:most]
        one = np.ones((len(rows), 1))
        left = np.hstack([X[rows].double().cpu().numpy(), one])
        found = np.linalg.lstsq(left, Y[rows].double().cpu().numpy(), rcond=None)[0]
        with torch.no_grad():
            self.linear.weight.copy_(torch.as_tensor(found[:-1].T.copy()))
            self.linear.bias.copy_(torch.as_tensor(found[-1].copy()))

    def _target(self, values: Tensor) -> Tensor:
        maps = len(self.wanted) == 3 and not self.last[1]
        return values.permute(0, 2, 3, 1) if maps else values

    def _channels(self, side: int) -> int:
        shape = (self.given, self.wanted)[side]
        return shape[0] if len(shape) == 3 and not self.last[side] else shape[-1]

    def _places(self, side: int) -> tuple[int, ...]:
        shape = (self.given, self.wanted)[side]
        return shape[:2] if self.last[side] else shape[1:]


def check_start(start: str) -> None:
    """Raise InputError for a start that is not one of `STARTS`."""
    if start not in STARTS:
        raise InputError(f"the start of the stitch was given as {start!r}: {near(start, STARTS)}")
