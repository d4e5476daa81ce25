"""Small models with random weights, made on the spot and saved the way each library saves them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

MERGES = ("c a", "ca t</w>", "d o", "do g</w>")
CLIP_CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 518, "width": 32, "heads": 2, "layers": 2},
}


FACTORY = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, stride=2)
        self.second = nn.Conv2d(6, 8, 3, stride=2)

    def forward(self, x):
        return self.second(self.first(x).relu()).mean((2, 3))

def net():
    torch.manual_seed(0)
    return Net()
"""


def save_clip(folder: Path, *, seed: int = 0, merges: bool = True, **text: object) -> Path:
    """Write a random CLIP as an OpenCLIP directory, with its own merges file."""
    import open_clip
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    config = {**CLIP_CONFIG, "text_cfg": {**CLIP_CONFIG["text_cfg"], **text}}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = open_clip.CLIP(**config)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3}})
    )
    if merges:
        content = "\n".join(("#version: 0.2", *MERGES))
        (folder / "bpe_merges.txt.gz").write_bytes(gzip.compress(content.encode()))
    return folder


def save_timm(folder: Path, name: str, **options: Any) -> str:
    """Write the weights of a random timm model; return the backbone's name."""
    import timm
    from safetensors.torch import save_file

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = timm.create_model(name, pretrained=False, **options)
    save_file(model.state_dict(), folder / f"{name}.safetensors")
    return f"timm:{name}@{folder / name}.safetensors"


def rows_are_independent(backbone: Any, items: Sequence[Any]) -> None:
    """Assert that an item's activation is the same alone, in a batch, and in another order."""
    together = backbone.encode(items)
    alone = np.concatenate([backbone.encode([item]) for item in items])
    backwards = backbone.encode(list(items)[::-1])[::-1]
    scale = np.abs(together).max()
    assert scale > 0
    np.testing.assert_allclose(together, alone, atol=1e-4 * scale)
    np.testing.assert_allclose(together, backwards, atol=1e-4 * scale)
    assert np.ptp(together, axis=0).max() > 1e-3 * scale  # the items differ at all
