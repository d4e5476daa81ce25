import json
import shutil

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from pcbm.errors import InputError
from pcbm.shapes import DEMO_TEMPLATES, DEMO_WORDS, load_tiny_clip
from pcbm.shapes.captions import vocabulary
from pcbm.shapes.clip import (
    CONFIG,
    MERGES,
    WEIGHTS,
    as_input,
    assets,
    encode_pictures,
    encode_words,
    load_clip,
)
from pcbm.shapes.tokens import build_merges, merges_file
from pcbm.shapes.train import main
from pcbm.shapes.world import render, sample_scenes
from pcbm.shapes.zero_shot import zero_shot

FLOORS = {
    "shape": 0.97,
    "colour": 0.98,
    "texture": 0.98,
    "background": 0.98,
    "size": 0.98,
    "position": 0.98,
}


@pytest.fixture(scope="module")
def clip():
    return load_tiny_clip()


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(11)
    return render(sample_scenes(32, rng), rng)


def test_the_shipped_model_is_a_plain_clip_ready_for_use(clip):
    model, preprocess, tokenizer = clip
    assert type(model) is open_clip.CLIP
    assert not model.training
    assert all(p.dtype == torch.float32 and not p.requires_grad for p in model.parameters())
    assert preprocess(Image.new("RGB", (64, 64))).shape == (3, 64, 64)
    assert tokenizer(["a red circle"]).shape == (1, 24)


def test_the_tokenizer_has_as_many_words_as_the_embedding_rows(clip):
    model, _, tokenizer = clip
    assert tokenizer.vocab_size == model.token_embedding.num_embeddings == model.vocab_size


def test_the_shipped_weights_are_small_and_half_precision():
    size = sum(path.stat().st_size for path in assets().iterdir())
    assert size < 3_200_000
    state = load_file(assets() / WEIGHTS)
    assert {t.dtype for t in state.values()} <= {torch.float16, torch.int64}
    assert sorted(path.name for path in assets().iterdir()) == sorted([CONFIG, MERGES, WEIGHTS])


def test_the_shipped_weights_name_what_they_see(clip):
    model, _, tokenizer = clip
    figures = zero_shot(model, tokenizer, n=1000, seed=1)
    assert {name: figures[name] >= floor for name, floor in FLOORS.items()} == dict.fromkeys(
        FLOORS, True
    ), figures


@pytest.mark.slow
def test_the_stated_figures_are_those_of_the_shipped_weights(capsys):
    main(["--evaluate"])
    printed = json.loads(capsys.readouterr().out)
    stated = json.loads((assets() / CONFIG).read_text())["zero_shot"]
    assert printed == pytest.approx(stated, abs=0.002)


def test_preprocessing_a_picture_file_gives_what_the_model_was_trained_on(clip, pictures):
    _, preprocess, _ = clip
    by_file = torch.stack([preprocess(Image.fromarray(picture)) for picture in pictures])
    torch.testing.assert_close(by_file, as_input(pictures))


def test_embedding_does_not_depend_on_the_batch(clip, pictures):
    model, _, _ = clip
    whole = encode_pictures(model, pictures)
    pieces = encode_pictures(model, pictures, batch_size=5)
    assert whole.shape == (32, 64)
    torch.testing.assert_close(whole, pieces, rtol=1e-4, atol=1e-4)


def test_word_embeddings_are_unit_and_distinct(clip):
    model, _, tokenizer = clip
    words = encode_words(model, tokenizer, DEMO_WORDS, DEMO_TEMPLATES)
    torch.testing.assert_close(words.norm(dim=1), torch.ones(len(DEMO_WORDS)))
    cosines = words @ words.T - 2 * torch.eye(len(DEMO_WORDS))
    assert cosines.max() < 0.9


def test_open_clip_loads_the_folder_by_itself(clip, pictures):
    model, _, _ = clip
    other, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{assets()}")
    other.eval()
    with torch.inference_mode():
        by_file = torch.stack([preprocess(Image.fromarray(picture)) for picture in pictures])
        embedded = other.encode_image(by_file)
    torch.testing.assert_close(embedded, encode_pictures(model, pictures), rtol=1e-3, atol=1e-4)


def test_a_merges_file_of_other_words_is_refused(tmp_path):
    folder = shutil.copytree(assets(), tmp_path / "clip")
    (folder / MERGES).write_bytes(merges_file(build_merges(vocabulary()[:-1])))
    with pytest.raises(InputError, match=r"has \d+ words and the text embedding \d+ rows: the me"):
        load_clip(folder)


def test_a_folder_without_weights_is_refused_by_the_missing_name(tmp_path):
    folder = shutil.copytree(assets(), tmp_path / "clip")
    (folder / WEIGHTS).unlink()
    with pytest.raises(InputError, match=f"has no {WEIGHTS}: give a folder that"):
        load_clip(folder)
