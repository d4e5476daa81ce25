import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from small_models import CLIP_CONFIG, rows_are_independent, save_clip

from pcbm.backbones import Backbone, load_backbone, reload_backbone
from pcbm.backbones.from_open_clip import _trained_with_quick_gelu
from pcbm.errors import InputError


def load(folder: Path, **options: str) -> Backbone:
    backbone = load_backbone(f"open_clip:local-dir:{folder}", device="cpu", **options)
    assert backbone is not None
    return backbone


@pytest.fixture(scope="module")
def clip(clip_folder: Path) -> Backbone:
    return load(clip_folder)


def test_images_go_through_the_image_tower_unnormalised(
    clip: Backbone, clip_folder: Path, images: list[Image.Image]
) -> None:
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{clip_folder}")
    with torch.inference_mode():
        batch = torch.stack([transform(image) for image in images])
        expected = model.eval().encode_image(batch).numpy()
    np.testing.assert_allclose(clip.encode(images), expected, atol=1e-5)
    assert not np.allclose(np.linalg.norm(expected, axis=1), 1)
    assert (clip.dim, clip.kind, clip.has_text) == (16, "image", True)


def test_words_use_the_directorys_own_vocabulary(
    clip: Backbone, clip_folder: Path, words: list[str]
) -> None:
    tokenizer = open_clip.SimpleTokenizer(str(clip_folder / "bpe_merges.txt.gz"), context_length=12)
    assert tokenizer.vocab_size == 518
    model = open_clip.create_model(f"local-dir:{clip_folder}").eval()
    with torch.inference_mode():
        expected = model.encode_text(tokenizer(words)).numpy()
    np.testing.assert_allclose(clip.encode_text(words), expected, atol=1e-5)


def test_images_and_words_do_not_depend_on_their_batch(
    clip: Backbone, images: list[Image.Image], words: list[str]
) -> None:
    rows_are_independent(clip, images)
    alone = np.concatenate([clip.encode_text([word]) for word in words])
    np.testing.assert_allclose(clip.encode_text(words, batch_size=2), alone, atol=1e-5)


def test_the_standard_vocabulary_is_not_used_for_another_one(
    tmp_path: Path, images: list[Image.Image]
) -> None:
    backbone = load(save_clip(tmp_path / "no-merges", merges=False))
    assert not backbone.has_text
    assert backbone.encode(images).shape == (5, 16)
    with pytest.raises(InputError) as caught:
        backbone.encode_text(["cat"])
    assert "its tokenizer has 49408 words but its text tower 518" in str(caught.value)
    assert "put the merges file that it was trained with" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_standard_vocabulary_is_used_where_it_fits(tmp_path: Path) -> None:
    backbone = load(save_clip(tmp_path / "standard", merges=False, vocab_size=49408))
    assert backbone.encode_text(["cat"]).shape == (1, 16)


def test_a_merges_file_can_be_named_in_the_configuration(
    tmp_path: Path, clip: Backbone, words: list[str]
) -> None:
    folder = save_clip(tmp_path / "named")
    (folder / "second.txt.gz").write_bytes(b"two files: which one is unclear")
    assert not load(folder).has_text
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": "bpe_merges.txt.gz"}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    backbone = load(folder)
    np.testing.assert_array_equal(backbone.encode_text(words), clip.encode_text(words))
    assert backbone.fingerprint == clip.fingerprint  # the same images give the same activations


def test_layers_of_the_image_tower_are_read_by_the_towers_own_pooling(
    clip_folder: Path, clip: Backbone, images: list[Image.Image]
) -> None:
    model = open_clip.create_model(f"local-dir:{clip_folder}").eval()
    seen = []
    model.visual.transformer.resblocks[0].register_forward_hook(lambda m, i, o: seen.append(o))
    with torch.inference_mode():
        model.encode_image(torch.stack([clip.prepare(image) for image in images]))
    tokens = seen[0].numpy()
    layer = "visual.transformer.resblocks.0"
    own = load(clip_folder, layer=layer)
    assert own.pooling == "cls"
    np.testing.assert_allclose(own.encode(images), tokens[:, 0], atol=1e-5)
    mean = load(clip_folder, layer=layer, pool="mean")
    np.testing.assert_allclose(mean.encode(images), tokens.mean(1), atol=1e-5)
    rows_are_independent(own, images)


