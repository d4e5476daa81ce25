"""``sentence_transformers:NAME-or-directory``: the embedding of a whole text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pcbm.backbones.fetch import loading
from pcbm.backbones.spec import existing_path, looks_like_path
from pcbm.backbones.tokens import tokenizer_text
from pcbm.backbones.tower import Tower, as_text
from pcbm.errors import need


def load(what: str, spec: str) -> Tower:
    """Load a sentence-transformers model; its activation is the sentence embedding."""
    library = need("sentence_transformers", "text")
    if looks_like_path(what) or Path(what).is_dir():
        what = str(existing_path(what, spec))
    with loading(spec, "sentence_transformers:DIRECTORY"):
        model = library.SentenceTransformer(what, device="cpu")
    return wrap(model, f"sentence_transformers:{what}")


def wrap(model: Any, spec: str) -> Tower:
    """Wrap a loaded `sentence_transformers.SentenceTransformer`."""
    prompt = (model.prompts or {}).get(model.default_prompt_name or "") or None

    def collate(texts: Sequence[str], device: torch.device) -> dict[str, Any]:
        features = model.preprocess(list(texts), prompt=prompt)
        return {
            key: value.to(device) if isinstance(value, Tensor) else value
            for key, value in features.items()
        }

    def embed(batch: Mapping[str, Any]) -> Tensor:
        # The modules add their results to the dictionary that they are given.
        vectors = model(dict(batch))["sentence_embedding"]
        return vectors if model.truncate_dim is None else vectors[:, : model.truncate_dim]

    return Tower(
        spec=spec,
        module=model,
        kind="text",
        prepare=as_text,
        collate=collate,
        embed=embed,
        architecture=json.dumps([_module_text(module) for module in model]),
        preprocess=tokenizer_text(
            model.tokenizer,
            {"max_length": model.max_seq_length, "prompt": prompt, "dim": model.truncate_dim},
        ),
        mask=lambda batch: batch.get("attention_mask"),
        packages=("sentence-transformers", "transformers", "torch"),
    )


def _module_text(module: Any) -> str:
    """Name a step of the model; pooling has no weights, so its mode is part of the name."""
    mode = getattr(module, "get_pooling_mode_str", None)
    return type(module).__name__ + (f"({mode()})" if mode else "")
