"""Activations in one file: ``.npz``, ``.safetensors`` or ``.parquet``."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcbm.activations.columns import as_splits, as_texts
from pcbm.activations.dataset import Dataset, row_ids
from pcbm.activations.labels import plain_labels
from pcbm.activations.manifests import table_labels
from pcbm.activations.shards import refuse_not_finite
from pcbm.errors import InputError, near

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = ("X", "y", "split", "group", "ids", "class_names")
TABLE_NAMES = ("y", "label", "split", "group", "id", "ids", "path", "text")
EMBEDDING = "embedding"


def read_npz(path: Path) -> Dataset:
    """Read the arrays X, y, split, group, ids and class_names of a ``.npz`` file.

    Raises
    ------
    InputError
        No such file, arrays of Python objects (they would need pickle), or see `array_dataset`.
    """
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not a .npz file: check the path, or write it with numpy.savez")
    arrays: dict[str, Any] = {}
    try:
        with np.load(path, allow_pickle=False) as file:
            _refuse_unknown(path, file.files)
            for name in file.files:
                if name in NAMES:
                    arrays[name] = _array(path, file, name)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise InputError(f"{path} is damaged ({error}): write it again") from None
    return array_dataset(str(path), arrays)


def read_safetensors(path: Path) -> Dataset:
    """Read the tensors X, y, ... of a ``.safetensors`` file.

    Columns of words (ids, split, group, class_names, y) stand in the file's metadata, each as a
    JSON list under its name, because safetensors holds numbers only.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            found = list(file.keys())
            _refuse_unknown(path, found)
            arrays: dict[str, Any] = {n: _tensor(path, file, n) for n in found if n in NAMES}
            for name, text in (file.metadata() or {}).items():
                if name in NAMES and name not in arrays:
                    arrays[name] = np.array(json.loads(text))
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise InputError(f"{path} is not a safetensors file ({error}): check the path") from None
    except (TypeError, AttributeError) as error:
        raise InputError(f"{path} holds a type numpy has not ({error}): save float32") from None
    return array_dataset(str(path), arrays)


def _tensor(path: Path, file: Any, name: str) -> np.ndarray:
    """Return one tensor; bfloat16, which numpy has not, becomes float32 and loses nothing."""
    if file.get_slice(name).get_dtype() != "BF16":
        return file.get_tensor(name)
    from safetensors import safe_open

    with safe_open(path, framework="pt") as same:
        return same.get_tensor(name).float().numpy()


def table_dataset(path: Path, table: pa.Table) -> Dataset:
    """Turn a table with a list column ``embedding``, or numeric columns, into activations."""
    source, names = str(path), table.column_names
    ids = row_ids(table.num_rows)
    for name in ("path", "id", "ids"):
        if name in names:
            ids = as_texts(table[name].to_pylist(), name, source)
    X, note = _embedding(path, table) if EMBEDDING in names else _numeric(path, table)
    data = array_dataset(source, {"X": X, "ids": ids, **_marks(table)})
    label = next((name for name in ("y", "label") if name in names), "y")
    return Dataset(
        source=source,
        kind="array",
        ids=data.ids,
        inputs=data.inputs,
        y=table_labels(table, label, data.ids, source),
        split=data.split,
        group=data.group,
        notes=(note,),
    )


def array_dataset(source: str, arrays: dict[str, Any]) -> Dataset:
    """Check arrays called X, y, split, group, ids, class_names, and make a data set of them.

    X keeps its values; float16 and small integers are widened to float32, large ones to float64.

    Raises
    ------
    InputError
        X is not (n, d), not numeric, or holds NaN or infinite values (rows named); a column has
        another length; an id occurs twice; class_names do not fit y.
    """
    X = _matrix(source, arrays["X"])
    n = len(X)
    for name, column in arrays.items():
        if name not in ("X", "class_names") and np.shape(column)[:1] != (n,):
            raise InputError(
                f"{source} has {np.size(column)} values of {name!r} for {n} rows of 'X': "
                "give exactly one for each row"
            )
    ids = as_texts(arrays["ids"], "id", source) if "ids" in arrays else row_ids(n)
    refuse_not_finite(X, ids, source)
    y, label_names = _labels(source, arrays)
    return Dataset(
        source=source,
        kind="array",
        ids=ids,
        inputs=X,
        y=y,
        split=as_splits(arrays["split"], source) if "split" in arrays else None,
        group=as_texts(arrays["group"], "group", source) if "group" in arrays else None,
        label_names=label_names,
    )


def _refuse_unknown(path: Path, found: list[str]) -> None:
    if "X" in found:
        return
    shown = ", ".join(repr(name) for name in found[:8]) or "none"
    raise InputError(
        f"{path} has no array 'X' (it has {shown}): save the activations (n, d) under that name"
    )


