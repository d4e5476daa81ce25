"""Sample explanations: which rows are shown, and the input beside them."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pcbm.activations import Dataset
from pcbm.model import PostHocCBM, PostHocCBMRegressor
from pcbm.report import choose_samples
from pcbm.report.sample_cards import sample_cards
from pcbm.report.samples import thumbnail


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 150)
    X = rng.normal(size=(150, 5))
    X[np.arange(150), y] += 1.5
    return X, np.array(["ant", "bee", "cow"])[y]


@pytest.fixture(scope="module")
def model(rows: tuple[np.ndarray, np.ndarray]) -> PostHocCBM:
    return PostHocCBM(lam=0.02, n_lams=5).fit(*rows)


def texts(n: int) -> Dataset:
    ids = np.array([f"t{i}" for i in range(n)])
    return Dataset("notes.csv", "text", ids, [f"text number {i} " * 80 for i in range(n)])


def test_each_kind_is_what_it_says(model: PostHocCBM, rows: tuple) -> None:
    X, y = rows
    samples = choose_samples(model, X, texts(len(y)), y)
    margins = np.sort(model.decision_function(X), axis=1)
    margins = margins[:, -1] - margins[:, -2]
    wrong = model.predict(X) != y
    by_kind = {
        kind: [int(s.record["id"][1:]) for s in samples if s.kind == kind]
        for kind in ("typical", "wrong", "close")
    }
    assert [len(ids) for ids in by_kind.values()] == [4, 4, 4]
    assert wrong[by_kind["wrong"]].all()
    assert not wrong[by_kind["typical"]].any()
    assert margins[wrong].max() in margins[by_kind["wrong"]]
    assert margins[by_kind["close"]].max() <= np.sort(margins)[12]
    assert len({s.record["id"] for s in samples}) == 12


def test_typical_rows_show_every_class_before_one_twice(model: PostHocCBM, rows: tuple) -> None:
    X, y = rows
    samples = choose_samples(model, X, texts(len(y)), y, each=3)
    assert {s.record["label"] for s in samples if s.kind == "typical"} == {"ant", "bee", "cow"}


def test_without_labels_no_row_counts_as_wrong(model: PostHocCBM, rows: tuple) -> None:
    samples = choose_samples(model, rows[0], texts(150))
    assert {s.kind for s in samples} == {"usual", "close"}
    assert all(s.truth is None for s in samples)


def test_long_texts_are_cut(model: PostHocCBM, rows: tuple) -> None:
    (sample, *_) = choose_samples(model, rows[0], texts(150), each=1)
    assert sample.text is not None
    assert len(sample.text) < 610
    assert sample.text.endswith(" …")


def test_a_regression_shows_rows_without_right_or_wrong(rows: tuple) -> None:
    X, _ = rows
    y = 2 * X[:, 0] + 1
    model = PostHocCBMRegressor(lam=0.01, n_lams=5).fit(X, y)
    samples = choose_samples(model, X, texts(150), y)
    assert {s.kind for s in samples} == {"extreme"}


def test_given_labels_stand_in_the_words_of_the_prediction(rows: tuple) -> None:
    X, _ = rows
    Y = (X[:, :2] > 0.3).astype(int)
    model = PostHocCBM(lam=0.02, n_lams=5).fit(X, Y)
    samples = choose_samples(model, X, texts(150), Y)
    cards = {sample.kind: [] for sample in samples}
    for sample, card in zip(samples, sample_cards(samples), strict=True):
        cards[sample.kind].append(card["right"])
    assert all(cards["typical"])
    assert not any(cards["wrong"])
    assert {s.truth for s in samples} <= {"none", "0", "1", "0; 1"}


def read(uri: str | None) -> Image.Image:
    assert uri is not None
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_small_pictures_stay_exact_and_large_ones_become_small(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(read(thumbnail(pixels, "a"))), pixels)
    Image.new("RGB", (2000, 500), "red").save(tmp_path / "wide.jpg")
    small = read(thumbnail(tmp_path / "wide.jpg", "wide"))
    assert small.size == (192, 48)


def test_an_unreadable_picture_leaves_a_gap(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    assert thumbnail(tmp_path / "broken.png", "broken") is None
