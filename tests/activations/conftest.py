"""Small real data and small real backbones, made on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

MODULE = '''
import torch
from torch import nn


def tiny():
    """A small convolution with fixed weights: images of any size in, 6 numbers out."""
    generator = torch.Generator().manual_seed(0)
    convolution = nn.Conv2d(3, 6, 3, padding=1)
    for parameter in convolution.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.2
    return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
'''


class Letters:
    """A text backbone: how often each of five vowels occurs."""

    spec = "letters"
    kind = "text"
    dim = 5
    layer = None
    pooling = "none"
    fingerprint = "letters-1"

    def __init__(self) -> None:
        self.seen = 0
        self.record: dict[str, Any] = {"spec": self.spec, "fingerprint": self.fingerprint}

    def prepare(self, item: str) -> str:
        return item

    def forward(self, prepared: Sequence[str]) -> np.ndarray:
        self.seen += len(prepared)
        return np.array([[text.count(v) for v in "aeiou"] for text in prepared], dtype=np.float32)


@pytest.fixture(scope="session")
def module_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backbone") / "tiny.py"
    path.write_text(MODULE)
    return path


@pytest.fixture(scope="session")
def backbone(module_file: Path) -> Any:
    from pcbm.backbones import load_backbone

    return load_backbone(f"python:{module_file}:tiny", device="cpu")


@pytest.fixture
def letters() -> Letters:
    return Letters()


def picture(seed: int, side: int = 12) -> Image.Image:
    values = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(values)


@pytest.fixture
def fill_folder() -> Callable[[Path, Sequence[str]], Path]:
    """Return a function that writes one picture for each name, a POSIX path below the folder."""

    def fill(folder: Path, names: Sequence[str]) -> Path:
        for seed, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(seed).save(path)
        return folder

    return fill


@pytest.fixture
def image_folder(fill_folder: Callable[[Path, Sequence[str]], Path], tmp_path: Path) -> Path:
    names = [f"{name}/{i:02d}.png" for name in ("cat", "dog") for i in range(15)]
    return fill_folder(tmp_path / "images", names)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str | bytes], Path]:
    """Return a function that writes a file below the test's folder."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file
