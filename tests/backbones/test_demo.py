import numpy as np
import pytest
from PIL import Image
from small_models import rows_are_independent

from pcbm.backbones import Backbone, load_backbone, reload_backbone
from pcbm.errors import InputError


@pytest.fixture(scope="module")
def tiny() -> Backbone:
    backbone = load_backbone("demo:tiny-clip", device="cpu")
    assert backbone is not None
    return backbone


def test_images_and_words_share_a_space(tiny: Backbone, images: list[Image.Image]) -> None:
    assert tiny.kind == "image"
    assert tiny.has_text
    assert tiny.encode(images).shape == (5, tiny.dim)
    assert tiny.encode_text(["a red circle", "blue"]).shape == (2, tiny.dim)
    rows_are_independent(tiny, images)


def test_colours_are_recognised(tiny: Backbone) -> None:
    colours = {"red": (220, 20, 20), "blue": (20, 20, 220), "green": (20, 180, 20)}
    x = tiny.encode([Image.new("RGB", (64, 64), rgb) for rgb in colours.values()])
    words = tiny.encode_text([f"a {name} background" for name in colours])
    x, words = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, words))
    np.testing.assert_array_equal((x @ words.T).argmax(1), [0, 1, 2])


def test_a_record_brings_it_back(tiny: Backbone) -> None:
    assert reload_backbone(tiny.record, device="cpu").record == tiny.record


def test_other_names_are_refused() -> None:
    with pytest.raises(InputError, match=r"unknown demo backbone 'tiny': did you mean 'tiny-clip'"):
        load_backbone("demo:tiny")
