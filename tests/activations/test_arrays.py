from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import save_file

from pcbm.activations import ActivationSet, read_data
from pcbm.errors import InputError

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def npz(folder: Path, **arrays: object) -> Path:
    np.savez(folder / "a.npz", **arrays)  # type: ignore[arg-type]
    return folder / "a.npz"


def test_npz_columns_are_read_and_values_are_not_changed(tmp_path: Path) -> None:
    split = ["train"] * 4 + ["test"] * 2
    ids = [f"r{i}" for i in range(6)]
    y = np.array(["b", "a"] * 3)
    data = read_data(npz(tmp_path, X=X, y=y, split=split, ids=ids, group=[1, 1, 2, 2, 3, 3]))
    assert data.kind == "array"
    assert data.inputs.dtype == np.float32
    np.testing.assert_array_equal(data.inputs, X)
    assert data.y is not None and data.split is not None and data.group is not None
    assert data.y.tolist() == y.tolist()
    assert data.split.tolist() == split
    assert data.ids.tolist() == ids
    assert data.group.tolist() == ["1", "1", "2", "2", "3", "3"]


def test_only_x_is_needed_and_ids_default_to_the_row_number(tmp_path: Path) -> None:
    data = read_data(npz(tmp_path, X=X.astype(np.float64)))
    assert data.ids.tolist() == ["0", "1", "2", "3", "4", "5"]
    assert data.y is None and data.split is None and data.group is None
    assert data.inputs.dtype == np.float64


def test_whole_numbers_with_class_names_become_these_names(tmp_path: Path) -> None:
    y, names = [0, 1, 2, 0, 1, 2], ["cat", "dog", "owl"]
    data = read_data(npz(tmp_path, X=X, y=y, class_names=names))
    assert data.y is not None
    assert data.y.tolist() == ["cat", "dog", "owl", "cat", "dog", "owl"]
    with pytest.raises(InputError, match="y from 0 to 2 for 2 class_names: y counts them from 0"):
        read_data(npz(tmp_path, X=X, y=y, class_names=names[:2]))


def test_a_table_of_labels_keeps_its_columns_and_their_names(tmp_path: Path) -> None:
    y = np.array([[0, 1], [1, 1]] * 3)
    acts = ActivationSet.load(npz(tmp_path, X=X, y=y, class_names=["red", "round"]))
    assert acts.y is not None
    assert acts.y.tolist() == y.tolist()
    assert acts.class_names == ["red", "round"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X}, "has no array 'X' (it has 'x')"),
        ({"X": X[0]}, "X of shape (3,), expected (n, d)"),
        ({"X": X.reshape(6, 3, 1, 1)}, "expected (n, d): pool or flatten it to one row each"),
        ({"X": X[:0]}, "X of shape (0, 3): give at least one row"),
        ({"X": X[:, :0]}, "X of shape (6, 0): give at least one row and one column"),
        ({"X": X.astype(complex)}, "X of type complex64, expected real numbers"),
        ({"X": X, "y": np.zeros(5)}, "has 5 values of 'y' for 6 rows of 'X'"),
        ({"X": X, "ids": ["a"] * 6}, "1 id(s) that occur more than once, first 'a'"),
        ({"X": X, "split": ["train"] * 5 + ["tr"]}, "has the split 'tr'"),
        ({"X": X, "y": [1.5, np.nan] * 3}, "3 label(s) are missing or infinite, first in row 1"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_in_one_line(
    tmp_path: Path, arrays: dict, message: str
) -> None:
    if "X" in arrays and arrays["X"].dtype == complex:
        arrays["X"] = arrays["X"].astype(np.complex64)
    path = npz(tmp_path, **arrays)
    with pytest.raises(InputError) as caught:
        read_data(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_rows_with_nan_or_infinite_values_are_named(tmp_path: Path, bad: float) -> None:
    broken = X.copy()
    broken[[1, 4], [0, 2]] = bad
    ids = list("abcdef")
    with pytest.raises(InputError, match=r"NaN or infinite activations in row\(s\) 'b', 'e': "):
        read_data(npz(tmp_path, X=broken, ids=ids))


@pytest.mark.parametrize("name", ["X", "y", "ids"])
def test_arrays_of_python_objects_are_never_loaded(tmp_path: Path, name: str) -> None:
    arrays = {"X": X, "y": np.zeros(6), "ids": list("abcdef")}
    arrays[name] = np.array([*arrays[name], None], dtype=object)[:6]
    with pytest.raises(InputError, match=f"array '{name}' holds Python objects, which are never"):
        read_data(npz(tmp_path, **arrays))


def test_a_npz_cut_short_is_refused(tmp_path: Path) -> None:
    path = npz(tmp_path, X=X)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"is not a \.npz file"):
        read_data(path)


def test_a_npz_with_a_changed_byte_is_refused(tmp_path: Path) -> None:
    path = npz(tmp_path, X=X)
    content = bytearray(path.read_bytes())
    content[180] ^= 0xFF  # inside the values of X: the archive's checksum tells
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        read_data(path)


def test_safetensors_takes_words_from_its_metadata(tmp_path: Path) -> None:
    words = {"ids": list("abcdef"), "y": ["u", "v"] * 3, "split": ["train"] * 5 + ["test"]}
    path = tmp_path / "a.safetensors"
    save_file({"X": X}, path, metadata={name: json.dumps(value) for name, value in words.items()})
    data = read_data(path)
    np.testing.assert_array_equal(data.inputs, X)
    assert data.y is not None and data.split is not None
    assert data.ids.tolist() == words["ids"]
    assert data.y.tolist() == words["y"]
    assert data.split.tolist() == words["split"]


def test_safetensors_with_labels_as_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"X": X, "y": np.arange(6) % 2}, path)
    data = read_data(path)
    assert data.y is not None
    assert data.y.tolist() == [0, 1, 0, 1, 0, 1]


