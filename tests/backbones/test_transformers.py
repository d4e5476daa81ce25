import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from small_models import rows_are_independent

from pcbm.backbones import Backbone, load_backbone, reload_backbone
from pcbm.errors import InputError

transformers = pytest.importorskip("transformers")

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "two", "##s", "and"]
SIZES = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
}
VISION = {**SIZES, "image_size": 32, "patch_size": 8}


def load(folder: Path, **options: str) -> Backbone:
    backbone = load_backbone(f"transformers:{folder}", device="cpu", **options)
    assert backbone is not None
    return backbone


def save(folder: Path, model: Any, *parts: Any) -> Path:
    for part in (model, *parts):
        part.save_pretrained(folder)
    return folder


def made(kind: str, config: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return getattr(transformers, kind)(config)


def image_processor() -> Any:
    return transformers.ViTImageProcessor(size={"height": 32, "width": 32})


def tokenizer(folder: Path) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY))
    return transformers.BertTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = made("ViTModel", transformers.ViTConfig(**VISION))
    return save(tmp_path_factory.mktemp("vit"), model, image_processor())


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    config = transformers.BertConfig(
        **SIZES, vocab_size=len(VOCABULARY), max_position_embeddings=12
    )
    return save(folder, made("BertModel", config), tokenizer(folder))


@pytest.fixture(scope="module", params=["CLIP", "Siglip"])
def two_towers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    text = {**SIZES, "vocab_size": len(VOCABULARY), "max_position_embeddings": 10}
    # The end of a text is token 3, [SEP]: CLIP pools there.
    text |= {"eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 0, "projection_size": 16}
    config = getattr(transformers, f"{request.param}Config")(
        text_config=text,
        vision_config=VISION,
        **({"projection_dim": 16} if request.param == "CLIP" else {}),
    )
    model = made(f"{request.param}Model", config)
    return save(folder, model, image_processor(), tokenizer(folder))


def test_a_vision_model_gives_its_pooled_output(vit: Path, images: list[Image.Image]) -> None:
    model = transformers.ViTModel.from_pretrained(vit).eval()
    pixels = image_processor()(images=images, return_tensors="pt")
    with torch.inference_mode():
        output = model(**pixels, output_hidden_states=True)
    backbone = load(vit)
    np.testing.assert_allclose(backbone.encode(images), output.pooler_output.numpy(), atol=1e-5)
    assert (backbone.kind, backbone.dim, backbone.has_text) == ("image", 16, False)
    rows_are_independent(backbone, images)
    layer = next(n for n, _ in model.named_modules() if n.endswith(("layer.0", "layers.0")))
    block = load(vit, layer=layer)
    assert block.pooling == "cls"
    tokens = output.hidden_states[1].numpy()
    np.testing.assert_allclose(block.encode(images), tokens[:, 0], atol=1e-5)
    np.testing.assert_allclose(
        load(vit, layer=layer, pool="mean").encode(images), tokens.mean(1), atol=1e-5
    )


def test_a_pooler_that_the_checkpoint_lacks_is_not_made_up(
    tmp_path: Path, images: list[Image.Image]
) -> None:
    """Checkpoints of classifiers have no pooler; the library would fill in random numbers."""
    model = made("ViTForImageClassification", transformers.ViTConfig(**VISION))
    folder = save(tmp_path / "classifier", model, image_processor())
    first, second = load(folder), load(folder)
    assert first.fingerprint == second.fingerprint
    assert first.pooling == "cls"
    pixels = image_processor()(images=images, return_tensors="pt")
    with torch.inference_mode():
        expected = model.eval().vit(**pixels).last_hidden_state[:, 0].numpy()
    np.testing.assert_allclose(first.encode(images), expected, atol=1e-5)


def test_other_missing_weights_are_refused(vit: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = save(tmp_path / "cut", transformers.ViTModel.from_pretrained(vit), image_processor())
    state = load_file(folder / "model.safetensors")
    lost = sorted(name for name in state if "embeddings" in name)[0]
    del state[lost]
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=f"lacks 1 of its weights .first '{lost}'.: give a compl"):
        load(folder)


def test_texts_are_averaged_over_their_real_tokens(bert: Path) -> None:
    texts = ["cat", "two dogs and a cat", "a dog"]
    backbone = load(bert)
    tokens = transformers.BertTokenizer.from_pretrained(bert)
    model = transformers.BertModel.from_pretrained(bert).eval()
    with torch.inference_mode():
        expected = np.stack(
            [model(**tokens(t, return_tensors="pt")).last_hidden_state[0].mean(0) for t in texts]
        )
    np.testing.assert_allclose(backbone.encode(texts), expected, atol=1e-5)
    np.testing.assert_array_equal(backbone.encode_text(texts), backbone.encode(texts))
    assert (backbone.kind, backbone.pooling, backbone.has_text) == ("text", "mean-masked", True)
    rows_are_independent(backbone, texts)


@pytest.mark.parametrize("pool", ["mean", "cls"])
def test_text_layers_are_pooled_the_same_way(bert: Path, pool: str) -> None:
    texts = ["cat", "two dogs and a cat", "a dog"]
    backbone = load(bert, layer="encoder.layer.0", pool=pool)
    rows_are_independent(backbone, texts)
    np.testing.assert_array_equal(backbone.encode_text(texts), backbone.encode(texts))


def test_long_texts_are_cut_at_the_models_limit(bert: Path) -> None:
    backbone = load(bert)
    rows = backbone.encode(["cat " * 50, "cat " * 10])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-5)


