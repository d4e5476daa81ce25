"""A bank from folders of example inputs: ``CONCEPT/positive`` and ``negative``, or ``CONCEPT``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcbm.activations import Dataset, extract
from pcbm.activations.images import image_files
from pcbm.concepts.bank import ConceptBank
from pcbm.concepts.cav import HELD_OUT, fit_cavs_of_rows
from pcbm.errors import InputError
from pcbm.files import read_utf8, sha256_file

if TYPE_CHECKING:
    from pcbm.backbones import Backbone

NEGATIVES_PER_POSITIVE = 3
"""How many negatives are drawn from other concepts for each positive, where there are enough."""


class _Inputs:
    """The distinct inputs of all concepts, by content, each under its first path."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.folder, self.kind = folder, kind
        self._path_of: dict[str, str] = {}

    def add(self, side: Path) -> list[str]:
        """Take in the example files below a folder; return one id a file, equal for equal bytes."""
        files = _example_files(side, self.kind)
        if not files:
            what = "images" if self.kind == "image" else ".txt files"
            raise InputError(f"{side} holds no {what}: put examples there, or remove the concept")
        paths = [file.relative_to(self.folder).as_posix() for file in files]
        digests = [sha256_file(file) for file in files]
        return [self._path_of.setdefault(d, p) for d, p in zip(digests, paths, strict=True)]

    def dataset(self) -> Dataset:
        ids = list(self._path_of.values())
        files = [self.folder / name for name in ids]
        inputs: list[Path] | list[str] = files
        if self.kind == "text":
            inputs = [read_utf8(file) for file in files]
        return Dataset(str(self.folder), self.kind, np.array(ids), inputs)  # type: ignore[arg-type]


def bank_from_folder(
    path: str | Path,
    backbone: Backbone,
    *,
    learner: str = "svm",
    penalty: float | None = None,
    held_out: float = HELD_OUT,
    seed: int = 0,
    batch_size: int = 64,
    skip_unreadable: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> ConceptBank:
    """Learn one probe per concept from example files.

    Parameters
    ----------
    path : path
        A folder with a folder for each concept. A concept folder holds ``positive/`` and
        ``negative/``, or the positives themselves (at any depth); then its negatives are drawn
        from the positives of the other concepts, `NEGATIVES_PER_POSITIVE` times as many as it has
        positives or as many as there are. Images for an image backbone, ``.txt`` files (one text
        each) for a text backbone. Names that start with a dot are left out.
    backbone : Backbone
    learner, penalty, held_out, seed
        See `pcbm.concepts.fit_cav`; the seed also draws the negatives.
    batch_size : int
    skip_unreadable : bool
        Leave out images that cannot be read, with a note, instead of raising.
    progress : callable, optional
        Called with (inputs done, inputs in all) while the backbone runs.

    Raises
    ------
    InputError
        No concepts, no examples, one of positive and negative missing, nothing to draw negatives
        from, or whatever `fit_cav` refuses.

    Notes
    -----
    Files with the same bytes are one input wherever they lie: it is embedded once, is never a drawn
    negative of a concept that has it as a positive, and is never on both sides of a split.
    """
    folder = Path(path)
    inputs = _Inputs(folder, backbone.kind)
    positives: dict[str, list[str]] = {}
    negatives: dict[str, list[str]] = {}
    for name, concept in _concept_folders(folder).items():
        sides = _sides(concept, inputs.kind)
        positives[name] = inputs.add(sides.get("positive", concept))
        if sides:
            negatives[name] = inputs.add(sides["negative"])
    drawn = [name for name in positives if name not in negatives]
    for name in drawn:
        negatives[name] = _draw(name, positives, seed, folder)
    acts = extract(
        inputs.dataset(),
        backbone,
        batch_size=batch_size,
        skip_unreadable=skip_unreadable,
        progress=progress,
    )
    row_of = {str(name): row for row, name in enumerate(acts.ids)}

    def rows(ids: list[str]) -> np.ndarray:
        return np.array([row_of[name] for name in ids if name in row_of], dtype=int)

    probe: dict[str, Any] = {"learner": learner, "penalty": penalty}
    probe |= {"held_out": held_out, "seed": seed}
    pairs = {name: (rows(positives[name]), rows(negatives[name])) for name in positives}
    cavs = fit_cavs_of_rows(acts.X, pairs, **probe)
    extra = {"probe": {**probe, "drawn_negatives": drawn}, "notes": list(acts.notes)}
    return ConceptBank.from_cavs(cavs, record=backbone.record, extra=extra)


def _concept_folders(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give a folder with a folder for each concept")
    found = sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__")))
    if not found:
        raise InputError(
            f"{folder} holds no concept folders: give CONCEPT/positive and CONCEPT/negative, or "
            "CONCEPT with examples"
        )
    return {path.name: path for path in found}


def _example_files(folder: Path, kind: str) -> list[Path]:
    """Return the files below a folder that a backbone of this kind can read, in order of paths."""
    if kind == "image":
        return image_files(folder)
    return sorted(path for path in folder.rglob("*.txt") if path.is_file())


def _sides(concept: Path, kind: str) -> dict[str, Path]:
    """Return the folders of positives and negatives, or nothing where there are no such folders."""
    sides = {p.name.casefold(): p for p in sorted(concept.iterdir()) if p.is_dir()}
    sides = {name: p for name, p in sides.items() if name in ("positive", "negative")}
    if len(sides) == 1:
        (there,) = sides
        missing = "negative" if there == "positive" else "positive"
        raise InputError(
            f"{concept} has {there}/ but no {missing}/: add it, or put the positives into "
            f"{concept.name}/ itself and let negatives be drawn from the other concepts"
        )
    within = set(sides.values())
    loose = [file for file in _example_files(concept, kind) if not within & set(file.parents)]
    if sides and loose:
        raise InputError(
            f"{concept} holds {len(loose)} example(s) beside positive/ and negative/, first "
            f"{loose[0].name!r}: move them into one of the two"
        )
    return sides


def _draw(name: str, positives: dict[str, list[str]], seed: int, folder: Path) -> list[str]:
    own = set(positives[name])
    others = [ids for other, ids in positives.items() if other != name]
    pool = sorted({item for ids in others for item in ids} - own)
    if not pool:
        raise InputError(
            f"{folder}: there is nothing to draw negatives of {name!r} from, because no other "
            f"concept has other examples: add {name}/positive and {name}/negative"
        )
    count = min(len(pool), NEGATIVES_PER_POSITIVE * len(own))
    return np.random.default_rng(seed).choice(pool, size=count, replace=False).tolist()
