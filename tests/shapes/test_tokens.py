import gzip

import numpy as np
import pytest

from pcbm.shapes.captions import caption, vocabulary
from pcbm.shapes.clip import MERGES, assets
from pcbm.shapes.tokens import BYTES_AND_SPECIALS, build_merges, merges_file, read_tokenizer
from pcbm.shapes.world import ATTRIBUTES, sample_scenes


@pytest.fixture(scope="module")
def tokenizer():
    return read_tokenizer(assets() / MERGES)


def test_every_word_of_the_world_is_one_token(tokenizer):
    words = vocabulary()
    tokens = [tokenizer.encode(word) for word in words]
    assert [len(ids) for ids in tokens] == [1] * len(words)
    assert len({ids[0] for ids in tokens}) == len(words)
    assert {word for options in ATTRIBUTES.values() for word in options} <= set(words)


def test_other_text_falls_back_to_bytes_and_comes_back(tokenizer):
    text = "zebra ümlaut 7"
    assert len(tokenizer.encode(text)) > len(text.split())
    assert tokenizer.decode(tokenizer.encode(text)).strip() == text


def test_the_shipped_merges_file_is_the_one_the_words_give():
    assert (assets() / MERGES).read_bytes() == merges_file(build_merges(vocabulary()))


def test_the_vocabulary_has_no_empty_token(tokenizer):
    merges = build_merges(vocabulary())
    assert tokenizer.vocab_size == BYTES_AND_SPECIALS + len(merges)
    assert "" not in tokenizer.encoder
    assert not gzip.decompress(merges_file(merges)).endswith(b"\n")


@pytest.mark.parametrize("seed", range(4))
def test_one_token_a_word_in_any_order_of_words(seed, tmp_path):
    words = list(np.random.default_rng(seed).permutation(vocabulary()))
    path = tmp_path / "merges.txt.gz"
    path.write_bytes(merges_file(build_merges(words)))
    reader = read_tokenizer(path)
    assert all(len(reader.encode(word)) == 1 for word in words)


def test_every_caption_fits_the_context(tokenizer):
    rng = np.random.default_rng(0)
    sentences, _ = caption(sample_scenes(500, rng), rng)
    tokens = tokenizer(sentences)
    assert tokens.shape == (500, 24)
    assert (tokens == tokenizer.eot_token_id).sum(dim=1).eq(1).all()
    assert max(len(sentence.split()) for sentence in sentences) <= 22
