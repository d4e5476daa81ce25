from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcbm.activations import ActivationSet, Dataset, read_data
from pcbm.activations.shards import ShardedArray
from pcbm.activations.store import write_store
from pcbm.errors import InputError

X = np.random.default_rng(1).normal(size=(17, 4)).astype(np.float32)
COUNTS = [5, 0, 5, 5, 2]


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> ShardedArray:
    folder = tmp_path_factory.mktemp("shards")
    files = []
    for number, part in enumerate(np.split(X, np.cumsum(COUNTS)[:-1])):
        files.append(folder / f"{number}.npy")
        np.save(files[-1], part)
    return ShardedArray(files, COUNTS, 4, np.dtype("float32"))


def dataset(**columns: object) -> Dataset:
    rows = {"ids": np.array([f"r{i}" for i in range(17)]), "inputs": X, **columns}
    return Dataset("made", "array", **rows)  # type: ignore[arg-type]


def test_the_lazy_array_looks_like_the_whole_one(sharded: ShardedArray) -> None:
    assert (sharded.shape, sharded.dtype, sharded.ndim, len(sharded)) == ((17, 4), X.dtype, 2, 17)
    np.testing.assert_array_equal(np.asarray(sharded), X)
    np.testing.assert_array_equal(np.asarray(sharded, dtype=np.float64), X.astype(np.float64))
    np.testing.assert_array_equal(sharded[3], X[3])
    np.testing.assert_array_equal(sharded[-1], X[-1])
    np.testing.assert_array_equal(sharded[np.int64(6)], X[6])
    np.testing.assert_array_equal(sharded[X[:, 0] > 0], X[X[:, 0] > 0])
    np.testing.assert_array_equal(sharded[2:9, 1:3], X[2:9, 1:3])
    np.testing.assert_array_equal(sharded[4, 2], X[4, 2])
    assert sharded[3:3].shape == (0, 4)
    with pytest.raises(IndexError):
        sharded[17]
    with pytest.raises(IndexError):
        sharded[np.ones(3, dtype=bool)]


@given(start=st.integers(-20, 20), stop=st.integers(-20, 20), step=st.integers(-3, 3))
@settings(max_examples=200, deadline=None)
def test_any_slice_gives_the_rows_numpy_gives(
    sharded: ShardedArray, start: int, stop: int, step: int
) -> None:
    part = slice(start, stop, step or None)
    np.testing.assert_array_equal(sharded[part], X[part])


@given(st.lists(st.integers(-17, 16), max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_rows_in_any_order_give_the_rows_numpy_gives(
    sharded: ShardedArray, rows: list[int]
) -> None:
    index = np.array(rows, dtype=np.int64)
    np.testing.assert_array_equal(sharded[index], X[index])


@pytest.mark.parametrize(
    "y",
    [
        np.array(["é", "a;b", "<b>"] * 5 + ["x", "y"]),
        np.arange(17),
        np.linspace(0, 1, 17),
        np.arange(34).reshape(17, 2) % 2,
        None,
    ],
)
def test_a_saved_set_comes_back_with_types_and_names(tmp_path: Path, y: np.ndarray | None) -> None:
    names = ["red", "round"] if y is not None and y.ndim == 2 else None
    acts = ActivationSet(
        X=X,
        ids=np.array([f"dog/{i:03d}.png" for i in range(17)]),
        y=y,
        split=np.array(["train"] * 10 + ["test"] * 7),
        group=np.array(["g"] * 17),
        label_names=names,
        record={"fingerprint": "f", "layer": "l3"},
    )
    acts.save(tmp_path / "acts")
    back = ActivationSet.load(tmp_path / "acts")
    np.testing.assert_array_equal(back.X, X)
    for name in ("ids", "split", "group", "y"):
        one, two = getattr(acts, name), getattr(back, name)
        assert (one is None) == (two is None)
        if one is not None:
            assert one.dtype.kind == two.dtype.kind
            np.testing.assert_array_equal(one, two)
    assert back.label_names == names
    assert (back.fingerprint, back.record) == ("f", acts.record)
    with pytest.raises(InputError, match="exists already"):
        acts.save(tmp_path / "acts")


def test_a_saved_set_with_nan_is_refused(tmp_path: Path) -> None:
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(InputError, match=r"in row\(s\) 'r3'"):
        write_store(tmp_path / "acts", dataset(inputs=broken))
    assert not (tmp_path / "acts").exists()


@pytest.mark.parametrize("name", ["shard-00001.npy", "rows.parquet"])
def test_a_changed_or_missing_file_is_named(tmp_path: Path, name: str) -> None:
    write_store(tmp_path / "acts", dataset(), shard_rows=8)
    file = tmp_path / "acts" / name
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"{name} is damaged: embed the data again with --force"):
        read_data(tmp_path / "acts")
    file.unlink()
    with pytest.raises(InputError, match=f"{name} is missing"):
        read_data(tmp_path / "acts")


def test_a_store_of_another_version_or_with_a_broken_manifest_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "acts"
    write_store(folder, dataset(), shard_rows=8)
    manifest = json.loads((folder / "manifest.json").read_text())

    def refused(change: dict | str, message: str) -> None:
        text = change if isinstance(change, str) else json.dumps({**manifest, **change})
        (folder / "manifest.json").write_text(text)
        with pytest.raises(InputError, match=message):
            read_data(folder)

    refused({"version": 2}, "store of version 2, this pcbm reads version 1")
    refused({"shards": manifest["shards"][:1]}, "is damaged")
    refused({"shards": [{**manifest["shards"][0], "file": "../../x.npy"}]}, "is damaged")
    refused({"shards": [{"file": "shard-00000.npy"}]}, "is damaged")
    refused("{", "is damaged: embed the data again")


def test_a_folder_of_stores_asks_for_one_layer(tmp_path: Path) -> None:
    for layer in ("layer1", "layer2"):
        write_store(tmp_path / "acts" / layer, dataset())
    with pytest.raises(
        InputError, match=r"one store a layer \(layer1, layer2\): name one, .*layer1"
    ):
        read_data(tmp_path / "acts")


def test_rows_are_taken_by_position_or_mask_with_all_their_columns() -> None:
    acts = ActivationSet(X=X, ids=np.arange(17).astype(str), y=np.arange(17) % 2)
    part = acts.take(np.arange(17) > 14)
    assert part.ids.tolist() == ["15", "16"]
    assert part.y is not None
    assert part.y.tolist() == [1, 0]
    np.testing.assert_array_equal(part.X, X[15:])
    assert dataset().take([2, 0]).ids.tolist() == ["r2", "r0"]


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(InputError, match="made has 3 values of 'y' for 17 rows"):
        dataset(y=np.zeros(3))
