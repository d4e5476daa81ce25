from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from safetensors.torch import save_file
from small_models import rows_are_independent

from pcbm.backbones import Backbone, load_backbone, reload_backbone
from pcbm.errors import InputError


def load(path: Path, **options: str) -> Backbone:
    backbone = load_backbone(f"torchvision:shufflenet_v2_x0_5/{path}", device="cpu", **options)
    assert backbone is not None
    return backbone


def by_hand(path: Path, images: list[Image.Image]) -> tuple[torch.nn.Module, torch.Tensor]:
    model = torchvision.models.shufflenet_v2_x0_5(num_classes=7)
    model.load_state_dict(torch.load(path, weights_only=True))
    transform = torchvision.models.ShuffleNet_V2_X0_5_Weights.DEFAULT.transforms()
    return model.eval(), torch.stack([transform(image) for image in images])


def test_without_a_layer_the_activation_is_what_the_model_returns(
    shufflenet_file: Path, images: list[Image.Image]
) -> None:
    model, batch = by_hand(shufflenet_file, images)
    backbone = load(shufflenet_file)
    with torch.inference_mode():
        expected = model(batch).numpy()
    np.testing.assert_allclose(backbone.encode(images, batch_size=2), expected, atol=1e-5)
    assert (backbone.kind, backbone.dim, backbone.pooling) == ("image", 7, "vector")
    assert not backbone.has_text


def test_a_layer_is_read_and_averaged_over_its_map(
    shufflenet_file: Path, images: list[Image.Image]
) -> None:
    model, batch = by_hand(shufflenet_file, images)
    backbone = load(shufflenet_file, layer="stage3")
    with torch.inference_mode():
        x = model.maxpool(model.conv1(batch))
        expected = model.stage3(model.stage2(x)).mean((2, 3)).numpy()
    np.testing.assert_allclose(backbone.encode(images), expected, rtol=1e-4, atol=1e-5)
    assert (backbone.dim, backbone.pooling, backbone.layer) == (96, "mean-hw", "stage3")
    rows_are_independent(backbone, images)


def test_flatten_keeps_the_whole_map(shufflenet_file: Path, images: list[Image.Image]) -> None:
    backbone = load(shufflenet_file, layer="conv5", pool="flatten")
    assert backbone.encode(images[:2]).shape == (2, 1024 * 7 * 7)


def test_no_gradients_and_evaluation_mode(shufflenet_file: Path, images: list[Image.Image]) -> None:
    backbone = load(shufflenet_file)
    first = backbone.encode(images)
    np.testing.assert_array_equal(first, backbone.encode(images))  # batch statistics do not move
    assert first.dtype == np.float32


def test_the_fingerprint_covers_weights_layer_and_pooling_but_not_the_file(
    shufflenet_file: Path, tmp_path: Path
) -> None:
    state = torch.load(shufflenet_file, weights_only=True)
    copy = tmp_path / "other name.safetensors"
    save_file(state, copy)
    base = load(shufflenet_file)
    assert load(copy).fingerprint == base.fingerprint
    assert load(shufflenet_file, dtype="bfloat16").fingerprint == base.fingerprint
    state["fc.bias"][0] += 1e-3
    save_file(state, tmp_path / "changed.safetensors")
    others = [
        load(tmp_path / "changed.safetensors"),
        load(shufflenet_file, layer="conv5"),
        load(shufflenet_file, layer="stage3"),
        load(shufflenet_file, layer="conv5", pool="flatten"),
    ]
    prints = [base.fingerprint, *(other.fingerprint for other in others)]
    assert len(set(prints)) == len(prints)


