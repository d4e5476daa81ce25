"""Describing a Hugging Face tokenizer by what it does, not by how it is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pcbm.files import sha256_json

PROBES = ("a photo of a Zebra, 2 metres tall", "naïve café — 東京\n\ttabs & <tags>", "")


def tokenizer_text(tokenizer: Any, settings: Mapping[str, Any]) -> str:
    """Return a text that is equal for tokenizers that give equal ids.

    It holds the hash of the vocabulary, the ids of fixed probe texts and ``settings`` (JSON
    values). File names and library versions are no part of it.
    """
    ids = [list(tokenizer(text)["input_ids"]) for text in PROBES]
    vocabulary = sha256_json(tokenizer.get_vocab())
    return json.dumps({"vocabulary": vocabulary, "ids": ids, **settings}, sort_keys=True)
