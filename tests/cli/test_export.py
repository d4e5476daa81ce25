"""``pcbm export``: the file, the comparison it reports, and what it refuses."""

from __future__ import annotations

import numpy as np
import onnxruntime
import small_models
import torch
from PIL import Image
from torchvision.transforms.functional import to_tensor

from pcbm.concepts import ConceptBank


def test_the_exported_file_predicts_what_predict_prints(pcbm, world, tmp_path):
    out = tmp_path / "model.onnx"
    document = pcbm("export", world.run, "--out", out, "--data", world.test, "--json").document
    assert document["check"]["rows"] == 90 and document["check"]["real"]
    assert max(document["check"]["largest_difference"].values()) <= 1e-5
    assert document["bytes"] == out.stat().st_size
    session = onnxruntime.InferenceSession(out)
    X = np.load(world.test)["X"]
    (proba,) = session.run(["probabilities"], {"activations": X})
    predicted = pcbm("predict", world.run, world.test, "--json").document
    np.testing.assert_allclose(proba, predicted["proba"], atol=1e-5)


def test_without_data_the_rows_are_drawn_and_that_is_said(pcbm, world, tmp_path):
    done = pcbm("export", world.run, "--out", tmp_path / "m.onnx")
    assert done.code == 0
    assert "agrees with the run on 256 drawn rows" in done.out
    assert "compared on 256 drawn rows: real ones come by --data" in done.err


def test_a_mistyped_format_is_refused(pcbm, world, tmp_path):
    line = pcbm("export", world.run, "--out", tmp_path / "m", "--format", "onx").refused()
    assert line.endswith("--format was given as 'onx': did you mean 'onnx'?")


def test_an_existing_file_is_refused(pcbm, world, tmp_path):
    (tmp_path / "m.onnx").write_text("mine")
    line = pcbm("export", world.run, "--out", tmp_path / "m.onnx").refused()
    assert "exists already" in line and (tmp_path / "m.onnx").read_text() == "mine"


def test_data_of_another_width_is_refused(pcbm, world, tmp_path):
    np.savez(tmp_path / "other.npz", X=np.ones((4, 3), np.float32))
    line = pcbm(
        "export", world.run, "--out", tmp_path / "m.onnx", "--data", tmp_path / "other.npz"
    ).refused()
    assert "has activations of 3 dimensions" in line
    assert not (tmp_path / "m.onnx").exists()


def test_a_torch_program_starts_from_images(pcbm, tmp_path):
    (tmp_path / "net.py").write_text(small_models.FACTORY)
    rng = np.random.default_rng(0)
    for i in range(24):
        path = tmp_path / "photos" / ("dark", "light")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 128, (32, 32, 3)) + 127 * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    ConceptBank(["bright", "red"], rng.normal(size=(2, 8))).save(tmp_path / "bank.safetensors")
    backbone = f"python:{tmp_path / 'net.py'}:net"
    fitted = pcbm("fit", tmp_path / "photos", "--backbone", backbone, "--lam", 0.01,
                  "--concepts", tmp_path / "bank.safetensors", "--control-repeats", 0,
                  "--out", tmp_path / "run")  # fmt: skip
    assert fitted.code == 0, fitted.err
    ask = ("export", tmp_path / "run", "--format", "torch", "--out", tmp_path / "m.pt2")
    assert "--format torch was given without --data" in pcbm(*ask).refused()
    done = pcbm(*ask, "--data", tmp_path / "photos", "--json").document
    assert done["inputs"] == {"images": [3, 32, 32]} and done["check"]["rows"] == 8
    program = torch.export.load(tmp_path / "m.pt2").module()
    predicted = pcbm("predict", tmp_path / "run", tmp_path / "photos", "--json").document
    batch = torch.stack([to_tensor(Image.open(tmp_path / "photos" / i)) for i in predicted["ids"]])
    proba = program(batch)["probabilities"].detach().numpy()
    np.testing.assert_allclose(proba, predicted["proba"], atol=1e-4)


def test_a_torch_program_of_activations_is_refused(pcbm, world, tmp_path):
    ask = ("export", world.run, "--format", "torch", "--out", tmp_path / "m", "--data", world.test)
    assert "holds arrays: --format torch starts from images" in pcbm(*ask).refused()
