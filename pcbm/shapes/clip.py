"""The tiny CLIP: a plain `open_clip.CLIP` with a word-level tokenizer for the world of shapes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcbm.errors import InputError
from pcbm.shapes.tokens import CONTEXT_LENGTH, read_tokenizer

if TYPE_CHECKING:
    import torch
    from open_clip.model import CLIP
    from open_clip.tokenizer import SimpleTokenizer
    from PIL import Image

WEIGHTS = "open_clip_model.safetensors"
CONFIG = "open_clip_config.json"
MERGES = "merges.txt.gz"

MEAN = (0.45, 0.45, 0.45)
STD = (0.28, 0.28, 0.28)


def model_config(vocab_size: int) -> dict[str, Any]:
    """Return the arguments of `open_clip.CLIP`; the vocabulary's size is the tokenizer's."""
    return {
        "embed_dim": 64,
        "vision_cfg": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 16},
        "text_cfg": {
            "context_length": CONTEXT_LENGTH,
            "vocab_size": vocab_size,
            "width": 64,
            "heads": 4,
            "layers": 2,
        },
    }


def build_clip(config: dict[str, Any], seed: int = 0) -> CLIP:
    """Return an untrained model; the weights follow from the seed, torch's own state is kept."""
    import torch
    from open_clip.model import CLIP

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return CLIP(**config)


def assets() -> Path:
    """Return the folder of the weights that come with the package."""
    return Path(str(resources.files("pcbm.shapes"))) / "assets"


def load_clip(
    folder: Path | None = None,
) -> tuple[CLIP, Callable[[Image.Image], torch.Tensor], SimpleTokenizer]:
    """Load a tiny CLIP that `pcbm.shapes.train` wrote; by default the one in the package.

    Returns
    -------
    model : open_clip.CLIP
        float32, in evaluation mode.
    preprocess : callable
        PIL image -> tensor (3, 64, 64).
    tokenizer : open_clip SimpleTokenizer
        Strings -> tokens (n, 24).

    Raises
    ------
    InputError
        The folder lacks a file, or the tokenizer's vocabulary is not the embedding's.
    """
    import open_clip
    import torch
    from safetensors.torch import load_file

    folder = assets() if folder is None else folder
    for name in (CONFIG, MERGES, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(f"{folder} has no {name}: give a folder that pcbm.shapes.train wrote")
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    tokenizer = read_tokenizer(folder / MERGES)
    state = {
        name: value.to(torch.float32) if value.is_floating_point() else value
        for name, value in load_file(folder / WEIGHTS).items()
    }
    check_vocabulary(tokenizer.vocab_size, len(state["token_embedding.weight"]), folder)
    model = build_clip(config["model_cfg"])
    model.load_state_dict(state)
    model.eval().requires_grad_(False)
    look = config["preprocess_cfg"]
    preprocess = open_clip.image_transform(
        64, is_train=False, mean=tuple(look["mean"]), std=tuple(look["std"])
    )
    return model, preprocess, tokenizer


def check_vocabulary(words: int, rows: int, folder: Path) -> None:
    """Raise InputError unless the tokenizer has exactly as many words as the embedding rows.

    A larger vocabulary would fail at the first rare word; another one of any size gives wrong
    embeddings without an error.
    """
    if words != rows:
        raise InputError(
            f"the tokenizer in {folder} has {words} words and the text embedding {rows} rows: "
            "the merges file belongs to other weights"
        )


def encode_pictures(model: CLIP, pictures: Any, batch_size: int = 256) -> torch.Tensor:
    """Embed uint8 pictures (n, 64, 64, 3), not normalised: (n, 64) float32."""
    import torch

    with torch.inference_mode():
        chunks = [
            model.encode_image(as_input(pictures[start : start + batch_size]))
            for start in range(0, len(pictures), batch_size)
        ]
    return torch.cat(chunks)


def as_input(pictures: Any) -> torch.Tensor:
    """Turn uint8 pictures (n, 64, 64, 3) into what the image tower takes, channels last."""
    import torch

    x = torch.from_numpy(pictures).permute(0, 3, 1, 2).to(torch.float32)
    return (x / 255 - MEAN[0]) / STD[0]


def encode_words(
    model: CLIP, tokenizer: SimpleTokenizer, words: Sequence[str], templates: Sequence[str]
) -> torch.Tensor:
    """Embed words: mean over templates of the unit text embeddings, made unit again, (K, 64)."""
    import torch
    from torch.nn.functional import normalize

    with torch.inference_mode():
        per_template = [
            model.encode_text(tokenizer([t.format(word) for word in words]), normalize=True)
            for t in templates
        ]
        return normalize(torch.stack(per_template).mean(0), dim=-1)
