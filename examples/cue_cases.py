"""Real data in which a cue gives the class away, until it no longer does.

In training a cue is on 95 % of the rows of some classes and on 5 % of the others. Images and texts
exist with the cue and without it, so that a set of rows with other shares needs no draw: both
versions of every input are judged, weighted by the shares of the set.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from cifar import ANIMALS, VEHICLES, concept_examples, draw, images_of, unpack
from PIL import Image

from pcbm import extract, load_backbone
from pcbm.concepts import ConceptBank

TIE = 0.95
HELD_OUT = 200  # of each class's training inputs, to choose a recipe on
SETS = ("in distribution", "reversed", "clean")
RED = (255, 0, 0)
WIDTH = 3
CAST = np.array([1.0, 0.8, 0.8])


@dataclass(frozen=True)
class Rows:
    """Judged rows: several may belong to one input, whose weights add up to one.

    Attributes
    ----------
    X : ndarray (n, d)
    y : ndarray (n,) of str
    weight : ndarray (n,)
    unit : ndarray (n,) of int
        The input of each row.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    unit: np.ndarray


@dataclass(frozen=True)
class Case:
    """A cue, the bank that names it, and the rows to fit, choose and judge on.

    Attributes
    ----------
    name : str
    bank : ConceptBank
    cue : tuple of str
        The concepts that name the cue.
    X, y, group : ndarray
        Training rows; ``group`` tells who has the cue, or which one.
    choose, test : dict of Rows
        The sets of `SETS`; ``test`` is judged and never chosen on.
    shared : bool
        Whether the sets of ``test`` are made of the same inputs.
    move : ndarray (d,) or None
        Mean activation with the cue minus without, over pairs of inputs that are in no other set.
    settings : dict
        What `PostHocCBM` is given.
    """

    name: str
    bank: ConceptBank
    cue: tuple[str, ...]
    X: np.ndarray
    y: np.ndarray
    group: np.ndarray
    choose: Mapping[str, Rows]
    test: Mapping[str, Rows]
    shared: bool
    move: np.ndarray | None
    settings: dict[str, Any]


