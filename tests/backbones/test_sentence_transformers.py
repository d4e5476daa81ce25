import numpy as np
import pytest
from small_models import rows_are_independent

from pcbm.backbones import Backbone, load_backbone, reload_backbone
from pcbm.errors import InputError

TEXTS = ["a cat", "The ministers of finance met on Tuesday, and nothing came of it.", "goal!"]


@pytest.fixture(scope="module")
def backbone(minilm: str) -> Backbone:
    loaded = load_backbone(minilm, device="cpu")
    assert loaded is not None
    return loaded


def test_activations_are_the_librarys_own_embeddings(backbone: Backbone, minilm: str) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(minilm.partition(":")[2], device="cpu")
    np.testing.assert_allclose(backbone.encode(TEXTS), model.encode(TEXTS), atol=1e-6)
    assert (backbone.kind, backbone.dim, backbone.has_text) == ("text", 384, True)


def test_prompts_of_the_model_are_put_first(backbone: Backbone, minilm: str) -> None:
    from sentence_transformers import SentenceTransformer

    from pcbm.backbones import from_sentence_transformers

    folder = minilm.partition(":")[2]
    plain = SentenceTransformer(folder, device="cpu")
    expected = plain.encode(TEXTS, prompt="query: ")
    tower = from_sentence_transformers.wrap(
        SentenceTransformer(
            folder, device="cpu", prompts={"query": "query: "}, default_prompt_name="query"
        ),
        minilm,
    )
    import torch

    with torch.inference_mode():
        rows = tower.embed(tower.collate(TEXTS, torch.device("cpu"))).numpy()
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    assert tower.preprocess != backbone.record["preprocess"]


def test_words_and_texts_share_the_space(backbone: Backbone) -> None:
    np.testing.assert_array_equal(backbone.encode_text(TEXTS), backbone.encode(TEXTS))
    words = backbone.encode_text(["sport", "finance"])
    scores = words @ backbone.encode(TEXTS).T
    assert scores[1].argmax() == 1
    assert scores[0].argmax() == 2


def test_rows_do_not_depend_on_the_batch(backbone: Backbone) -> None:
    rows_are_independent(backbone, TEXTS)


def test_a_layer_is_averaged_over_real_tokens(backbone: Backbone, minilm: str) -> None:
    names = [name for name, _ in backbone._tower.module.named_modules()]
    layer = next(name for name in names if name.endswith("encoder.layer.2"))
    loaded = load_backbone(minilm, layer=layer, device="cpu")
    assert loaded is not None
    assert loaded.pooling == "mean-masked"
    rows_are_independent(loaded, TEXTS)
    assert loaded.fingerprint != backbone.fingerprint


def test_a_record_brings_the_same_backbone_back(backbone: Backbone) -> None:
    assert reload_backbone(backbone.record, device="cpu").record == backbone.record


def test_images_are_refused(backbone: Backbone) -> None:
    with pytest.raises(InputError, match="embeds texts, but got int: give strings"):
        backbone.encode([3])


def test_an_absent_directory_is_named() -> None:
    with pytest.raises(InputError, match="nowhere does not exist: check the path"):
        load_backbone("sentence_transformers:./nowhere")
