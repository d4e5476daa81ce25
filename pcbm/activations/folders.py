"""Folders of class folders of images, with or without train/, val/ and test/ above them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pcbm.activations.columns import SPLITS
from pcbm.activations.dataset import Dataset
from pcbm.activations.images import image_and_other_files
from pcbm.errors import InputError


def read_image_folder(folder: Path) -> Dataset:
    """Read a folder of images; ids are POSIX paths relative to it, with extension, in that order.

    ``CLASS/.../FILE`` gives the class, ``train|val|test/CLASS/.../FILE`` the split as well, and
    files that lie in the folder itself, and nowhere else, give images without labels.

    Raises
    ------
    InputError
        No images, images both in the folder and in class folders, split folders beside class
        folders, or split folders without classes in them.
    """
    paths, others = image_and_other_files(folder)
    ids = [path.relative_to(folder).as_posix() for path in paths]
    if not ids:
        raise InputError(
            f"{folder} {_what_is_there(folder, others)}: give a folder of class folders of images"
        )
    for name in ids:
        _refuse_bad_name(folder, name)
    parts = [name.split("/") for name in ids]
    flat = [part[0] for part in parts if len(part) == 1]
    if flat and len(flat) < len(parts):
        raise InputError(
            f"{folder} holds {len(flat)} image(s) beside its class folders, first {flat[0]!r}: "
            "move them into a class folder or away"
        )
    splits = _split_folders(folder, parts)
    shift = 1 if splits else 0
    return Dataset(
        source=str(folder),
        kind="image",
        ids=np.array(ids),
        inputs=paths,
        y=None if flat else np.array([part[shift] for part in parts]),
        split=np.array([splits[part[0]] for part in parts]) if splits else None,
        notes=_left_out(folder, parts, others),
    )


def _split_folders(folder: Path, parts: list[list[str]]) -> dict[str, str]:
    """Return split folder -> split when the folders of the top level are splits, else nothing."""
    tops = sorted({part[0] for part in parts if len(part) > 1})
    splits = {top: SPLITS[top.casefold()] for top in tops if top.casefold() in SPLITS}
    with_classes = {part[0] for part in parts if len(part) > 2}
    others = [top for top in tops if top not in splits]
    if not splits or (others and not {"train", "test"} <= set(splits.values())):
        return {}  # one of several classes may be called "train"
    if others:
        raise InputError(
            f"{folder} holds the folder {others[0]!r} beside {' and '.join(splits)}: "
            "give train/ and test/ of class folders, or class folders alone"
        )
    for part in parts:
        if len(part) == 2:
            missing = " at all" if part[0] not in with_classes else ""
            raise InputError(
                f"{folder / part[0]} holds images, first {part[1]!r}, outside of class "
                f"folders{missing}: give {part[0]}/CLASS/FILE"
            )
    return splits


def _refuse_bad_name(folder: Path, name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        shown = name.encode("utf-8", "backslashreplace").decode()
        raise InputError(
            f"{folder} holds a file whose name is not UTF-8, {shown!r}: rename it"
        ) from None


def _what_is_there(folder: Path, others: list[Path]) -> str:
    if not others:
        return "is an empty folder"
    first = others[0].relative_to(folder).as_posix()
    return f"holds no images but {len(others)} other file(s), first {first!r}"


def _left_out(folder: Path, parts: list[list[str]], others: list[Path]) -> tuple[str, ...]:
    """Say which files and which folders of the top level gave no row."""
    notes = []
    if others:
        first = others[0].relative_to(folder).as_posix()
        notes.append(
            f"{len(others)} file(s) in {folder} are no images and were left out, first {first!r}"
        )
    used = {part[0] for part in parts}
    folders = sorted(child.name for child in folder.iterdir() if child.is_dir())
    empty = [name for name in folders if name not in used and not name.startswith(".")]
    if empty:
        notes.append(f"{len(empty)} folder(s) in {folder} hold no images, first {empty[0]!r}")
    return tuple(notes)
