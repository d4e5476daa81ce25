from __future__ import annotations

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcbm.activations import ActivationSet, activations_for, cache_folder, read_data
from pcbm.errors import InputError


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PCBM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def entries() -> list[Path]:
    return sorted((cache_folder() / "activations").iterdir())


def texts(folder: Path, *, name: str = "m.csv", label: str = "x", words: str = "one") -> Any:
    folder.mkdir(exist_ok=True)
    rows = "".join(f"{words} {i},{label if i % 2 else 'other'}\n" for i in range(10))
    (folder / name).write_text("text,label\n" + rows)
    return read_data(folder / name)


def test_the_second_time_the_backbone_does_not_run(letters: Any, tmp_path: Path) -> None:
    data = texts(tmp_path / "d")
    first = activations_for(data, letters)
    second = activations_for(texts(tmp_path / "d"), letters)
    assert (first.cached, second.cached, letters.seen) == (False, True, 10)
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.X, letters.forward(data.inputs))
    assert second.record == letters.record


def test_the_key_is_the_content_and_labels_come_from_the_data(
    image_folder: Path, backbone: Any, tmp_path: Path
) -> None:
    first = activations_for(read_data(image_folder), backbone)
    renamed = image_folder.rename(tmp_path / "renamed")
    (renamed / "cat").rename(renamed / "a cat")
    again = activations_for(read_data(renamed), backbone)
    assert again.cached
    assert again.ids[0] == "a cat/00.png"
    assert again.class_names == ["a cat", "dog"]
    np.testing.assert_array_equal(again.X, first.X)
    shutil.copy(renamed / "dog" / "00.png", renamed / "dog" / "01.png")  # other bytes, same name
    changed = activations_for(read_data(renamed), backbone)
    assert not changed.cached
    np.testing.assert_allclose(changed.X[16], first.X[15], rtol=1e-5)


@pytest.mark.parametrize("what", ["fingerprint", "dtype"])
def test_another_backbone_has_another_entry(letters: Any, tmp_path: Path, what: str) -> None:
    data = texts(tmp_path / "d")
    activations_for(data, letters)
    if what == "fingerprint":
        letters.fingerprint = "letters-2"
    letters.record = {**letters.record, what: "float16"}
    assert not activations_for(data, letters).cached
    assert len(entries()) == 2


@pytest.mark.parametrize("harm", ["flip", "cut", "remove", "manifest", "rows"])
def test_a_damaged_entry_is_made_again(letters: Any, tmp_path: Path, harm: str) -> None:
    data = texts(tmp_path / "d")
    good = np.asarray(activations_for(data, letters).X)
    (entry,) = entries()
    shard = entry / "shard-00000.npy"
    content = shard.read_bytes()
    if harm == "flip":
        shard.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif harm == "cut":
        shard.write_bytes(content[:-8])
    elif harm == "remove":
        shard.unlink()
    elif harm == "manifest":
        (entry / "manifest.json").write_text("{")
    else:
        (entry / "rows.parquet").write_bytes(b"PAR1")
    again = activations_for(data, letters)
    assert (again.cached, letters.seen) == (False, 20)
    np.testing.assert_array_equal(again.X, good)
    assert activations_for(data, letters).cached
    assert entries() == [entry]


def test_writers_at_the_same_time_end_with_one_whole_entry(letters: Any, tmp_path: Path) -> None:
    data = texts(tmp_path / "d")
    barrier = threading.Barrier(4)
    results: list[ActivationSet] = []

    def run() -> None:
        barrier.wait()
        results.append(activations_for(data, letters, batch_size=1))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_array_equal(result.X, letters.forward(data.inputs))
    assert len(entries()) == 1
    assert activations_for(data, letters).cached


def test_unreadable_images_are_not_hidden_by_the_cache(image_folder: Path, backbone: Any) -> None:
    (image_folder / "cat" / "03.png").write_bytes(b"no image")
    data = read_data(image_folder)
    for _ in range(2):
        acts = activations_for(data, backbone, skip_unreadable=True)
        assert acts.skipped == ("cat/03.png",)
        assert len(acts) == 29
    assert acts.cached
    with pytest.raises(InputError, match=r"image 'cat/03.png' cannot be read"):
        activations_for(data, backbone)


def test_without_the_cache_nothing_is_written(letters: Any, tmp_path: Path) -> None:
    acts = activations_for(texts(tmp_path / "d"), letters, use_cache=False)
    assert not acts.cached
    assert not cache_folder().exists()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX")
def test_a_cache_that_cannot_be_written_is_noted_and_does_no_harm(
    letters: Any, tmp_path: Path
) -> None:
    cache_folder().write_text("a file where the folder should be")
    acts = activations_for(texts(tmp_path / "d"), letters)
    assert len(acts) == 10
    assert any("could not be written" in note for note in acts.notes)


def test_activations_pass_through_and_must_fit_the_backbone(letters: Any, tmp_path: Path) -> None:
    X = np.arange(20, dtype=np.float32).reshape(4, 5)
    np.savez(tmp_path / "a.npz", X=X)
    data = read_data(tmp_path / "a.npz")
    np.testing.assert_array_equal(activations_for(data, None).X, X)
    np.testing.assert_array_equal(activations_for(data, letters).X, X)
    assert letters.seen == 0
    np.savez(tmp_path / "b.npz", X=X[:, :4])
    with pytest.raises(InputError, match="activations of 4 columns, the backbone letters gives 5"):
        activations_for(read_data(tmp_path / "b.npz"), letters)
    with pytest.raises(InputError, match="holds texts, not activations: name a --backbone"):
        activations_for(texts(tmp_path / "d"), None)
    other = replace(data, record={"spec": "digits", "fingerprint": "digits-1"})
    with pytest.raises(InputError, match=r"digits-1 of digits, expected letters-1 of letters"):
        activations_for(other, letters)


def test_the_cache_lies_where_the_variable_says_else_where_the_platform_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("PCBM_CACHE", "")
    assert cache_folder().name == "pcbm"