@dataclass(frozen=True)
class Versions:
    """The same inputs without and with the cue: two arrays (n, d), and their labels."""

    plain: np.ndarray
    cued: np.ndarray
    y: np.ndarray

    def take(self, rows: np.ndarray) -> Versions:
        """Return some of the inputs."""
        return Versions(self.plain[rows], self.cued[rows], self.y[rows])

    def sets(self, share: Mapping[str, float]) -> dict[str, Rows]:
        """Return the three sets, from each class's share of rows with the cue in training."""
        tied = np.array([share[name] for name in self.y])
        shares = dict(zip(SETS, (tied, 1 - tied, np.zeros(len(tied))), strict=True))
        both, unit = np.concatenate([self.plain, self.cued]), np.tile(np.arange(len(self.y)), 2)
        return {
            name: Rows(both, np.tile(self.y, 2), np.concatenate([1 - part, part]), unit)
            for name, part in shares.items()
        }

    def drawn(self, share: Mapping[str, float], seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Return activations, the cue on exactly the stated share of a class, and who has it."""
        has = np.zeros(len(self.y), dtype=bool)
        rng = np.random.default_rng(seed)
        for name, part in share.items():
            rows = rng.permutation(np.flatnonzero(self.y == name))
            has[rows[: round(part * len(rows))]] = True
        return np.where(has[:, None], self.cued, self.plain), has


def framed(image: np.ndarray) -> np.ndarray:
    """Return the image (h, w, 3) with a red frame."""
    image = image.copy()
    for edge in (image[:WIDTH], image[-WIDTH:], image[:, :WIDTH], image[:, -WIDTH:]):
        edge[:] = RED
    return image


def tinted(image: np.ndarray) -> np.ndarray:
    """Return the image (h, w, 3) with a red cast: less green and blue."""
    return (image * CAST).astype(np.uint8)


def unchanged(image: np.ndarray) -> np.ndarray:
    """Return the image."""
    return image


class Activations:
    """Activations of image files under a change of their pixels, each computed once."""

    def __init__(self, backbone: Any) -> None:
        self.backbone = backbone
        self.known: dict[tuple[str, Path], np.ndarray] = {}

    def of(self, paths: Sequence[Path], change: Callable = unchanged) -> np.ndarray:
        """Return activations (n, d)."""
        new = [p for p in dict.fromkeys(paths) if (change.__name__, p) not in self.known]
        if new:
            pictures = [change(np.asarray(Image.open(path).convert("RGB"))) for path in new]
            for path, row in zip(new, extract(pictures, self.backbone).X, strict=True):
                self.known[change.__name__, path] = row
        return np.stack([self.known[change.__name__, path] for path in paths]).astype(float)

    def versions(self, root: Path, part: str, classes: Sequence[str], change: Callable) -> Versions:
        """Return all images of some classes, with and without a cue."""
        paths = [path for name in classes for path in images_of(root, part, name)]
        y = np.array([path.parent.name for path in paths])
        return Versions(self.of(paths), self.of(paths, change), y)


IMAGE_CASES: dict[str, tuple[tuple[str, str], str, Callable]] = {
    "cat-dog-frame": (("cat", "dog"), "red frame", framed),
    "cat-dog-tint": (("cat", "dog"), "red cast", tinted),
    "airplane-ship-frame": (("airplane", "ship"), "red frame", framed),
}
BANKS = ("without class concepts", "with class concepts")


def image_cases(data: Path, names: Sequence[str], draws: int = 1) -> list[Case]:
    """Return CIFAR-10 cases, each with a bank without concepts of its classes and one with them.

    Parameters
    ----------
    data : Path
        Holds ``cifar10_small.tar`` and ``resnet_cifar.py``.
    names : sequence of str
        Of `IMAGE_CASES`.
    draws : int
        How many draws of the images to fit on, and of those with the cue, to return of each.
    """
    layer = {"layer": "layer3"}
    known = Activations(load_backbone(f"python:{data / 'resnet_cifar.py'}:resnet56", **layer))
    with tempfile.TemporaryDirectory() as scratch:
        root = unpack(data, Path(scratch))
        return [
            case
            for name in names
            for seed in range(draws)
            for case in _image_cases(root, known, name, seed)
        ]


def _image_cases(root: Path, known: Activations, name: str, seed: int) -> list[Case]:
    classes, cue, change = IMAGE_CASES[name]
    share = dict(zip(classes, (TIE, 1 - TIE), strict=True))
    train = known.versions(root, "train", classes, change)
    fit, held = _split(train.y, seed)
    X, has = train.take(fit).drawn(share, seed)
    others = tuple(n for n in (*ANIMALS, *VEHICLES) if n not in classes)
    outside = draw(root, others, 400, np.random.default_rng(1))
    plain, cued = known.of(outside), known.of(outside, change)
    sides = {
        concept: (known.of(positives), known.of(negatives))
        for concept, (positives, negatives) in concept_examples(root, leave_out=classes).items()
    }
    # Copies of one picture lie on both sides of the cue, so nothing but the cue tells them apart.
    sides[cue] = (cued, plain)
    known_classes = {
        word: (train.plain[fit][train.y[fit] == word][:300], plain[:300]) for word in classes
    }
    banks = (sides, {**sides, **known_classes})
    test = known.versions(root, "test", classes, change).sets(share)
    return [
        Case(
            f"{name}, bank {kind}",
            ConceptBank.from_examples(examples),
            (cue,),
            X,
            train.y[fit],
            np.where(has, "with", "without"),
            train.take(held).sets(share),
            test,
            True,
            (cued - plain).mean(axis=0),
            {"concepts_per_class": len(examples) - 1},
        )
        for kind, examples in zip(BANKS, banks, strict=True)
    ]


def _split(y: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to fit on, and `HELD_OUT` of each class: the last ones, or drawn."""
    rng = np.random.default_rng([seed, 1])
    rows = [np.flatnonzero(y == name) for name in np.unique(y)]
    held = np.sort(np.concatenate([(rng.permutation(r) if seed else r)[-HELD_OUT:] for r in rows]))
    return np.setdiff1d(np.arange(len(y)), held), held