def test_safetensors_of_types_that_numpy_has_not(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file as save_torch

    path = tmp_path / "a.safetensors"
    wanted = torch.tensor([[1.5, -2.0], [0.25, 3.0]])
    save_torch({"X": wanted.to(torch.bfloat16)}, path)
    found = read_data(path).inputs
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, wanted.numpy())
    save_torch({"X": wanted.to(torch.float8_e4m3fn)}, path)
    with pytest.raises(InputError, match=r"a\.safetensors.*(F8|float8)"):
        read_data(path)


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 3), pa.large_list(pa.float32())]
)
def test_parquet_with_a_list_column_gives_its_rows(tmp_path: Path, kind: pa.DataType) -> None:
    columns = {"path": [f"{i}.png" for i in range(6)], "label": list("aabbcc")}
    table = pa.table({**columns, "embedding": pa.array(X.tolist(), kind)})
    pq.write_table(table, tmp_path / "a.parquet")
    data = read_data(tmp_path / "a.parquet")
    assert data.kind == "array"
    np.testing.assert_array_equal(data.inputs, X)
    assert data.ids.tolist() == columns["path"]
    assert data.y is not None
    assert data.y.tolist() == columns["label"]


def test_parquet_with_numeric_columns_takes_all_but_the_marks(tmp_path: Path) -> None:
    marks = {"id": [10, 11], "y": [0, 1], "group": ["a", "b"], "split": ["train", "test"]}
    values = {"f0": np.float32([1, 2]), "f1": np.float32([3, 4]), "name": ["x", "y"]}
    pq.write_table(pa.table({**marks, **values}), tmp_path / "a.parquet")
    data = read_data(tmp_path / "a.parquet")
    np.testing.assert_array_equal(data.inputs, np.float32([[1, 3], [2, 4]]))
    assert data.ids.tolist() == ["10", "11"]
    assert data.notes == ("activations: 2 numeric column(s), 'f0' to 'f1'",)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0, 2.0], [1.0]], "has 1 numbers in row 1 and 2 in row 0: give lists of one length"),
        ([[1.0, 2.0], None], "has 0 numbers in row 1"),
        ([[1.0, 2.0], [1.0, None]], "has 1 empty values"),
        (["a", "b"], "holds string, expected lists of numbers"),
    ],
)
def test_uneven_embeddings_are_refused(tmp_path: Path, rows: list, message: str) -> None:
    pq.write_table(pa.table({"embedding": rows}), tmp_path / "a.parquet")
    with pytest.raises(InputError) as caught:
        read_data(tmp_path / "a.parquet")
    assert message in str(caught.value)


def test_parquet_without_anything_to_embed_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"embeding": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="nor numeric columns: name one of them so"):
        read_data(tmp_path / "a.parquet")