def _array(path: Path, file: Any, name: str) -> np.ndarray:
    try:
        return file[name]
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise InputError(f"{path}, array {name!r}: {error}: write it again") from None
        raise InputError(
            f"{path}, array {name!r} holds Python objects, which are never loaded: save it as "
            "numbers or as texts, numpy.array(values, dtype=str)"
        ) from None


def _matrix(source: str, values: Any) -> np.ndarray:
    X = np.asarray(values)
    if X.ndim != 2:
        hint = ": pool or flatten it to one row each" if X.ndim > 2 else ""
        raise InputError(f"{source} has X of shape {X.shape}, expected (n, d){hint}")
    if X.shape[0] == 0 or X.shape[1] == 0:
        raise InputError(f"{source} has X of shape {X.shape}: give at least one row and one column")
    if X.dtype in (np.float32, np.float64):
        return X
    if X.dtype.kind in "biu" or X.dtype == np.float16:
        return X.astype(np.float32 if X.dtype.itemsize <= 2 else np.float64)
    raise InputError(f"{source} has X of type {X.dtype}, expected real numbers")


def _labels(source: str, arrays: dict[str, Any]) -> tuple[np.ndarray | None, list[str] | None]:
    """Return y and the names of its columns; whole numbers with class_names become those names."""
    names = arrays.get("class_names")
    names = None if names is None else [str(name) for name in np.atleast_1d(names).tolist()]
    if "y" not in arrays:
        return None, None
    try:
        y = plain_labels(np.asarray(arrays["y"]))
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim > 2:
        raise InputError(f"{source} has y of shape {y.shape}, expected (n,) or (n, C) of 0 and 1")
    if y.ndim == 2:
        if names is not None and len(names) != y.shape[1]:
            raise InputError(
                f"{source} has {len(names)} class_names for {y.shape[1]} columns of y: "
                "give one each"
            )
        return y, names
    if names is None or y.dtype.kind != "i":
        return y, None
    if y.min() < 0 or y.max() >= len(names):
        raise InputError(
            f"{source} has y from {y.min()} to {y.max()} for {len(names)} class_names: "
            "y counts them from 0"
        )
    return np.array(names)[y], None


def _marks(table: pa.Table) -> dict[str, Any]:
    return {n: table[n].to_pylist() for n in ("split", "group") if n in table.column_names}


def _embedding(path: Path, table: pa.Table) -> tuple[np.ndarray, str]:
    import pyarrow as pa

    column = table[EMBEDDING].combine_chunks()
    if not (
        pa.types.is_list(column.type)
        or pa.types.is_large_list(column.type)
        or pa.types.is_fixed_size_list(column.type)
    ):
        raise InputError(
            f"{path}, column 'embedding' holds {column.type}, expected lists of numbers"
        )
    lengths = np.array([-1 if row is None else row for row in column.value_lengths().to_pylist()])
    odd = np.flatnonzero(lengths != lengths[0])
    if lengths[0] <= 0 or len(odd):
        row = odd[0] if len(odd) else 0
        raise InputError(
            f"{path}, column 'embedding' has {max(lengths[row], 0)} numbers in row {row} and "
            f"{max(lengths[0], 0)} in row 0: give lists of one length"
        )
    flat = column.flatten()
    if flat.null_count:
        raise InputError(
            f"{path}, column 'embedding' has {flat.null_count} empty values: fill them"
        )
    X = flat.to_numpy(zero_copy_only=False).reshape(len(column), -1)
    return X, f"activations: the {X.shape[1]} numbers of the column 'embedding'"


def _numeric(path: Path, table: pa.Table) -> tuple[np.ndarray, str]:
    import pyarrow as pa

    names = [
        field.name
        for field in table.schema
        if field.name not in TABLE_NAMES
        and not field.name.startswith("__index_level_")
        and (pa.types.is_integer(field.type) or pa.types.is_floating(field.type))
    ]
    if not names:
        columns = table.column_names
        hint = near(EMBEDDING, columns)
        raise InputError(
            f"{path} has neither 'path', 'text' nor 'embedding' nor numeric columns: "
            f"name one of them so ({hint})"
        )
    X = np.stack([table[name].to_numpy().astype(np.float64) for name in names], axis=1)
    if all(table.schema.field(name).type in (pa.float32(), pa.float16()) for name in names):
        X = X.astype(np.float32)
    shown = f"{names[0]!r} to {names[-1]!r}" if len(names) > 1 else repr(names[0])
    return X, f"activations: {len(names)} numeric column(s), {shown}"