def test_a_record_brings_the_same_backbone_back_from_any_directory(
    shufflenet_file: Path,
    images: list[Image.Image],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(shufflenet_file.parent)
    backbone = load_backbone(
        f"torchvision:shufflenet_v2_x0_5/{shufflenet_file.name}", layer="stage2"
    )
    assert backbone is not None
    monkeypatch.chdir(tmp_path)
    again = reload_backbone(backbone.record, device="cpu")
    assert again.record == backbone.record
    np.testing.assert_array_equal(again.encode(images[:2]), backbone.encode(images[:2]))


def test_other_weights_under_the_recorded_name_are_refused(
    shufflenet_file: Path, tmp_path: Path
) -> None:
    state = torch.load(shufflenet_file, weights_only=True)
    path = tmp_path / "w.pth"
    torch.save(state, path)
    record = load(path).record
    state["fc.bias"] += 1
    torch.save(state, path)
    with pytest.raises(InputError) as caught:
        reload_backbone(record)
    assert record["fingerprint"] in str(caught.value)
    assert "they differ in weights" in str(caught.value)


def test_a_recorded_file_that_was_moved_is_named(shufflenet_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    path.write_bytes(shufflenet_file.read_bytes())
    record = load(path).record
    path.unlink()
    with pytest.raises(InputError) as caught:
        reload_backbone(record)
    assert f"{path} does not exist" in str(caught.value)
    assert str(caught.value).endswith("or name it anew with --backbone")


def test_bfloat16_stays_near_float32(shufflenet_file: Path, images: list[Image.Image]) -> None:
    full = load(shufflenet_file, layer="stage2").encode(images)
    half = load(shufflenet_file, layer="stage2", dtype="bfloat16").encode(images)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - full).max() < 0.05 * np.abs(full).max()


def test_images_of_any_mode_are_taken_as_rgb(
    shufflenet_file: Path, images: list[Image.Image]
) -> None:
    backbone = load(shufflenet_file)
    gray = images[0].convert("L")
    np.testing.assert_array_equal(
        backbone.encode([gray, gray.convert("RGBA")]), backbone.encode([gray.convert("RGB")] * 2)
    )


def test_no_items_give_no_rows(shufflenet_file: Path) -> None:
    assert load(shufflenet_file).encode([]).shape == (0, 7)


def test_the_batch_is_halved_when_the_model_runs_out_of_memory(
    shufflenet_file: Path, images: list[Image.Image]
) -> None:
    backbone = load(shufflenet_file)
    expected = backbone.encode(images)
    sizes = []

    def small_memory(module: torch.nn.Module, inputs: tuple[torch.Tensor]) -> None:
        sizes.append(len(inputs[0]))
        if len(inputs[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")

    backbone._tower.module.conv1.register_forward_pre_hook(small_memory)
    np.testing.assert_allclose(backbone.encode(images), expected, atol=1e-5)
    assert sizes == [5, 2, 2, 1]
    backbone.encode(images)
    assert sizes[4:] == [2, 2, 1]  # the size that fitted is kept


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("torchvision:resnet81/DEFAULT", "unknown torchvision model 'resnet81': did you mean 'res"),
        ("torchvision:resnet18", "names no weights: expected torchvision:resnet18/WEIGHTS, as IMA"),
        ("torchvision:resnet18/IMAGENET1K_V3", "did you mean 'IMAGENET1K_V1'?"),
        ("torchvision:resnet18/nowhere.pth", "nowhere.pth does not exist: check the path"),
    ],
)
def test_wrong_names_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load_backbone(spec)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer": "stage9"}, "has no layer 'stage9': did you mean 'stage"),
        ({"layer": "branch1.0"}, "did you mean 'stage"),
        ({"pool": "max"}, "unknown pooling 'max'"),
        ({"pool": "cls"}, "gives one vector per item, which has no class token"),
    ],
)
def test_wrong_layers_and_poolings_are_refused(
    shufflenet_file: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        load(shufflenet_file, **options)
    assert message in str(caught.value)


def test_words_without_a_text_tower_are_refused(shufflenet_file: Path) -> None:
    with pytest.raises(InputError, match="cannot embed words: it has no text tower"):
        load(shufflenet_file).encode_text(["stripes"])


def test_a_checkpoint_of_another_architecture_is_refused(shufflenet_file: Path) -> None:
    with pytest.raises(
        InputError, match=r"does not fit torchvision:shufflenet_v2_x1_0/.*: it has another shape"
    ):
        load_backbone(f"torchvision:shufflenet_v2_x1_0/{shufflenet_file}")


def test_texts_given_to_an_image_model_are_refused(shufflenet_file: Path) -> None:
    with pytest.raises(InputError, match="embeds images, but got str: give PIL images"):
        load(shufflenet_file).encode(["a.png"])


@pytest.mark.slow
def test_layers_with_channels_last_keep_their_channels(
    tmp_path: Path, images: list[Image.Image]
) -> None:
    model = torchvision.models.get_model("swin_t", weights=None)
    torch.save(model.state_dict(), tmp_path / "swin.pth")
    backbone = load_backbone(f"torchvision:swin_t/{tmp_path / 'swin.pth'}", layer="features.3")
    assert backbone is not None
    assert (backbone.dim, backbone.pooling) == (192, "mean-hw-last")
    rows_are_independent(backbone, images[:2])


@pytest.mark.slow
def test_vision_transformers_are_pooled_by_their_class_token(
    tmp_path: Path, images: list[Image.Image]
) -> None:
    model = torchvision.models.get_model("vit_b_32", weights=None).eval()
    torch.save(model.state_dict(), tmp_path / "vit.pth")
    spec, layer = f"torchvision:vit_b_32/{tmp_path / 'vit.pth'}", "encoder.layers.encoder_layer_0"
    backbone = load_backbone(spec, layer=layer, device="cpu")
    assert backbone is not None
    seen = []
    model.get_submodule(layer).register_forward_hook(lambda module, args, out: seen.append(out))
    with torch.inference_mode():
        model(torch.stack([backbone.prepare(image) for image in images[:2]]))
    assert backbone.pooling == "cls"
    np.testing.assert_allclose(backbone.encode(images[:2]), seen[0][:, 0].numpy(), atol=1e-5)
