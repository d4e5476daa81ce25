"""Sentences about scenes, and the word list that the tiny CLIP's tokenizer is made from."""

from __future__ import annotations

from string import Formatter

import numpy as np

from pcbm.shapes.world import ATTRIBUTES, COLUMN

FULL_TEMPLATES = (
    "a {size} {colour} {shape} at the {position} on a {texture} {background} background",
    "a photo of a {size} {colour} {shape} at the {position} on a {background} {texture} background",
    "a picture of a {colour} {shape} that is {size} at the {position} "
    "with a {texture} {background} background",
    "an image with a {size} {colour} {shape} on the {position} "
    "and a {background} background that is {texture}",
    "there is a {size} {colour} {shape} on the {position} of a {texture} {background} picture",
    "{size} {colour} {shape} {position} {texture} {background}",
    "on a {texture} {background} background at the {position} is a {size} {colour} {shape}",
    "the {shape} is {colour} and {size} at the {position} "
    "and the background is {texture} and {background}",
)
PARTIAL_TEMPLATES = (
    "a {colour} {shape} on a {texture} background",
    "a {size} {colour} {shape} at the {position}",
    "a photo of a {colour} {shape} on a {background} background",
    "a picture of a {size} {shape} on a {texture} {background} background",
    "an image of a {shape} at the {position} on a {texture} background",
    "a drawing of a {colour} {shape} with a {background} background",
    "something {colour} and {size} on a {texture} {background} background",
    "a {shape} at the {position} and a {texture} background",
    "the {shape} is {colour} and the background is {background}",
    "a {size} {shape} on {background}",
    "a {colour} thing at the {position} on {texture} {background}",
    "{colour} {shape}",
    "{size} {shape}",
    "a {texture} {background} background",
    "a {size} thing at the {position}",
)
WORD_TEMPLATES = (
    "{any}",
    "a photo of {any}",
    "a picture of {any}",
    "an image of {any}",
    "a drawing of {any}",
    "an image with {any}",
    "something {any}",
    "a {any} thing",
    "a photo of a {any} object",
)
"""Templates about one attribute; ``{any}`` is the word of whichever attribute is drawn."""

CAPTION_SHARES = ((FULL_TEMPLATES, 0.6), (PARTIAL_TEMPLATES, 0.25), (WORD_TEMPLATES, 0.15))


def template_attributes(template: str) -> tuple[str, ...]:
    """Return the fields of a template in their order.

    >>> template_attributes("a {colour} {shape}")
    ('colour', 'shape')
    """
    return tuple(field for _, field, _, _ in Formatter().parse(template) if field)


def caption(scenes: np.ndarray, rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
    """Write one sentence about each scene.

    Parameters
    ----------
    scenes : ndarray (n, 6) of int
        See `pcbm.shapes.world.sample_scenes`.
    rng : numpy.random.Generator

    Returns
    -------
    sentences : list of str
    mentioned : ndarray (n, 6) of bool
        Which attributes the sentence tells, columns in the order of `ATTRIBUTES`.
    """
    words = list(ATTRIBUTES.values())
    names = list(ATTRIBUTES)
    kinds = rng.choice(len(CAPTION_SHARES), size=len(scenes), p=[s for _, s in CAPTION_SHARES])
    picks = rng.random((len(scenes), 2))
    sentences, mentioned = [], np.zeros((len(scenes), len(names)), dtype=bool)
    for row, (scene, kind, (pick, other)) in enumerate(zip(scenes, kinds, picks, strict=True)):
        templates = CAPTION_SHARES[kind][0]
        template = templates[int(pick * len(templates))]
        if template_attributes(template) == ("any",):
            template = template.replace("{any}", "{" + names[int(other * len(names))] + "}")
        told = template_attributes(template)
        mentioned[row, [COLUMN[name] for name in told]] = True
        sentences.append(
            template.format(**{name: words[COLUMN[name]][scene[COLUMN[name]]] for name in told})
        )
    return sentences, mentioned


def vocabulary() -> list[str]:
    """Return every word of the world, sorted: attribute words and the words of the templates."""
    words = {word for values in ATTRIBUTES.values() for word in values}
    for templates, _ in CAPTION_SHARES:
        for template in templates:
            words |= {word for word in template.split() if "{" not in word}
    return sorted(words)
