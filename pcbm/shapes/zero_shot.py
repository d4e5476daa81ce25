"""Zero-shot accuracy of a tiny CLIP: name each attribute of random scenes by text alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pcbm.shapes.clip import encode_pictures, encode_words
from pcbm.shapes.world import ATTRIBUTES, COLUMN, render, sample_scenes

if TYPE_CHECKING:
    from open_clip.model import CLIP
    from open_clip.tokenizer import SimpleTokenizer

TEMPLATES = ("{}", "a photo of {}", "a picture of {}", "an image with {}", "something {}")
"""Sentences a single word of the world is put into."""

N_SCENES = 5000
SEED = 20_220_515  # scenes of the reported figures; training draws from other streams


def zero_shot(
    model: CLIP, tokenizer: SimpleTokenizer, n: int = N_SCENES, seed: int = SEED
) -> dict[str, float]:
    """Return attribute -> share of scenes whose picture is nearest to the right word.

    Each attribute is decided among its own words by the cosine between the picture's embedding
    and the word's mean embedding over `TEMPLATES`.
    """
    rng = np.random.default_rng(seed)
    scenes = sample_scenes(n, rng)
    was_training = model.training
    model.eval()
    pictures = encode_pictures(model, render(scenes, rng))
    figures = {}
    for name, words in ATTRIBUTES.items():
        named = (pictures @ encode_words(model, tokenizer, words, TEMPLATES).T).argmax(1).numpy()
        figures[name] = float(np.mean(named == scenes[:, COLUMN[name]]))
    model.train(was_training)
    return figures
