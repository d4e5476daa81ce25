"""Manifests: tables that name one image or hold one text a row."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from pcbm.activations.columns import as_splits, as_texts
from pcbm.activations.dataset import Dataset, Kind, row_ids
from pcbm.activations.labels import SEPARATOR, labels_from_text, plain_labels
from pcbm.errors import InputError, near

if TYPE_CHECKING:
    import pyarrow as pa

INPUT_COLUMNS = ("path", "text")


def is_manifest(table: pa.Table) -> bool:
    """Say whether a table has a column of image paths or of texts."""
    return any(name in table.column_names for name in INPUT_COLUMNS)


def manifest_dataset(path: Path, table: pa.Table) -> Dataset:
    """Turn a table with ``path`` or ``text`` and optional label, id, split, group into a data set.

    Paths are taken relative to the manifest's folder. Ids default to the path, else the row number.

    Raises
    ------
    InputError
        Neither or both of path and text, blanks, an unknown split, labels missing in some rows.
    """
    names = table.column_names
    given = [name for name in INPUT_COLUMNS if name in names]
    if len(given) != 1:
        raise InputError(_wanted_columns(path, names, given))
    source = str(path)
    values = as_texts(table[given[0]].to_pylist(), given[0], source)
    if given[0] == "path":
        kind: Kind = "image"
        files = [path.parent / value for value in values.tolist()]
        default = np.array([_posix(file, path.parent) for file in files])
        inputs: list = files
    else:
        kind, default, inputs = "text", row_ids(len(values)), values.tolist()
    columns = {name: table[name].to_pylist() for name in ("id", "split", "group") if name in names}
    ids = as_texts(columns["id"], "id", source) if "id" in columns else default
    return Dataset(
        source=source,
        kind=kind,
        ids=ids,
        inputs=inputs,
        y=table_labels(table, "label", ids, source),
        split=as_splits(columns["split"], source) if "split" in columns else None,
        group=as_texts(columns["group"], "group", source) if "group" in columns else None,
    )


def table_labels(table: pa.Table, name: str, ids: np.ndarray, source: str) -> np.ndarray | None:
    """Return the labels in a table's column, or None where there are none.

    Texts are read by `labels_from_text`, and so are lists of names; a column of lists of 0/1 gives
    an (n, C) table.
    """
    if name not in table.column_names:
        return None
    values = table[name].to_pylist()
    if all(value is None for value in values):
        return None
    if all(value is None or isinstance(value, str) for value in values):
        return labels_from_text([value or "" for value in values], ids.tolist(), source)
    if all(isinstance(v, list) and all(isinstance(name, str) for name in v) for v in values):
        return labels_from_text([SEPARATOR.join(v) for v in values], ids.tolist(), source)
    if any(value is None for value in values):
        missing = [row for row, value in enumerate(values) if value is None]
        raise InputError(
            f"{source} has no label in {len(missing)} of {len(values)} rows, first "
            f"{str(ids[missing[0]])!r}: fill them in or leave these rows out"
        )
    try:
        return plain_labels(np.array(values))
    except (ValueError, InputError) as error:
        raise InputError(f"{source}, column {name!r}: {error}") from None


def _wanted_columns(path: Path, names: list[str], given: list[str]) -> str:
    if len(given) > 1:
        return f"{path} has both a 'path' and a 'text' column: keep the one to be embedded"
    folded = {name.casefold(): name for name in names}
    for wanted in INPUT_COLUMNS:
        if wanted in folded:
            return f"{path} has the column {folded[wanted]!r}: call it {wanted!r}"
    hint = next((near(w, names) for w in INPUT_COLUMNS if "did you" in near(w, names)), None)
    shown = ", ".join(repr(name) for name in names[:8])
    return (
        f"{path} has the columns {shown} but neither 'path' nor 'text': "
        f"rename the one that holds the inputs{f' ({hint})' if hint else ''}"
    )


def _posix(file: Path, folder: Path) -> str:
    try:
        return PurePosixPath(file.relative_to(folder)).as_posix()
    except ValueError:
        return file.as_posix()
