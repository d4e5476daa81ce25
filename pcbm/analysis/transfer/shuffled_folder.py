"""A shuffled data set as files: pictures without loss, and a table that names them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from PIL import Image

from pcbm.activations import Dataset
from pcbm.analysis.reading import Progress
from pcbm.analysis.transfer.shuffle import Shuffle, shuffled_dataset
from pcbm.errors import InputError
from pcbm.files import new_folder, refuse_existing, write_bytes, write_text

TABLE = "data.csv"


def check_folder(folder: Path, *, force: bool) -> None:
    """Refuse a folder that cannot be written, before any time is spent."""
    refuse_existing(folder, mark=TABLE, force=force)


def save_shuffled(
    data: Dataset,
    shuffle: Shuffle,
    folder: str | Path,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write every picture of a data set shuffled, whole or not at all.

    ``data.csv`` has the columns path, id, label and, where the data has them, split and group; it
    is read like any other table of pictures. Pictures are PNG files.

    Parameters
    ----------
    data : Dataset
        Of images, with at most one label a row.
    shuffle : Shuffle
    folder : path
    force : bool
        Replace a folder that was written by this function.
    progress : callable, optional

    Raises
    ------
    InputError
        The folder exists, the data holds no images, or the size does not divide the sides of one.
    """
    if data.y is not None and data.y.ndim != 1:
        raise InputError(f"{data.source} has several labels a row: give data with one")
    moved = shuffled_dataset(data, shuffle)
    columns = {"id": data.ids, "label": data.y, "split": data.split, "group": data.group}
    known = {name: column for name, column in columns.items() if column is not None}
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["path", *known])
    width = len(str(len(data) - 1))
    with new_folder(Path(folder), mark=TABLE, force=force) as draft:
        for row in range(len(data)):
            path = f"pictures/{row:0{width}}.png"
            file = io.BytesIO()
            Image.fromarray(moved.inputs[row]).save(file, format="PNG")
            write_bytes(draft / path, file.getvalue())
            table.writerow([path, *(column[row] for column in known.values())])
            if progress:
                progress(row + 1, len(data))
        write_text(draft / TABLE, text.getvalue())
