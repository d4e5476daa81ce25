"""The table beside the shards of a store: id, label, split and group of each row, as parquet."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from pcbm.activations.dataset import Dataset


def rows_bytes(data: Dataset) -> bytes:
    """Return the parquet bytes of a data set's ids, labels, split and groups.

    Label columns keep their type: strings, int64, float64; an (n, C) table becomes a list column.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": pa.array(data.ids.tolist(), pa.string())}
    if data.y is not None:
        if data.y.ndim == 2:
            flat = pa.array(np.ascontiguousarray(data.y).reshape(-1))
            columns["y"] = pa.FixedSizeListArray.from_arrays(flat, data.y.shape[1])
        elif data.y.dtype.kind == "U":
            columns["y"] = pa.array(data.y.tolist(), pa.string())
        else:
            columns["y"] = pa.array(data.y)
    for name, column in (("split", data.split), ("group", data.group)):
        if column is not None:
            columns[name] = pa.array(column.tolist(), pa.string())
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """Return the columns that `rows_bytes` wrote, as numpy arrays."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, np.ndarray] = {}
    table = pq.read_table(path)
    for name in table.column_names:
        column = table[name].combine_chunks()
        if pa.types.is_fixed_size_list(column.type):
            columns[name] = column.flatten().to_numpy().reshape(len(column), -1)
        elif pa.types.is_string(column.type):
            columns[name] = np.array(column.to_pylist(), dtype=str)
        else:
            columns[name] = column.to_numpy()
    return columns
