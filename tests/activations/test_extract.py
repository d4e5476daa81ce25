from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pcbm.activations import ActivationSet, extract, read_data
from pcbm.activations.images import UnreadableError, open_image
from pcbm.errors import InputError


def test_batches_give_what_the_backbone_gives_row_by_row(image_folder: Path, backbone: Any) -> None:
    data = read_data(image_folder)
    acts = extract(data, backbone, batch_size=7)
    images = [Image.open(path).convert("RGB") for path in data.inputs]
    np.testing.assert_allclose(acts.X, backbone.encode(images, batch_size=30), rtol=1e-5)
    assert acts.X.dtype == np.float32
    assert acts.record == backbone.record


def test_lists_of_images_and_of_texts_are_data_too(backbone: Any, letters: Any) -> None:
    values = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3), dtype=np.uint8)
    arrays = extract(list(values), backbone)
    images = extract([Image.fromarray(value) for value in values], backbone)
    np.testing.assert_array_equal(arrays.X, images.X)
    assert arrays.ids.tolist() == ["0", "1"]
    texts = extract(["aa", "e i", ""], letters, batch_size=2)
    assert texts.X[:, :3].tolist() == [[2, 0, 0], [0, 1, 1], [0, 0, 0]]


def test_missing_images_are_named_before_anything_is_computed(
    backbone: Any, tmp_path: Path
) -> None:
    (tmp_path / "m.csv").write_text("path,label\na.png,x\nb.png,y\nc.png,x\nd.png,y\n")
    Image.new("RGB", (8, 8)).save(tmp_path / "b.png")
    data = read_data(tmp_path / "m.csv")
    with pytest.raises(
        InputError,
        match=r"names 3 image\(s\) that do not exist: 'a.png', 'c.png', 'd.png': correct",
    ):
        extract(data, backbone)
    acts = extract(data, backbone, skip_unreadable=True)
    assert acts.ids.tolist() == ["b.png"]
    assert acts.skipped == ("a.png", "c.png", "d.png")
    (tmp_path / "b.png").unlink()
    with pytest.raises(InputError, match="none of its 4 inputs could be read"):
        extract(data, backbone, skip_unreadable=True)


def test_the_kind_of_data_must_be_what_the_backbone_reads(
    image_folder: Path, backbone: Any, letters: Any
) -> None:
    with pytest.raises(InputError, match="holds images, but the backbone letters reads texts"):
        extract(image_folder, letters)
    with pytest.raises(InputError, match="the inputs holds texts, but the backbone python:"):
        extract(["a text"], backbone)
    with pytest.raises(InputError, match="holds images, not activations: run pcbm embed on it"):
        ActivationSet.load(image_folder)
    with pytest.raises(InputError, match="batch size 0 is below 1"):
        extract(image_folder, backbone, batch_size=0)


def test_nan_from_the_backbone_is_refused_with_the_row(letters: Any) -> None:
    letters.forward = lambda prepared: np.full((len(prepared), 5), np.nan, dtype=np.float32)
    with pytest.raises(
        InputError, match="letters gave NaN or infinite activations for '0' and 1 m"
    ):
        extract(["a", "b"], letters)


def test_images_of_every_mode_become_rgb_without_clipping(tmp_path: Path) -> None:
    grey = np.arange(0, 65536, 4096, dtype=np.uint16).reshape(4, 4)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    deep = np.asarray(open_image(tmp_path / "deep.png", "deep"))
    np.testing.assert_array_equal(deep[..., 0], grey >> 8)
    assert deep.shape == (4, 4, 3)
    for mode in ("1", "L", "P", "RGBA", "CMYK", "LA"):
        path = tmp_path / f"{mode}.tif"
        Image.new(mode, (5, 3)).save(path)
        assert open_image(path, mode).mode == "RGB"
    Image.new("F", (5, 3)).save(tmp_path / "float.tif")
    with pytest.raises(UnreadableError, match="32-bit pixels of unknown range"):
        open_image(tmp_path / "float.tif", "float.tif")


def test_a_folder_called_like_an_image_is_unreadable_not_a_crash(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    with pytest.raises(UnreadableError, match=r"image 'x\.png' cannot be read"):
        open_image(tmp_path / "x.png", "x.png")
