"""Small networks whose layers are known in closed form, and pictures to run them on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pcbm.analysis.networks import Network

FACTORY = """
import torch
from torch import nn


def to_tensor(image):
    import numpy as np
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    return (pixels - {mean}) / {std}


class Net(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, 2, 1)
        self.blocks = nn.Sequential(
            nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.ReLU()),
            nn.Sequential(nn.Conv2d(width, 2 * width, 3, 2, 1), nn.ReLU()),
        )
        self.head = nn.Linear(2 * width, classes)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x).relu()).mean((2, 3)))


def _net(seed, width={width}):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Net(width, {classes}), to_tensor


def one():
    return _net(1)


def two():
    return _net(2)


def wide():
    return _net(3, 2 * {width})


def dropping():
    net, prepare = _net(4)
    return net, lambda image: torch.relu(prepare(image))


def random():
    net, prepare = _net(5)
    return net, lambda image: prepare(image) + torch.rand(()) * 0.001
"""


def write_factory(
    path: Path, *, width: int = 4, classes: int = 3, mean: float = 0.4, std: float = 0.25
) -> Path:
    """Write a file of factories for ``python:``: one, two, wide, and two that are refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {"width": width, "classes": classes, "mean": mean, "std": std}
    text = FACTORY
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    path.write_text(text, encoding="utf-8")
    return path


def write_pictures(folder: Path, *, a_class: int = 12, size: int = 8, classes: int = 3) -> Path:
    """Write class folders of noisy pictures, each class of a hue of its own."""
    hues = np.array([[200, 60, 60], [60, 200, 60], [60, 60, 200], [180, 180, 40]])
    for k in range(classes):
        rng = np.random.default_rng(k)
        (folder / f"class{k}").mkdir(parents=True, exist_ok=True)
        for i in range(a_class):
            noise = rng.integers(-55, 56, (size, size, 3))
            pixels = np.clip(hues[k] + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"class{k}" / f"{i:02}.png")
    return folder


class Chain(nn.Module):
    """Linear maps one after the other, named ``0``, ``1``, ...: no biases, nothing in between."""

    def __init__(self, weights: Sequence[np.ndarray]) -> None:
        super().__init__()
        for i, weight in enumerate(weights):
            layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False, dtype=torch.float64)
            layer.weight.data = torch.as_tensor(weight, dtype=torch.float64).clone()
            self.add_module(f"map{i}", layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = layer(x)
        return x


def rows(n: int = 40, d: int = 8, seed: int = 0) -> Tensor:
    """Return pixels (n, d) in [0, 1], float64."""
    return torch.as_tensor(np.random.default_rng(seed).uniform(size=(n, d)))


class Normed(nn.Module):
    """A convolution, batch norm with statistics of its own, and a linear head; float64."""

    def __init__(self, seed: int, *, width: int = 5, classes: int = 4) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.conv = nn.Conv2d(3, width, 3, padding=1)
            self.norm = nn.BatchNorm2d(width)
            self.head = nn.Linear(width, classes)
            self.norm.running_mean = torch.randn(width) / 10
            self.norm.running_var = 0.2 + torch.rand(width)
        self.double().eval()

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


def state(network: Network) -> list[tuple[str, bytes]]:
    """Return all weights of a network as bytes, and the mode of every module."""
    module = network.module
    weights = [(name, value.numpy().tobytes()) for name, value in module.state_dict().items()]
    modes = [(f"mode of {name}", bytes([m.training])) for name, m in module.named_modules()]
    return weights + modes
