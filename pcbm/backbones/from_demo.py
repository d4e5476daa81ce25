"""``demo:tiny-clip``: the small CLIP of the procedural shape world, shipped in the package."""

from __future__ import annotations

from pcbm.backbones.from_open_clip import clip_tower
from pcbm.backbones.tower import Tower
from pcbm.backbones.weights import without_addresses
from pcbm.errors import InputError, near
from pcbm.shapes import load_tiny_clip

NAMES = ("tiny-clip",)


def load(what: str, spec: str) -> Tower:
    """Load the shipped model; nothing is downloaded."""
    if what not in NAMES:
        raise InputError(f"unknown demo backbone {what!r}: {near(what, NAMES)}")
    model, preprocess, tokenizer = load_tiny_clip()
    return clip_tower(
        spec,
        model,
        preprocess,
        tokenizer,
        architecture=what,
        preprocess=without_addresses(" ".join(repr(preprocess).split())),
        no_text="",
    )