def test_tokens_first_layouts_are_read_rightly(
    clip_folder: Path, images: list[Image.Image]
) -> None:
    """A transformer with batch_first=False holds (length, n, width) inside."""
    batch_first = load(clip_folder, layer="visual.transformer.resblocks.0", pool="mean")
    tokens_first = load(clip_folder)
    transformer = tokens_first._tower.module.visual.transformer
    transformer.batch_first = False
    for block in transformer.resblocks:
        block.attn.batch_first = False
    from pcbm.backbones.probe import make_plan

    block = transformer.resblocks[0]
    plan, dim, _ = make_plan(tokens_first._tower, block, "mean", torch.device("cpu"), "block")
    assert (plan.axis, dim) == (1, 32)
    tokens_first._module, tokens_first._plan, tokens_first.dim = block, plan, dim
    np.testing.assert_allclose(tokens_first.encode(images), batch_first.encode(images), atol=1e-5)
    rows_are_independent(tokens_first, images)


def test_words_cannot_be_embedded_into_a_layer(clip_folder: Path) -> None:
    backbone = load(clip_folder, layer="visual.ln_post")
    assert not backbone.has_text
    with pytest.raises(InputError, match=r"the layer visual\.ln_post is another space"):
        backbone.encode_text(["cat"])


def test_a_layer_of_the_text_tower_does_not_run_for_images(clip_folder: Path) -> None:
    with pytest.raises(InputError, match=r"'ln_final'.*does not run when images are embedded"):
        load(clip_folder, layer="ln_final")


def test_the_end_of_a_layers_name_is_completed(clip_folder: Path) -> None:
    with pytest.raises(InputError, match=r"no layer 'ln_post': .*'visual\.ln_post'"):
        load(clip_folder, layer="ln_post")


def test_one_text_is_not_a_list_of_letters(clip: Backbone) -> None:
    with pytest.raises(InputError, match="put it into a list"):
        clip.encode_text("cat")
    with pytest.raises(InputError, match="embeds texts, but got int"):
        clip.encode_text([3])  # type: ignore[list-item]


@pytest.fixture
def registered(tmp_path: Path) -> str:
    """The name of a small model in OpenCLIP's own registry, with the standard vocabulary."""
    config = {**CLIP_CONFIG, "text_cfg": {**CLIP_CONFIG["text_cfg"], "vocab_size": 49408}}
    (tmp_path / "pcbm-test.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "pcbm-test.json")
    return "pcbm-test"


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_checkpoint_of_a_known_architecture(
    tmp_path: Path, registered: str, images: list[Image.Image], words: list[str], suffix: str
) -> None:
    folder = save_clip(tmp_path / "x", vocab_size=49408, merges=False)
    path = folder / "open_clip_model.safetensors"
    if suffix == ".pt":
        from safetensors.torch import load_file

        path = tmp_path / "w.pt"
        torch.save({"state_dict": load_file(folder / "open_clip_model.safetensors")}, path)
    backbone = load_backbone(f"open_clip:{registered}/{path}", device="cpu")
    assert backbone is not None
    assert backbone.encode_text(words).shape == (4, 16)
    again = reload_backbone(backbone.record)
    np.testing.assert_array_equal(again.encode(images), backbone.encode(images))


def test_quick_gelu_follows_the_published_weights() -> None:
    assert _trained_with_quick_gelu("ViT-B-32", "openai")
    assert not _trained_with_quick_gelu("ViT-B-32", "laion2b_s34b_b79k")
    assert not _trained_with_quick_gelu("ViT-B-32", "/a/file.pt")


def test_a_directory_without_weights_is_not_initialised_at_random(tmp_path: Path) -> None:
    folder = save_clip(tmp_path / "empty")
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(
        InputError, match=r"could not load open_clip:local-dir.*Required pretrained weights"
    ):
        load(folder)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("open_clip:ViT-B32/openai", "unknown open_clip model 'ViT-B32': did you mean 'ViT-B-32'"),
        ("open_clip:ViT-B-32/opena", "no such file: did you mean 'openai'?"),
        ("open_clip:ViT-B-32", "names no weights: expected open_clip:ViT-B-32/PRETRAINED, as op"),
        ("open_clip:ViT-B-32//no/w.pt", "/no/w.pt does not exist: check the path"),
        ("open_clip:local-dir:/no/dir", "/no/dir does not exist: check the path"),
    ],
)
def test_wrong_names_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_backbone(spec)
    assert message in str(caught.value)


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no open_clip_config\.json: check the directory"):
        load(tmp_path)
