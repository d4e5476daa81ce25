import numpy as np
import pytest

from pcbm.shapes.captions import CAPTION_SHARES, caption, vocabulary
from pcbm.shapes.world import (
    ATTRIBUTES,
    BACKGROUNDS,
    COLOURS,
    COLUMN,
    OUTLINES,
    POSITIONS,
    SHAPES,
    SIZES,
    render,
    sample_scenes,
)

LOOK = [113.0116, 72.5392, 56.3082, 56.2810, 54.4204]


def scene(**words):
    values = {name: options[0] for name, options in ATTRIBUTES.items()} | words
    return np.array([[ATTRIBUTES[name].index(word) for name, word in values.items()]])


def covered(picture, colour, tolerance=60.0):
    """Pixels whose colour is nearer than ``tolerance`` to that of the shape."""
    return np.linalg.norm(picture.astype(float) - COLOURS[colour], axis=-1) < tolerance


def test_the_world_has_the_promised_attributes():
    assert {name: len(words) for name, words in ATTRIBUTES.items()} == {
        "shape": 8,
        "colour": 8,
        "texture": 5,
        "background": 8,
        "size": 2,
        "position": 5,
    }
    words = [word for words in ATTRIBUTES.values() for word in words]
    assert len(set(words)) == len(words), "a word that means two things names no concept"
    assert set(OUTLINES) == set(SHAPES)


def test_pictures_follow_from_the_seed_alone():
    def draw(seed):
        rng = np.random.default_rng(seed)
        return render(sample_scenes(40, rng), rng)

    first = draw(3)
    assert first.shape == (40, 64, 64, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, draw(3))
    assert (first != draw(4)).mean() > 0.5


def test_sampling_covers_every_value_evenly():
    scenes = sample_scenes(8000, np.random.default_rng(0))
    for name, words in ATTRIBUTES.items():
        share = np.bincount(scenes[:, COLUMN[name]], minlength=len(words)) / len(scenes)
        np.testing.assert_allclose(share, 1 / len(words), atol=0.02)


def test_sampling_keeps_to_the_allowed_values():
    scenes = sample_scenes(500, np.random.default_rng(0), {"colour": [2, 5], "size": [1]})
    assert set(scenes[:, COLUMN["colour"]]) == {2, 5}
    assert set(scenes[:, COLUMN["size"]]) == {1}
    assert set(scenes[:, COLUMN["shape"]]) == set(range(8))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("position", POSITIONS)
def test_the_shape_lies_where_its_position_says(shape, position):
    rng = np.random.default_rng(1)
    for size, radius in SIZES.items():
        scenes = scene(shape=shape, position=position, size=size, colour="blue")
        inside = covered(render(scenes, rng)[0], "blue")
        down, right = np.argwhere(inside).mean(axis=0) - 31.5
        assert abs(right - POSITIONS[position][0]) < 4
        assert abs(down - POSITIONS[position][1]) < 4
        extent = np.ptp(np.argwhere(inside), axis=0).max() + 1
        assert 1.5 * radius < extent < 2.6 * radius


def test_no_shape_loses_more_than_a_tip_at_the_border():
    rng = np.random.default_rng(2)
    border = np.ones((64, 64), dtype=bool)
    border[1:-1, 1:-1] = False
    for position in POSITIONS:
        rows = np.repeat(scene(size="large", position=position, colour="blue"), 80, axis=0)
        rows[:, COLUMN["shape"]] = np.arange(80) % 8
        inside = covered(render(rows, rng), "blue")
        assert (inside & border).sum(axis=(1, 2)).max() <= 6


def test_the_ground_has_the_colour_it_is_named_for():
    rng = np.random.default_rng(3)
    for name, colour in BACKGROUNDS.items():
        corner = render(np.repeat(scene(background=name), 50, axis=0), rng)[:, :6, :6]
        np.testing.assert_allclose(corner.mean(axis=(0, 1, 2)), colour, atol=6)


def test_each_texture_differs_from_plain_ground():
    rng = np.random.default_rng(4)
    spread = {}
    for name in ATTRIBUTES["texture"]:
        rows = np.repeat(scene(texture=name, size="small", background="gray"), 10, axis=0)
        spread[name] = render(rows, rng)[:, :16, :16].std(axis=(1, 2, 3)).mean()
    assert spread["plain"] < 10
    assert all(value > 15 for name, value in spread.items() if name != "plain")


def test_captions_tell_the_truth_and_say_what_they_tell():
    rng = np.random.default_rng(5)
    scenes = sample_scenes(600, rng)
    sentences, mentioned = caption(scenes, rng)
    for row, sentence in enumerate(sentences):
        words = sentence.split()
        for name, options in ATTRIBUTES.items():
            found = [word for word in options if word in words]
            right = options[scenes[row, COLUMN[name]]]
            assert found == ([right] if mentioned[row, COLUMN[name]] else [])
    assert mentioned.any(axis=1).all()
    assert mentioned.mean() < 0.9
    assert {word for sentence in sentences for word in sentence.split()} <= set(vocabulary())


def test_there_are_about_thirty_caption_templates():
    templates = [t for group, _ in CAPTION_SHARES for t in group]
    assert len(set(templates)) == len(templates)
    assert 28 <= len(templates) <= 36
    assert sum(share for _, share in CAPTION_SHARES) == pytest.approx(1)


def test_rendering_keeps_its_look():
    """The shipped weights know this look: a change of it needs another training."""
    rng = np.random.default_rng(6)
    pictures = render(sample_scenes(64, rng), rng).astype(float)
    ramp = np.linspace(0, 1, 64)
    figures = [
        pictures.mean(),
        pictures.std(),
        (pictures.mean(axis=(0, 2, 3)) * ramp).mean(),
        (pictures.mean(axis=(0, 1, 3)) * ramp).mean(),
        (pictures.mean(axis=(1, 2, 3)) * ramp).mean(),
    ]
    np.testing.assert_allclose(figures, LOOK, atol=0.02)
