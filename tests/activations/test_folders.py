from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pcbm.activations import read_data
from pcbm.errors import InputError

Fill = Callable[[Path, Sequence[str]], Path]


def test_class_folders_give_posix_ids_with_extension_in_path_order(
    fill_folder: Fill, tmp_path: Path
) -> None:
    names = ["dog/2.png", "cat/b.JPG", "cat/a/1.png", "dog/10.png"]
    data = read_data(fill_folder(tmp_path / "d", names))
    assert data.ids.tolist() == ["cat/a/1.png", "cat/b.JPG", "dog/10.png", "dog/2.png"]
    assert data.y is not None
    assert data.y.tolist() == ["cat", "cat", "dog", "dog"]
    assert (data.kind, data.split) == ("image", None)
    assert [path.name for path in data.inputs] == ["1.png", "b.JPG", "10.png", "2.png"]


@pytest.mark.parametrize("validation", ["val", "validation", "valid", "Val"])
def test_train_val_test_folders_give_the_split_and_the_class_below(
    fill_folder: Fill, tmp_path: Path, validation: str
) -> None:
    names = ["train/cat/1.png", "train/dog/1.png", "test/cat/1.png", f"{validation}/dog/1.png"]
    data = read_data(fill_folder(tmp_path / "d", names))
    assert data.split is not None and data.y is not None
    found = dict(zip(data.ids.tolist(), zip(data.split, data.y, strict=True), strict=True))
    assert found == {
        "train/cat/1.png": ("train", "cat"),
        "train/dog/1.png": ("train", "dog"),
        "test/cat/1.png": ("test", "cat"),
        f"{validation}/dog/1.png": ("val", "dog"),
    }


def test_a_class_may_be_called_train_when_there_is_no_test_folder(
    fill_folder: Fill, tmp_path: Path
) -> None:
    data = read_data(fill_folder(tmp_path / "d", ["train/1.png", "plane/1.png", "car/1.png"]))
    assert data.y is not None
    assert data.y.tolist() == ["car", "plane", "train"]
    assert data.split is None


def test_images_without_class_folders_have_no_labels(fill_folder: Fill, tmp_path: Path) -> None:
    data = read_data(fill_folder(tmp_path / "d", ["1.png", "2.png"]))
    assert data.y is None
    assert data.ids.tolist() == ["1.png", "2.png"]


def test_hidden_files_are_left_out_and_whatever_gives_no_row_is_noted(
    fill_folder: Fill, tmp_path: Path
) -> None:
    folder = fill_folder(tmp_path / "d", ["cat/1.png", "cat/.thumb.png", ".cache/x/1.png"])
    (folder / "cat" / "notes.txt").write_text("x")
    (folder / "dog").mkdir()
    data = read_data(folder)
    assert data.ids.tolist() == ["cat/1.png"]
    assert data.notes == (
        f"1 file(s) in {folder} are no images and were left out, first 'cat/notes.txt'",
        f"1 folder(s) in {folder} hold no images, first 'dog'",
    )


def test_links_are_followed_and_a_link_upwards_ends(fill_folder: Fill, tmp_path: Path) -> None:
    folder = fill_folder(tmp_path / "d", ["cat/1.png"])
    outside = fill_folder(tmp_path / "elsewhere", ["2.png"])
    (folder / "dog").symlink_to(outside, target_is_directory=True)
    (folder / "cat" / "up").symlink_to(folder, target_is_directory=True)
    assert read_data(folder).ids.tolist() == ["cat/1.png", "dog/2.png"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat/1.png", "2.png"], "holds 1 image(s) beside its class folders, first '2.png'"),
        (["train/1.png", "test/1.png"], "outside of class folders at all: give test/CLASS/FILE"),
        (["train/a/1.png", "test/a/1.png", "test/2.png"], "images, first '2.png', outside of"),
        (["train/a/1.png", "test/a/1.png", "cat/1.png"], "the folder 'cat' beside test and train"),
    ],
)
def test_ambiguous_folders_are_refused(
    fill_folder: Fill, tmp_path: Path, names: list[str], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_data(fill_folder(tmp_path / "d", names))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is an empty folder: give a folder of class folders"):
        read_data(tmp_path)
    (tmp_path / "x.txt").write_text("x")
    with pytest.raises(InputError, match=r"holds no images but 1 other file\(s\), first 'x.txt'"):
        read_data(tmp_path)


def test_a_wrong_path_is_answered_with_near_matches_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "cifar.npz").touch()
    with pytest.raises(InputError, match=r"cifr\.npz does not exist: did you mean 'cifar\.npz'\?"):
        read_data(tmp_path / "cifr.npz")
    with pytest.raises(InputError, match=f"below {tmp_path} nothing of that name"):
        read_data(tmp_path / "nowhere" / "cifar.npz")
    with pytest.raises(InputError, match="did you mean 'demo:shapes'"):
        read_data("demo:shape")


@pytest.mark.skipif(os.name == "nt", reason="names are always Unicode there")
def test_a_file_name_that_is_not_utf8_is_refused_readably(
    fill_folder: Fill, tmp_path: Path
) -> None:
    folder = fill_folder(tmp_path / "d", ["cat/1.png"])
    (folder / "cat/1.png").rename(os.fsdecode(os.fsencode(folder / "cat") + b"/\xe9.png"))
    with pytest.raises(InputError, match="name is not UTF-8") as caught:
        read_data(folder)
    str(caught.value).encode("utf-8")


def test_demo_shapes_has_pictures_classes_splits_and_groups() -> None:
    data = read_data("demo:shapes")
    assert len(data) == 2500
    assert data.inputs[0].shape == (64, 64, 3)
    assert data.y is not None and data.split is not None and data.group is not None
    assert sorted(set(data.y.tolist())) == ["circle", "cross", "square", "star", "triangle"]
    assert ((data.split == "train").sum(), (data.split == "test").sum()) == (1500, 1000)
