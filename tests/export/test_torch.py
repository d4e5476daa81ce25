"""A torch program gives what backbone and model give, from images on."""

from __future__ import annotations

import json

import numpy as np
import pytest
import small_models
import torch
from every_kind import fit, rows
from PIL import Image

from pcbm import PostHocCBM, load_backbone
from pcbm.concepts import ConceptBank
from pcbm.errors import InputError
from pcbm.export import ConceptModule, export_torch, parts_of
from pcbm.export.parts import expected_outputs

BRANCHES = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.map = nn.Linear(3, 4)

    def forward(self, x):
        means = x.mean((2, 3))
        if means[0, 0].item() > 0.5:
            means = means * 2
        return self.map(means)

def net():
    torch.manual_seed(0)
    return Net().eval()
"""


def images(n, size, seed=0):
    drawn = np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), dtype=np.uint8)
    return [Image.fromarray(each) for each in drawn]


def fitted_on(backbone, size, residual="none"):
    """Return a model of noise images of one size, in three classes drawn by chance."""
    rng = np.random.default_rng(1)
    X = backbone.encode(images(40, size))
    bank = ConceptBank(["a", "b", "c"], rng.normal(size=(3, backbone.dim)))
    model = PostHocCBM(bank, lam=0.01, n_lams=3, residual=residual)
    return model.fit(X, np.array(["x", "y", "z"])[rng.integers(0, 3, 40)])


def checked(tmp_path, backbone, size, residual="none"):
    """Export, read back in torch alone, and compare on images that the export did not see."""
    model, unseen = fitted_on(backbone, size, residual), images(5, size, seed=9)
    out = tmp_path / "m.pt2"
    record = export_torch(
        model, backbone, images(3, size), out, config={"backbone": backbone.record}
    )
    extra = {"pcbm.json": ""}
    program = torch.export.load(out, extra_files=extra)
    batch = torch.stack([backbone.prepare(image) for image in unseen])
    found = program.module()(batch)
    expected = expected_outputs(model, backbone.encode(unseen))
    for name, values in expected.items():
        scale = max(1.0, np.abs(values).max())
        np.testing.assert_allclose(found[name].numpy(), values, atol=2e-5 * scale)
    labels = json.loads(extra["pcbm.json"])
    assert labels["classes"] == ["x", "y", "z"] and labels["concepts"] == ["a", "b", "c"]
    assert labels["backbone"]["fingerprint"] == backbone.fingerprint
    assert record["bytes"] == out.stat().st_size
    return program, record


@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel", "regression"])
@pytest.mark.parametrize(
    ("projection", "residual"),
    [(p, "none") for p in ("margin", "cosine", "centred", "least_squares")]
    + [("margin", r) for r in ("linear", "orthogonal", "erase", "mlp")],
)
def test_the_module_gives_what_the_model_gives(task, projection, residual):
    model = fit(task, projection, residual)
    found = ConceptModule(parts_of(model), torch.float64)(torch.from_numpy(rows(50, seed=2)))
    for name, values in expected_outputs(model, rows(50, seed=2)).items():
        np.testing.assert_allclose(found[name].numpy(), values, atol=1e-5)
        assert found[name].dtype == torch.float32


@pytest.fixture
def net(tmp_path):
    (tmp_path / "net.py").write_text(small_models.FACTORY)
    return load_backbone(f"python:{tmp_path / 'net.py'}:net", layer="first", device="cpu")


def test_a_network_of_ones_own_is_exported_up_to_its_layer(tmp_path, net):
    program, record = checked(tmp_path, net, 32, residual="mlp")
    assert record["inputs"] == {"images": [3, 32, 32]}
    assert not any("second" in name for name in program.state_dict)  # behind the layer
    assert program.example_inputs is None  # no image of the data is in the file
    assert net.encode(images(1, 32)).shape == (1, 6)  # the backbone has its weights back


def test_the_same_bytes_every_time(tmp_path, net):
    model = fitted_on(net, 32)
    for name in "ab":
        export_torch(model, net, images(3, 32), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_what_cannot_be_followed_is_one_line(tmp_path):
    (tmp_path / "net.py").write_text(BRANCHES)
    backbone = load_backbone(f"python:{tmp_path / 'net.py'}:net", device="cpu")
    with pytest.raises(InputError) as caught:
        export_torch(fitted_on(backbone, 32), backbone, images(3, 32), tmp_path / "m.pt2")
    message = str(caught.value)
    assert message.startswith("torch.export cannot take python:") and "\n" not in message
    assert message.endswith("export the part after the backbone with --format onnx")
    assert not (tmp_path / "m.pt2").exists()


def test_a_single_image_and_an_existing_file_are_refused(tmp_path, net):
    model = fitted_on(net, 32)
    with pytest.raises(InputError, match="1 images were given to compare on: give two or more"):
        export_torch(model, net, images(1, 32), tmp_path / "m.pt2")
    (tmp_path / "m.pt2").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        export_torch(model, net, images(3, 32), tmp_path / "m.pt2")


@pytest.mark.slow
def test_the_tiny_clip_is_exported_without_its_text_tower(tmp_path):
    backbone = load_backbone("demo:tiny-clip", device="cpu")
    program, _ = checked(tmp_path, backbone, 64)
    assert not any("token_embedding" in name for name in program.state_dict)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer", "size"), [("test_vit", None, 160), ("resnet18", "layer4", 64)]
)
def test_timm_models_are_exported(tmp_path, name, layer, size):
    spec = small_models.save_timm(tmp_path, name, num_classes=5)
    checked(tmp_path, load_backbone(spec, layer=layer, device="cpu"), size)


@pytest.mark.slow
def test_an_open_clip_model_is_exported(tmp_path):
    folder = small_models.save_clip(tmp_path / "clip")
    checked(tmp_path, load_backbone(f"open_clip:local-dir:{folder}", device="cpu"), 32)
