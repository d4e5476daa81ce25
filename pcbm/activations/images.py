"""Finding image files and opening them as RGB."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pcbm.errors import InputError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".avif"}
    | {".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".tga", ".ico"}
)
HIGH_BITS = ("I", "F")


class UnreadableError(InputError):
    """One input cannot be read; the message names it and says why."""


def image_files(folder: Path) -> list[Path]:
    """Return all image files below a folder, by suffix, in the order of their POSIX paths.

    Names that start with a dot are left out, links are followed.
    """
    return image_and_other_files(folder)[0]


def image_and_other_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return what `image_files` returns, and the files that are no images by their suffix."""
    found = sorted(_walk(folder, ()), key=lambda path: path.relative_to(folder).as_posix())
    images = [path for path in found if path.suffix.lower() in SUFFIXES]
    return images, [path for path in found if path.suffix.lower() not in SUFFIXES]


def _walk(folder: Path, above: tuple[str, ...]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in above:  # a link that leads back up
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":
                continue
            if entry.is_dir():
                yield from _walk(Path(entry.path), (*above, real))
            elif entry.is_file():
                yield Path(entry.path)


def open_image(item: Any, name: str) -> Image.Image:
    """Return an input as an 8-bit RGB image.

    Transparency is dropped, the first frame is taken, EXIF orientation is not applied. 16-bit grey
    is scaled from 0..65535 to 0..255.

    Parameters
    ----------
    item : Path, PIL image, or (h, w, 3) uint8 array
    name : str
        What to call it in an error.

    Raises
    ------
    UnreadableError
        The file is missing, is no image, is cut short, or has pixels of unknown range.
    """
    if isinstance(item, np.ndarray):
        return Image.fromarray(item).convert("RGB")
    if isinstance(item, Image.Image):
        return _as_rgb(item, name)
    try:
        with Image.open(item) as image:
            image.load()
            return _as_rgb(image, name)
    except UnreadableError:
        raise
    except FileNotFoundError:
        raise UnreadableError(f"image {name!r} does not exist") from None
    except MemoryError:
        raise
    except Exception as error:  # decoders raise all kinds of errors on damaged files
        reason = " ".join(str(error).split()) or type(error).__name__
        if reason.startswith("cannot identify image file"):
            reason = "it is no image that Pillow can open"
        raise UnreadableError(f"image {name!r} cannot be read: {reason}") from None


def _as_rgb(image: Image.Image, name: str) -> Image.Image:
    if image.mode.startswith("I;16"):
        # Pillow's own conversion would clip everything above 255 to white.
        grey = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode in HIGH_BITS:
        raise UnreadableError(
            f"image {name!r} has 32-bit pixels of unknown range: save it with 8 or 16 bits"
        )
    if "transparency" in image.info:
        return image.convert("RGBA").convert("RGB")  # the short way warns about palettes
    return image.convert("RGB")
