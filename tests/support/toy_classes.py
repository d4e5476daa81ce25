"""Pictures that small networks learn in seconds, and networks that are trained on them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pcbm.analysis.transfer.labelled import Labelled


class SmallNet(nn.Module):
    """Two convolutional blocks with batch norm, and a classifier."""

    def __init__(self, classes: int = 4, width: int = 6) -> None:
        super().__init__()
        self.first = self._block(1, width)
        self.second = self._block(width, 2 * width)
        self.head = nn.Linear(2 * width, classes)

    def _block(self, given: int, wanted: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(given, wanted, 3, 2, 1), nn.BatchNorm2d(wanted), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x)).mean(dim=(2, 3)))


class Bypass(nn.Module):
    """A skip around its inner layer."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(x + self.inner(x).relu())


def stripes(n: int = 240, classes: int = 4, seed: int = 0) -> Labelled:
    """Return 8 x 8 pictures whose class is the place of a bright bar, upright or flat."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.arange(n) % classes
    pixels = 0.6 * torch.rand(n, 1, 8, 8, generator=generator)
    for row, kind in enumerate(y.tolist()):
        place, flat = 1 + 2 * (kind // 2), kind % 2
        part = pixels[row, 0].T if flat else pixels[row, 0]
        part[:, place : place + 2] += 0.4
    return Labelled(pixels, y, [f"class{k}" for k in range(classes)])
