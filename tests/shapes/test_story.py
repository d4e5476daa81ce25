"""What the demo tells, measured with scikit-learn alone on the data and the shipped weights."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from pcbm.shapes import (
    DEMO_L1_RATIO,
    DEMO_TEMPLATES,
    DEMO_WORDS,
    TEXTURE_WORDS,
    demo_split,
    load_tiny_clip,
)
from pcbm.shapes.clip import encode_pictures, encode_words

LAM = 0.98  # where three of the 25 words are left for each class
TEXTURES = [DEMO_WORDS.index(word) for word in TEXTURE_WORDS]


@pytest.fixture(scope="module")
def embedded():
    model, _, tokenizer = load_tiny_clip()
    splits = {
        name: demo_split(name, n) for name, n in [("train", 1500), ("test", 500), ("shifted", 500)]
    }
    pictures = {name: encode_pictures(model, s.images).numpy() for name, s in splits.items()}
    words = encode_words(model, tokenizer, DEMO_WORDS, DEMO_TEMPLATES).numpy()
    return words, pictures, {name: s.labels for name, s in splits.items()}


def before_and_after(directions, pictures, labels):
    """Accuracy on test and shifted, before and after the texture words' places are zeroed."""
    scores = {name: x @ directions.T for name, x in pictures.items()}
    mean, std = scores["train"].mean(axis=0), scores["train"].std(axis=0)
    scores = {name: (s - mean) / std for name, s in scores.items()}
    head = LogisticRegression(
        C=1 / (LAM * len(labels["train"])),
        l1_ratio=DEMO_L1_RATIO,
        solver="saga",
        tol=1e-3,
        max_iter=500,
        random_state=0,
    )
    head.fit(scores["train"], labels["train"])
    before = {name: head.score(scores[name], labels[name]) for name in ("test", "shifted")}
    head.coef_[:, TEXTURES] = 0
    after = {name: head.score(scores[name], labels[name]) for name in ("test", "shifted")}
    return before, after


def test_zeroing_the_texture_words_repairs_the_shifted_accuracy(embedded):
    before, after = before_and_after(*embedded)
    assert before["test"] > 0.985
    assert before["shifted"] < 0.5
    assert after["test"] > 0.985
    assert after["shifted"] > 0.98


def test_the_same_edit_on_random_directions_repairs_nothing(embedded):
    words, pictures, labels = embedded
    for seed in range(3):
        directions = np.random.default_rng(seed).standard_normal(words.shape)
        before, after = before_and_after(directions, pictures, labels)
        assert after["shifted"] < before["shifted"] + 0.1
        assert after["test"] < before["test"] + 0.02
