"""Describing a Hugging Face tokenizer by what it does, not by how it is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pcbm.files import sha256_json

# An embedding table is padded by some rows, never doubled.
LEAST_SHARE = 0.5
PROBES = ("a photo of a Zebra, 2 metres tall", "naïve café — 東京\n\ttabs & <tags>", "")


def vocabulary_fault(tokenizer: Any, rows: int) -> str | None:
    """Return why a tokenizer cannot belong to a model with ``rows`` token embeddings, or None.

    Without its files a tokenizer may be made up, with special tokens only or with the vocabulary
    of another model; texts would still get ids, and silently wrong ones.
    """
    words = len(tokenizer)
    if LEAST_SHARE * rows <= words <= rows:
        return None
    return (
        f"its tokenizer has {words} words but its embedding {rows} rows: "
        "put the tokenizer's own files beside the weights"
    )


def tokenizer_text(tokenizer: Any, settings: Mapping[str, Any]) -> str:
    """Return a text that is equal for tokenizers that give equal ids.

    It holds the hash of the vocabulary, the ids of fixed probe texts and ``settings`` (JSON
    values). File names and library versions are no part of it.
    """
    ids = [list(tokenizer(text)["input_ids"]) for text in PROBES]
    vocabulary = sha256_json(tokenizer.get_vocab())
    return json.dumps({"vocabulary": vocabulary, "ids": ids, **settings}, sort_keys=True)
