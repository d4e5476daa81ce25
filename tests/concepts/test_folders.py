from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from pcbm.concepts import bank_from_folder, fit_cav
from pcbm.concepts.folders import NEGATIVES_PER_POSITIVE
from pcbm.errors import InputError

RED, BLUE, GREEN = (220, 30, 30), (30, 30, 220), (30, 180, 30)


def test_positive_and_negative_folders_give_the_probe_of_their_activations(
    tmp_path, paint, tiny_clip
) -> None:
    paint(tmp_path / "red" / "positive", RED, 12)
    paint(tmp_path / "red" / "negative", BLUE, 8)
    bank = bank_from_folder(tmp_path, tiny_clip, seed=3)
    assert bank.names == ["red"] and bank.source == "cav"
    assert bank.fingerprint == tiny_clip.fingerprint
    assert bank.stats["red"]["n_positive"] == 12 and bank.stats["red"]["n_negative"] == 8
    assert bank.stats["red"]["auc"] == 1.0
    from PIL import Image

    sides = [
        tiny_clip.encode([Image.open(p) for p in sorted((tmp_path / "red" / side).iterdir())])
        for side in ("positive", "negative")
    ]
    cav = fit_cav(*sides, seed=3)
    assert np.allclose(bank.vectors[0], cav.vector, rtol=1e-3, atol=1e-4)


def test_negatives_are_drawn_from_the_other_concepts(tmp_path, paint, tiny_clip) -> None:
    paint(tmp_path / "red", RED, 10)
    paint(tmp_path / "blue" / "nested", BLUE, 20)
    paint(tmp_path / "green" / "positive", GREEN, 25)
    paint(tmp_path / "green" / "negative", RED, 10)
    bank = bank_from_folder(tmp_path, tiny_clip)
    assert bank.names == ["blue", "green", "red"]
    assert bank.extra["probe"]["drawn_negatives"] == ["blue", "red"]
    assert bank.stats["red"]["n_negative"] == 10 * NEGATIVES_PER_POSITIVE
    assert bank.stats["blue"]["n_negative"] == 35  # all there are: 10 red and 25 green
    again = bank_from_folder(tmp_path, tiny_clip)
    assert np.array_equal(bank.vectors, again.vectors)
    assert not np.array_equal(bank.vectors, bank_from_folder(tmp_path, tiny_clip, seed=1).vectors)


def test_a_file_in_two_concepts_is_one_input_and_no_negative_of_either(
    tmp_path, paint, tiny_clip
) -> None:
    paint(tmp_path / "red", RED, 8)
    paint(tmp_path / "warm", (220, 120, 30), 8)
    paint(tmp_path / "blue", BLUE, 8)
    for file in sorted((tmp_path / "red").iterdir()):
        shutil.copy(file, tmp_path / "warm" / f"copy-{file.name}")
    bank = bank_from_folder(tmp_path, tiny_clip)
    assert bank.stats["red"]["n_positive"] == 8 and bank.stats["warm"]["n_positive"] == 16
    assert bank.stats["red"]["n_negative"] == 16  # 8 warm alone and 8 blue
    assert bank.stats["warm"]["n_negative"] == 8  # blue
    assert not any("both as positive and as negative" in note for note in bank.notes)


def test_texts_are_examples_for_a_text_backbone(tmp_path: Path, sentences) -> None:
    sport = [
        "the goalkeeper saved a penalty",
        "she won the tennis final",
        "a home run",
        "a marathon",
    ]
    money = ["shares fell", "the bank raised its rates", "profits doubled", "a merger of firms"]
    for name, texts in (("sport", sport), ("money", money)):
        (tmp_path / name).mkdir()
        for number, text in enumerate(texts):
            (tmp_path / name / f"{number}.txt").write_text(text, encoding="utf-8")
    bank = bank_from_folder(tmp_path, sentences)
    scores = sentences.encode(["the football match", "the stock exchange"]) @ bank.vectors.T
    assert scores.argmax(axis=1).tolist() == [1, 0] and bank.names == ["money", "sport"]
    (tmp_path / "sport" / "0.txt").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match=r"0\.txt is not UTF-8 text .*: save it as UTF-8"):
        bank_from_folder(tmp_path, sentences)


def test_unreadable_images_are_named_or_skipped_with_a_note(tmp_path, paint, tiny_clip) -> None:
    paint(tmp_path / "red" / "positive", RED, 6)
    paint(tmp_path / "red" / "negative", BLUE, 6)
    (tmp_path / "red" / "positive" / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"red/positive/broken.png.*--skip-unreadable"):
        bank_from_folder(tmp_path, tiny_clip)
    bank = bank_from_folder(tmp_path, tiny_clip, skip_unreadable=True)
    assert bank.stats["red"]["n_positive"] == 6
    assert any("unreadable input(s) left out" in note for note in bank.notes)


def test_folders_without_examples_are_refused(tmp_path, paint, tiny_clip) -> None:
    with pytest.raises(InputError, match="is no folder"):
        bank_from_folder(tmp_path / "none", tiny_clip)
    with pytest.raises(InputError, match="holds no concept folders"):
        bank_from_folder(tmp_path, tiny_clip)
    paint(tmp_path / "red", RED, 4)
    with pytest.raises(InputError, match="nothing to draw negatives of 'red' from"):
        bank_from_folder(tmp_path, tiny_clip)
    (tmp_path / "blue").mkdir()
    with pytest.raises(InputError, match=r"blue holds no images: put examples there"):
        bank_from_folder(tmp_path, tiny_clip)
    paint(tmp_path / "blue" / "positive", BLUE, 4)
    with pytest.raises(InputError, match="has positive/ but no negative/: add it"):
        bank_from_folder(tmp_path, tiny_clip)
    paint(tmp_path / "blue" / "negative", RED, 1)
    with pytest.raises(InputError, match="'blue' has 1 different negative example"):
        bank_from_folder(tmp_path, tiny_clip)
    paint(tmp_path / "blue" / "negative", RED, 4)
    paint(tmp_path / "blue", GREEN, 1)
    with pytest.raises(
        InputError, match=r"holds 1 example\(s\) beside positive/ and negative/, first '0.png'"
    ):
        bank_from_folder(tmp_path, tiny_clip)
