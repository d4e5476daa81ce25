import subprocess
import sys

import numpy as np
import pytest

from pcbm.errors import InputError
from pcbm.shapes import (
    ATTRIBUTES,
    DEMO_CLASSES,
    DEMO_WORDS,
    TEXTURE_WORDS,
    demo_split,
    shapes_rows,
)
from pcbm.shapes.captions import vocabulary
from pcbm.shapes.demo import SHIFT, SPLITS
from pcbm.shapes.world import COLUMN


def tied(images, shift):
    """Share of pictures on the texture of the class ``shift`` places further on."""
    own = [
        TEXTURE_WORDS[(DEMO_CLASSES.index(label) + shift) % len(TEXTURE_WORDS)]
        for label in images.labels
    ]
    return np.mean(images.groups == own)


@pytest.mark.parametrize("split", SPLITS)
def test_textures_are_tied_to_classes_at_the_stated_rate(split):
    images = demo_split(split, 1000, seed=2)
    assert tied(images, SHIFT[split]) == 0.99
    counts = np.unique(images.labels, return_counts=True)[1]
    assert counts.tolist() == [200] * 5


def test_the_shifted_split_ties_no_class_to_its_training_texture():
    assert tied(demo_split("shifted", 1000), 0) <= 0.01
    assert tied(demo_split("test", 1000), 0) == 0.99


def test_the_tie_can_be_loosened():
    assert tied(demo_split("train", 1000, tie=0.9), 0) == 0.9
    assert tied(demo_split("train", 1000, tie=0.2), 0) == 0.2


def test_nothing_but_the_texture_gives_the_class_away():
    images = demo_split("train", 3000)
    for name in ("colour", "background", "size", "position"):
        values = images.scenes[:, COLUMN[name]]
        share = np.array(
            [
                np.bincount(values[images.labels == c], minlength=len(ATTRIBUTES[name])) / 600
                for c in DEMO_CLASSES
            ]
        )
        np.testing.assert_allclose(share, 1 / len(ATTRIBUTES[name]), atol=0.07)


def test_pictures_follow_from_split_count_and_seed():
    first, again = demo_split("test", 60, seed=5), demo_split("test", 60, seed=5)
    np.testing.assert_array_equal(first.images, again.images)
    np.testing.assert_array_equal(first.labels, again.labels)
    for other in (demo_split("test", 60, seed=6), demo_split("validation", 60, seed=5)):
        assert (first.images != other.images).any(axis=(1, 2, 3)).all()


def test_labels_and_groups_name_what_the_scene_holds():
    images = demo_split("shifted", 50)
    shapes = np.array(ATTRIBUTES["shape"])[images.scenes[:, COLUMN["shape"]]]
    textures = np.array(ATTRIBUTES["texture"])[images.scenes[:, COLUMN["texture"]]]
    np.testing.assert_array_equal(images.labels, shapes)
    np.testing.assert_array_equal(images.groups, textures)


def test_the_rows_of_the_data_are_train_then_test_with_unique_ids():
    rows = shapes_rows(30, 20, seed=1)
    assert len(rows) == 50
    assert rows.split.tolist() == ["train"] * 30 + ["test"] * 20
    assert len(set(rows.ids)) == 50
    np.testing.assert_array_equal(rows.images[30:], demo_split("test", 20, seed=1).images)


@pytest.mark.parametrize("n", [1, 3, 256, 257])
def test_any_number_of_pictures_can_be_drawn(n):
    images = demo_split("train", n)
    assert images.images.shape == (n, 64, 64, 3)
    assert len(images) == len(images.ids) == n


def test_an_unknown_split_is_refused_with_near_names():
    with pytest.raises(InputError, match=r"no split 'shiftd': did you mean 'shifted'\?"):
        demo_split("shiftd", 5)
    with pytest.raises(InputError, match="cannot draw 0 pictures: ask for one or more"):
        demo_split("train", 0)


def test_the_words_of_the_demo_are_25_words_of_the_world():
    assert len(set(DEMO_WORDS)) == 25
    assert set(DEMO_WORDS) <= set(vocabulary())
    assert set(TEXTURE_WORDS) < set(DEMO_WORDS)


def test_importing_the_package_imports_no_torch():
    code = "import sys, pcbm.shapes; print('torch' in sys.modules, 'open_clip' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
