from __future__ import annotations

import numpy as np
import pytest

from pcbm import load_backbone
from pcbm.concepts import IMAGE_TEMPLATES, ConceptBank
from pcbm.errors import InputError
from pcbm.projection import fit_projection


def unit(rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_directions_are_means_of_unit_embeddings_over_templates(tiny_clip) -> None:
    words, templates = ["red", "circle", "dots"], ["{}", "a photo of {}"]
    bank = ConceptBank.from_text(words, tiny_clip, templates)
    means = [
        unit(tiny_clip.encode_text([t.replace("{}", w) for t in templates])).mean(axis=0)
        for w in words
    ]
    assert np.allclose(bank.vectors, unit(np.array(means)), atol=1e-6)
    assert np.allclose(np.linalg.norm(bank.vectors, axis=1), 1)
    assert np.allclose(bank.text_mean, bank.vectors.mean(axis=0)) and not bank.intercepts.any()


def test_a_text_bank_records_words_templates_and_backbone(tiny_clip) -> None:
    bank = ConceptBank.from_text(["red", "blue"], tiny_clip)
    assert bank.source == "text" and bank.fingerprint == tiny_clip.fingerprint
    assert bank.extra["templates"] == list(IMAGE_TEMPLATES) and bank.extra["words"] == bank.names
    assert bank.record == tiny_clip.record


def test_words_of_classes_become_one_concept_each(tiny_clip) -> None:
    bank = ConceptBank.from_text({"a": ["red", "dots"], "b": ["red"]}, tiny_clip)
    assert bank.names == ["red", "dots"]
    assert bank.extra["classes"] == {"a": ["red", "dots"], "b": ["red"]}


def test_sentence_backbones_take_the_plain_word_by_default(sentences) -> None:
    bank = ConceptBank.from_text(["football", "war", "stock market"], sentences)
    assert bank.extra["templates"] == ["{}"]
    assert np.allclose(bank.vectors[0], unit(sentences.encode(["football"]))[0], atol=1e-6)
    texts = ["The striker scored twice in the final", "Shares fell on Wall Street today"]
    scores = fit_projection(bank.vectors, bank).transform(sentences.encode(texts))
    assert scores.argmax(axis=1).tolist() == [0, 2]


def test_braces_in_words_are_taken_literally(tiny_clip) -> None:
    bank = ConceptBank.from_text(["{0}", "{}", "%s"], tiny_clip, ["a {}"])
    assert bank.names == ["{0}", "{}", "%s"]
    expected = unit(tiny_clip.encode_text(["a {0}", "a {}", "a %s"]))
    assert np.allclose(bank.vectors, expected, atol=1e-6)


def test_progress_counts_sentences(tiny_clip) -> None:
    seen: list[tuple[int, int]] = []
    words = [f"word {i}" for i in range(150)]
    ConceptBank.from_text(
        words, tiny_clip, ["{}", "a {}"], progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(256, 300), (300, 300)]


def test_words_that_the_backbone_cannot_tell_apart_are_told(sentences) -> None:
    bank = ConceptBank.from_text(["Metal", "metal", "wood"], sentences)  # an uncased model
    assert bank.notes == [
        "'Metal' and 'metal' have the same embedding: the backbone cannot tell them apart"
    ]


@pytest.mark.parametrize(
    ("words", "templates", "message"),
    [
        ([], None, "no concepts were given"),
        ({"a": []}, None, "no concepts were given"),
        ("red", None, "the words are the string 'red': give a list of words"),
        (["red", "red"], None, "'red' named more than once"),
        (["red"], [], "the list of templates is empty"),
        (["red"], "a {}", "templates is the string 'a {}'"),
        (["red"], ["a {}", "a thing"], "the template 'a thing' has no {}: put {} where"),
    ],
)
def test_words_and_templates_that_cannot_be_used_are_refused(
    tiny_clip, words, templates, message
) -> None:
    with pytest.raises(InputError) as caught:
        ConceptBank.from_text(words, tiny_clip, templates)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_backbone_that_cannot_embed_words_is_refused_with_the_reason() -> None:
    layer = load_backbone("demo:tiny-clip", layer="visual.layer3", device="cpu")
    with pytest.raises(InputError, match=r"cannot embed words: .*bank made from examples"):
        ConceptBank.from_text(["red"], layer)
