"""The pictures of the demo: shapes to tell apart, and a background texture that gives them away.

In training each class stands on a texture of its own 99 times in 100. A classifier may therefore
look at the texture and be nearly right, until the textures are dealt out anew: in the ``shifted``
split each class stands on the texture of the class after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcbm.errors import InputError, near
from pcbm.shapes.world import ATTRIBUTES, COLUMN, TEXTURES, render, sample_scenes
from pcbm.shapes.zero_shot import TEMPLATES as DEMO_TEMPLATES

DEMO_CLASSES = ("circle", "square", "triangle", "star", "cross")
"""Class i stands on texture i of `TEXTURES` in training."""

TEXTURE_WORDS = TEXTURES
"""The spurious words of the demo."""

DEMO_WORDS = (
    *DEMO_CLASSES,
    *ATTRIBUTES["colour"],
    *ATTRIBUTES["texture"],
    *ATTRIBUTES["size"],
    *ATTRIBUTES["position"],
)
"""The 25 words of the demo's concept bank."""

TIE = 0.99
"""Share of pictures on the texture tied to their class; the others take one of the other four."""

DEMO_CONCEPTS_PER_CLASS = 3
DEMO_L1_RATIO = 0.2
"""Sparsity of the demo's head, and how much of its penalty is lasso.

Shape and texture tell the class equally well in training. A penalty that is mostly ridge shares
the weight between them; the lasso takes whichever is cleaner for each class. docs/tiny-clip.md has
the figures along both paths.
"""

SPLITS = {"train": 0, "validation": 1, "test": 2, "shifted": 3}
"""Split -> the stream its pictures are drawn from."""

STREAM = 7464  # keeps the demo's pictures apart from those the tiny CLIP was trained on

SHIFT = {"train": 0, "validation": 0, "test": 0, "shifted": 1}
"""Split -> how many classes further on the texture's own class is."""

__all__ = [
    "DEMO_CLASSES",
    "DEMO_CONCEPTS_PER_CLASS",
    "DEMO_L1_RATIO",
    "DEMO_TEMPLATES",
    "DEMO_WORDS",
    "SHIFT",
    "SPLITS",
    "TEXTURE_WORDS",
    "TIE",
    "DemoImages",
    "demo_split",
    "shapes_rows",
]


@dataclass(frozen=True)
class DemoImages:
    """Pictures with what is known of them.

    Attributes
    ----------
    images : ndarray (n, 64, 64, 3) of uint8
    ids : ndarray (n,) of str
        Unique over all splits.
    labels : ndarray (n,) of str
        The class: the word of the shape.
    groups : ndarray (n,) of str
        The word of the background texture.
    split : ndarray (n,) of str
    scenes : ndarray (n, 6) of int
        Every attribute; columns in the order of `pcbm.shapes.world.ATTRIBUTES`.
    """

    images: np.ndarray
    ids: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    split: np.ndarray
    scenes: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def demo_split(split: str, n: int = 1500, seed: int = 0, *, tie: float = TIE) -> DemoImages:
    """Draw one split of the demo.

    Parameters
    ----------
    split : {"train", "validation", "test", "shifted"}
        ``test`` and ``validation`` are distributed as ``train``; in ``shifted`` each class is tied
        to the texture of the next one.
    n : int
        Number of pictures. Classes have equal counts up to one, and the share of tied pictures is
        exactly ``tie``, up to rounding.
    seed : int
        The same split, n and seed give the same pictures; the splits do not overlap.
    tie : float
        Share of pictures on the tied texture.

    Raises
    ------
    InputError
        No such split, or n is below 1.
    """
    if split not in SPLITS:
        raise InputError(f"the demo has no split {split!r}: {near(split, SPLITS)}")
    if n < 1:
        raise InputError(f"the demo cannot draw {n} pictures: ask for one or more")
    rng = np.random.default_rng([seed, SPLITS[split], STREAM])
    classes = rng.permutation(np.arange(n) % len(DEMO_CLASSES))
    texture = (classes + SHIFT[split]) % len(TEXTURES)
    stray = rng.permutation(n)[: round((1 - tie) * n)]
    texture[stray] += rng.integers(1, len(TEXTURES), size=len(stray))
    texture %= len(TEXTURES)

    scenes = sample_scenes(n, rng)
    scenes[:, COLUMN["shape"]] = [ATTRIBUTES["shape"].index(DEMO_CLASSES[c]) for c in classes]
    scenes[:, COLUMN["texture"]] = texture
    return DemoImages(
        images=np.concatenate([render(rows, rng) for rows in np.split(scenes, range(256, n, 256))]),
        ids=np.array([f"{split}/{row:05d}" for row in range(n)]),
        labels=np.array(DEMO_CLASSES)[classes],
        groups=np.array(TEXTURES)[texture],
        split=np.full(n, split),
        scenes=scenes,
    )


def shapes_rows(n_train: int = 1500, n_test: int = 1000, seed: int = 0) -> DemoImages:
    """Return the data named ``demo:shapes``: the training rows, then the test rows like them."""
    parts = [demo_split("train", n_train, seed), demo_split("test", n_test, seed)]
    fields = DemoImages.__dataclass_fields__
    return DemoImages(*(np.concatenate([getattr(p, field) for p in parts]) for field in fields))