def test_flatten_of_texts_is_refused(bert: Path) -> None:
    with pytest.raises(InputError, match="flatten has no fixed size: use the pooling mean or cls"):
        load(bert, pool="flatten")


def test_both_towers_share_a_space(two_towers: Path, images: list[Image.Image]) -> None:
    backbone = load(two_towers)
    model = transformers.AutoModel.from_pretrained(two_towers).eval()
    words = ["cat", "two dogs and a cat", "a dog"]
    pixels = image_processor()(images=images, return_tensors="pt")
    tokens = transformers.BertTokenizer.from_pretrained(two_towers)(
        words, padding="max_length", max_length=10, truncation=True, return_tensors="pt"
    )
    with torch.inference_mode():
        both = model(
            input_ids=tokens["input_ids"],
            attention_mask=tokens["attention_mask"],
            pixel_values=pixels["pixel_values"],
        )
    for rows, expected in (
        (backbone.encode(images), both.image_embeds),
        (backbone.encode_text(words), both.text_embeds),
    ):
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        np.testing.assert_allclose(rows, expected.numpy(), atol=1e-5)
    assert backbone.has_text
    rows_are_independent(backbone, images)
    alone = np.concatenate([backbone.encode_text([word]) for word in words])
    np.testing.assert_allclose(backbone.encode_text(words), alone, atol=1e-5)


def test_two_towers_without_a_tokenizer_still_embed_images(
    two_towers: Path, tmp_path: Path, images: list[Image.Image]
) -> None:
    folder = save(
        tmp_path / "m", transformers.AutoModel.from_pretrained(two_towers), image_processor()
    )
    backbone = load(folder)
    assert not backbone.has_text
    np.testing.assert_allclose(backbone.encode(images), load(two_towers).encode(images), atol=1e-6)
    with pytest.raises(InputError, match=r"cannot embed words: its tokenizer (could not|has \d+)"):
        backbone.encode_text(["cat"])


def test_a_made_up_vocabulary_is_not_used(bert: Path, tmp_path: Path) -> None:
    """Without its files the library makes a tokenizer of special tokens only."""
    folder = save(tmp_path / "m", transformers.BertModel.from_pretrained(bert))
    with pytest.raises(InputError, match="has 5 words but its embedding 11 rows: put the token"):
        load(folder)


def test_a_copy_elsewhere_has_the_same_fingerprint(bert: Path, vit: Path, tmp_path: Path) -> None:
    for folder in (bert, vit):
        copy = tmp_path / folder.name
        copy.mkdir()
        for file in folder.iterdir():
            (copy / file.name).write_bytes(file.read_bytes())
        first, second = load(folder), load(copy)
        assert first.fingerprint == second.fingerprint
        assert first.spec != second.spec


def test_preprocessing_is_part_of_the_fingerprint(vit: Path, tmp_path: Path) -> None:
    model = transformers.ViTModel.from_pretrained(vit)
    other = transformers.ViTImageProcessor(
        size={"height": 32, "width": 32}, image_mean=[0.1, 0.2, 0.3]
    )
    assert load(save(tmp_path / "x", model, other)).fingerprint != load(vit).fingerprint


def test_the_vocabulary_is_part_of_the_fingerprint(bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    for file in bert.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    content = json.loads((folder / "tokenizer.json").read_text())
    words = content["model"]["vocab"]
    words["cat"], words["dog"] = words["dog"], words["cat"]
    (folder / "tokenizer.json").write_text(json.dumps(content))
    assert load(folder).fingerprint != load(bert).fingerprint


def test_a_record_brings_the_same_backbone_back(two_towers: Path) -> None:
    record = load(two_towers).record
    assert reload_backbone(record, device="cpu").record == record


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("hello")
    with pytest.raises(InputError, match=r"could not load transformers:.*check the name") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_other_inputs_are_refused(tmp_path: Path) -> None:
    config = transformers.Wav2Vec2Config(
        **SIZES, conv_dim=(8,), conv_kernel=(10,), conv_stride=(5,), num_feat_extract_layers=1
    )
    folder = save(tmp_path / "sound", made("Wav2Vec2Model", config))
    with pytest.raises(InputError, match="takes input_values: expected a model of images or texts"):
        load(folder)
