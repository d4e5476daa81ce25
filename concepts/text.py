"""Concept directions from words, through the text tower of an image-text or sentence backbone.

Source: Yuksekgonul et al. 2023, "Post-hoc concept bottleneck models", section 2 (multimodal
concepts); the averaging of several prompts is that of Radford et al. 2021 (CLIP), section 3.1.4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pcbm.concepts.similar import similar_pairs
from pcbm.errors import InputError, quoted

if TYPE_CHECKING:
    from pcbm.backbones import Backbone

SLOT = "{}"
IMAGE_TEMPLATES = ("{}", "a photo of {}", "a picture of {}", "an image of {}")
"""Default sentences for backbones of images: the word itself and neutral captions of it."""

SENTENCE_TEMPLATES = ("{}",)
"""Default for backbones of text: the plain word, which they embed as they embed a text."""

_BATCH = 256
_SAME = 1 - 1e-6


@dataclass(frozen=True)
class TextDirections:
    """Unit vectors (K, d) of words, their mean (d,), the templates used, and remarks."""

    vectors: np.ndarray
    mean: np.ndarray
    templates: list[str]
    notes: list[str]


def flatten_words(words: Sequence[str] | Mapping[str, Sequence[str]]) -> list[str]:
    """Return a list as it is, or the words of all classes, each once, in order of appearance.

    >>> flatten_words({"cat": ["fur", "whiskers"], "dog": ["fur"]})
    ['fur', 'whiskers']
    """
    if isinstance(words, str):
        raise InputError(f"the words are the string {words!r}: give a list of words")
    if isinstance(words, Mapping):
        return list(dict.fromkeys(word for listed in words.values() for word in listed))
    return list(words)


def embed_words(
    words: Sequence[str],
    backbone: Backbone,
    templates: Sequence[str] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> TextDirections:
    """Embed each word in each template and average.

    With e(s) the text embedding of sentence s, the vector of a word is the mean over templates of
    e / ||e||, scaled to unit length, in float64. ``mean`` is the mean of these vectors over the
    words: what ``projection="centred"`` subtracts.

    Parameters
    ----------
    words : sequence of str, length K
    backbone : Backbone
    templates : sequence of str, optional
        Each holds ``{}``, which is replaced by the word; other braces are left as they are.
    progress : callable, optional
        Called with (sentences done, sentences in all).

    Raises
    ------
    InputError
        The backbone cannot embed words into the space of its activations (no text tower, or a
        layer was chosen), or a template has no ``{}``.
    """
    used = _check_templates(templates, backbone.kind)
    sentences = [template.replace(SLOT, word) for word in words for template in used]
    parts = []
    for start in range(0, len(sentences), _BATCH):
        parts.append(backbone.encode_text(sentences[start : start + _BATCH]))
        if progress is not None:
            progress(min(start + _BATCH, len(sentences)), len(sentences))
    embedded = _unit(np.concatenate(parts).astype(np.float64), sentences)
    means = embedded.reshape(len(words), len(used), -1).mean(axis=1)
    vectors = _unit(means, list(words))
    alike = similar_pairs(vectors, _SAME)
    notes = []
    if alike:
        first, second = alike[0]
        more = f" ({len(alike)} such pairs)" if len(alike) > 1 else ""
        notes.append(
            f"{words[first]!r} and {words[second]!r} have the same embedding{more}: "
            "the backbone cannot tell them apart"
        )
    return TextDirections(vectors, vectors.mean(axis=0), used, notes)


def _check_templates(templates: Sequence[str] | None, kind: str) -> list[str]:
    if templates is None:
        return list(SENTENCE_TEMPLATES if kind == "text" else IMAGE_TEMPLATES)
    if isinstance(templates, str):
        raise InputError(f"templates is the string {templates!r}: give a list of templates")
    used = list(dict.fromkeys(templates))
    if not used:
        raise InputError(
            "the list of templates is empty: give at least one, such as 'a photo of {}'"
        )
    without = [template for template in used if SLOT not in template]
    if without:
        raise InputError(
            f"the template {quoted(without)} has no {SLOT}: put {SLOT} where the word goes, "
            "such as 'a photo of {}'"
        )
    return used


def _unit(rows: np.ndarray, sentences: Sequence[str]) -> np.ndarray:
    """Scale rows to unit length; a zero or non-finite row names its sentence."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    bad = np.flatnonzero(~(np.isfinite(lengths[:, 0]) & (lengths[:, 0] > 0)))
    if bad.size:
        raise InputError(
            f"the backbone embeds {sentences[bad[0]]!r} as a zero or non-finite vector: "
            "leave that word out, or use another backbone"
        )
    return rows / lengths
