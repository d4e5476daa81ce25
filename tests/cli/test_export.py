"""``pcbm export``: the file, the comparison it reports, and what it refuses."""

from __future__ import annotations

import numpy as np
import onnxruntime


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
