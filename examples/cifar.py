"""Reading CIFAR-10 from its tar file, and drawing concept examples from the training part."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")
VEHICLES = ("airplane", "automobile", "ship", "truck")

# Which classes have a property; the others have it not. Left out where it depends on the image.
BY_CLASS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "animal": (ANIMALS, VEHICLES),
    "vehicle": (VEHICLES, ANIMALS),
    "wings": (("airplane", "bird"), ("automobile", "truck", "cat", "deer", "dog", "horse")),
    "wheels": (("automobile", "truck"), ("ship", "bird", "cat", "deer", "dog", "frog", "horse")),
    "four legs": (("cat", "deer", "dog", "horse"), (*VEHICLES, "bird")),
    "on water": (("ship",), ("airplane", "automobile", "truck", "cat", "dog", "horse")),
    "hoofed": (("deer", "horse"), (*VEHICLES, "bird", "cat", "dog", "frog")),
    "pet": (("cat", "dog"), (*VEHICLES, "bird", "deer", "frog", "horse")),
}


def _blue_sky(rgb: np.ndarray) -> float:
    return float(rgb[:12, :, 2].mean() - rgb[:12, :, 0].mean())


def _green(rgb: np.ndarray) -> float:
    return float(rgb[..., 1].mean() - rgb[..., [0, 2]].mean())


def _dark(rgb: np.ndarray) -> float:
    return float(-rgb.mean())


# Measured on pixels: the images with the highest values have the property, the lowest have not.
BY_PIXELS: dict[str, Callable[[np.ndarray], float]] = {
    "blue sky": _blue_sky,
    "green": _green,
    "dark": _dark,
}


def unpack(data: Path, work: Path) -> Path:
    """Unpack ``cifar10_small.tar`` and return the folder that holds ``train`` and ``test``."""
    root = work / "cifar10"
    if not root.is_dir():
        with tarfile.open(data / "cifar10_small.tar") as tar:
            tar.extractall(work, filter="data")
    return root


def images_of(root: Path, part: str, name: str) -> list[Path]:
    """Return the image files of a class, in order."""
    return sorted((root / part / name).glob("*.jpg"))


def draw(root: Path, names: tuple[str, ...], count: int, rng: np.random.Generator) -> list[Path]:
    """Draw training images of some classes, as many of each."""
    each = -(-count // len(names))
    drawn = [rng.permutation(np.array(images_of(root, "train", n)))[:each] for n in names]
    return list(np.concatenate(drawn)[:count])


def concept_examples(
    root: Path, *, count: int = 150, seed: int = 0, leave_out: tuple[str, ...] = ()
) -> dict[str, tuple[list[Path], list[Path]]]:
    """Return training images with and without each concept, ``count`` on each side.

    Parameters
    ----------
    root : Path
        Holds ``train/CLASS/*.jpg``; test images are never read.
    count : int
    seed : int
    leave_out : tuple of str
        Classes whose images are not used.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for concept, sides in BY_CLASS.items():
        kept = [tuple(name for name in side if name not in leave_out) for side in sides]
        if all(kept):
            positives, negatives = (draw(root, side, count, rng) for side in kept)
            found[concept] = (positives, negatives)
    names = tuple(n for n in (*ANIMALS, *VEHICLES) if n not in leave_out)
    pool = draw(root, names, 2000, rng)
    pixels = [np.asarray(Image.open(path), dtype=float) for path in pool]
    for concept, measure in BY_PIXELS.items():
        order = np.argsort([measure(rgb) for rgb in pixels], kind="stable")
        low, high = order[:count], order[-count:]
        found[concept] = ([pool[i] for i in high], [pool[i] for i in low])
    return found


def concept_folders(
    root: Path, out: Path, *, count: int = 150, seed: int = 0, leave_out: tuple[str, ...] = ()
) -> Path:
    """Write `concept_examples` as ``CONCEPT/positive`` and ``CONCEPT/negative`` folders."""
    examples = concept_examples(root, count=count, seed=seed, leave_out=leave_out)
    for concept, sides in examples.items():
        write_examples(out / concept, *sides)
    return out


def write_examples(folder: Path, positives: list[Path], negatives: list[Path]) -> None:
    """Copy example images, under names that tell their class."""
    sides: Mapping[str, list[Path]] = {"positive": positives, "negative": negatives}
    for side, paths in sides.items():
        (folder / side).mkdir(parents=True)
        for path in paths:
            copy = folder / side / f"{path.parent.name}-{path.name}"
            copy.write_bytes(path.read_bytes())
