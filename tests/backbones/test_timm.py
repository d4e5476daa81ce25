from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_models import rows_are_independent, save_timm

from pcbm.backbones import Backbone, load_backbone, reload_backbone
from pcbm.errors import InputError

timm = pytest.importorskip("timm")


def load(spec: str, **options: str) -> Backbone:
    backbone = load_backbone(spec, device="cpu", **options)
    assert backbone is not None
    return backbone


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_timm(tmp_path_factory.mktemp("timm"), "test_vit", num_classes=5)


def by_hand(spec: str, images: list[Image.Image]) -> tuple[torch.nn.Module, torch.Tensor]:
    name, _, path = spec.removeprefix("timm:").partition("@")
    model = timm.create_model(name, checkpoint_path=path, num_classes=5).eval()
    config = timm.data.resolve_model_data_config(model)
    transform = timm.data.create_transform(**config, is_training=False)
    return model, torch.stack([transform(image.convert("RGB")) for image in images])


def test_the_activation_is_what_the_classifier_would_get(
    vit: str, images: list[Image.Image]
) -> None:
    model, batch = by_hand(vit, images)
    backbone = load(vit)
    with torch.inference_mode():
        expected = model.forward_head(model.forward_features(batch), pre_logits=True).numpy()
    np.testing.assert_allclose(backbone.encode(images), expected, atol=1e-5)
    assert (backbone.dim, backbone.pooling, backbone.has_text) == (64, "vector", False)
    rows_are_independent(backbone, images)


@pytest.mark.parametrize(
    ("pool", "pooling"), [(None, "cls"), ("cls", "cls"), ("mean", "mean-tokens")]
)
def test_blocks_are_pooled_as_the_model_does_unless_told_otherwise(
    vit: str, images: list[Image.Image], pool: str | None, pooling: str
) -> None:
    model, batch = by_hand(vit, images)
    seen = []
    model.blocks[1].register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.inference_mode():
        model(batch)
    tokens = seen[0].numpy()
    expected = tokens[:, 0] if pooling == "cls" else tokens.mean(1)
    options = {} if pool is None else {"pool": pool}
    backbone = load(vit, layer="blocks.1", **options)
    assert backbone.pooling == pooling
    np.testing.assert_allclose(backbone.encode(images), expected, atol=1e-5)


def test_the_same_pooling_has_the_same_fingerprint_asked_for_or_not(vit: str) -> None:
    own, asked = load(vit, layer="blocks.1"), load(vit, layer="blocks.1", pool="cls")
    assert own.fingerprint == asked.fingerprint
    assert own.fingerprint != load(vit, layer="blocks.1", pool="mean").fingerprint


def test_models_with_average_pooling_leave_their_class_token_out(
    tmp_path: Path, images: list[Image.Image]
) -> None:
    spec = save_timm(tmp_path, "test_vit3", num_classes=5)  # pools by attention
    backbone = load(spec, layer="blocks.1")
    assert backbone.pooling == "mean-tokens"
    rows_are_independent(backbone, images)


def test_convolutional_models(tmp_path: Path, images: list[Image.Image]) -> None:
    backbone = load(save_timm(tmp_path, "test_resnet", num_classes=0), layer="layer2")
    assert backbone.pooling == "mean-hw"
    rows_are_independent(backbone, images)


def test_the_classifiers_own_output_is_a_layer_too(vit: str, images: list[Image.Image]) -> None:
    model, batch = by_hand(vit, images)
    with torch.inference_mode():
        expected = model(batch).numpy()
    np.testing.assert_allclose(load(vit, layer="head").encode(images), expected, atol=1e-5)


def test_the_tag_chooses_the_preprocessing_of_a_file(vit: str) -> None:
    path = vit.partition("@")[2]
    tagged = load(f"timm:test_vit.r160_in1k@{path}")
    assert tagged.record["weights_sha256"] == load(vit).record["weights_sha256"]


def test_a_record_brings_the_same_backbone_back(vit: str, images: list[Image.Image]) -> None:
    backbone = load(vit, layer="blocks.0", pool="mean")
    again = reload_backbone(backbone.record, device="cpu")
    assert again.record == backbone.record
    np.testing.assert_array_equal(again.encode(images), backbone.encode(images))
    assert backbone.record["versions"]["timm"] == timm.__version__


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("timm:test_vitt", "unknown timm model 'test_vitt': did you mean 'test_vit'"),
        ("timm:resnet18.a9_in1k", "resnet18 has no weights 'a9_in1k': did you mean 'a"),
        ("timm:test_vit@nowhere.pth", "nowhere.pth does not exist: check the path"),
        ("timm:local-dir:/no/dir", "/no/dir does not exist: check the path"),
    ],
)
def test_wrong_names_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_backbone(spec)
    assert message in str(caught.value)


def test_a_checkpoint_of_another_architecture_is_refused(vit: str) -> None:
    path = vit.partition("@")[2]
    with pytest.raises(InputError, match=r"does not fit timm:test_resnet@.*: it lacks"):
        load_backbone(f"timm:test_resnet@{path}")


def test_a_timm_directory(tmp_path: Path, images: list[Image.Image], vit: str) -> None:
    from timm.models import save_for_hf

    model, _ = by_hand(vit, images)
    save_for_hf(model, tmp_path / "saved", model_config={"num_classes": 5})
    backbone = load(f"timm:local-dir:{tmp_path / 'saved'}")
    np.testing.assert_allclose(backbone.encode(images), load(vit).encode(images), atol=1e-5)
