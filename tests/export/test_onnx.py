"""An ONNX file gives what the model gives, says what it is, and is never written wrong."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
from every_kind import DIM, fit, rows, targets

from pcbm import EditPlan, PostHocCBM
from pcbm.errors import InputError
from pcbm.export import drawn_activations, export_onnx, onnx_bytes, parts_of

RESIDUALS = ("none", "linear", "orthogonal", "erase", "mlp")
PROJECTIONS = ("margin", "cosine", "centred", "least_squares")
TASKS = ("binary", "multiclass", "multilabel", "regression")


def outputs(path, X):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"activations": X.astype(np.float32)}), strict=True))


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    ("projection", "residual"),
    [("margin", r) for r in RESIDUALS] + [(p, "none") for p in PROJECTIONS[1:]],
)
def test_the_file_gives_what_the_model_gives(tmp_path, task, projection, residual):
    model, X = fit(task, projection, residual), rows(120, seed=1)
    record = export_onnx(model, tmp_path / "m.onnx", X)
    found = outputs(tmp_path / "m.onnx", X)
    assert {name: values.shape[1] for name, values in found.items()} == record["outputs"]
    np.testing.assert_allclose(found["scores"], model.transform(X), atol=3e-5)
    if task == "regression":
        np.testing.assert_allclose(found["predictions"][:, 0], model.predict(X), atol=1e-4)
        return
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), atol=1e-5)
    logits = model.decision_function(X)
    np.testing.assert_allclose(found["logits"].reshape(logits.shape), logits, atol=1e-4)


def test_rows_without_a_direction_score_as_in_the_model(tmp_path):
    model = fit(projection="cosine")
    X = np.vstack([np.zeros((1, DIM)), rows(3)])
    export_onnx(model, tmp_path / "m.onnx", X)
    found = outputs(tmp_path / "m.onnx", X)
    assert (found["scores"][0] == 0).all()
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X), atol=1e-5)


def test_any_number_of_rows_is_served(tmp_path):
    export_onnx(fit(), tmp_path / "m.onnx", rows())
    for n in (1, 7, 0):
        assert outputs(tmp_path / "m.onnx", rows(n))["probabilities"].shape == (n, 3)


def test_a_model_without_a_bank_scores_its_columns(tmp_path):
    model = fit(with_bank=False)
    export_onnx(model, tmp_path / "m.onnx", rows())
    found = outputs(tmp_path / "m.onnx", rows())
    np.testing.assert_array_equal(found["scores"], rows().astype(np.float32))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(rows()), atol=1e-5)


def test_an_edit_is_in_the_file(tmp_path):
    model = fit()
    edited = model.edit(EditPlan().zero("concept 0"))
    export_onnx(edited, tmp_path / "m.onnx", rows())
    found = outputs(tmp_path / "m.onnx", rows())["logits"]
    np.testing.assert_allclose(found, edited.decision_function(rows()), atol=1e-4)
    assert np.abs(found - model.decision_function(rows())).max() > 0.1


def test_edits_of_the_concepts_and_of_the_residual_are_in_the_file(tmp_path):
    """Merged, cleared and renamed scores, and a residual that no longer reads a concept."""
    model, train = fit(residual="linear"), (rows(), targets("multiclass"))
    plan = EditPlan().merge(["concept 1", "concept 2"], into="both").zero("concept 0")
    with pytest.warns(UserWarning, match="not near copies|residual model was fitted before"):
        edited = model.edit(plan.followed_by(orthogonalise=True, refit=True), train=train)
        edited = edited.edit(EditPlan().rename("concept 3", "third"))
    edited = edited.refit_residual(*train, erase=["concept 0"], in_class=True)
    export_onnx(edited, tmp_path / "m.onnx", rows())
    found = outputs(tmp_path / "m.onnx", rows())
    np.testing.assert_allclose(found["probabilities"], edited.predict_proba(rows()), atol=1e-5)
    names = {p.key: p.value for p in onnx.load(tmp_path / "m.onnx").metadata_props}["concepts"]
    assert {"both", "third"} <= set(json.loads(names)) and "concept 1" not in names


def test_names_and_origin_stand_in_the_metadata(tmp_path):
    model = fit("binary")
    backbone = {"spec": "python:net.py:net", "layer": "last", "dim": DIM, "fingerprint": "ab12"}
    export_onnx(model, tmp_path / "m.onnx", rows(), config={"backbone": backbone})
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    kept = {k: json.loads(v) for k, v in session.get_modelmeta().custom_metadata_map.items()}
    assert kept["classes"] == ["no", "yes"] and kept["positive_class"] == "yes"
    assert kept["concepts"] == model.concept_names_
    assert kept["task"] == "binary" and kept["edits"] == 0
    assert kept["backbone"]["fingerprint"] == "ab12"


@pytest.mark.parametrize("name", ["\u202ealef \u05d0", "emoji 🦓", "</script>", "x" * 500, "a\nb"])
def test_any_name_survives_in_the_metadata(tmp_path, name):
    X = rows()
    model = PostHocCBM(lam=0.1, n_lams=3).fit(X, np.where(X[:, 0] > 2, name, "other"))
    (tmp_path / "m.onnx").write_bytes(onnx_bytes(model))
    props = {p.key: p.value for p in onnx.load(tmp_path / "m.onnx").metadata_props}
    assert sorted(json.loads(props["classes"])) == sorted([name, "other"])


def test_the_same_model_gives_the_same_bytes():
    assert onnx_bytes(fit(residual="mlp")) == onnx_bytes(fit(residual="mlp"))


def test_drawn_rows_have_the_scores_of_the_training_rows():
    for projection in ("margin", "least_squares"):
        model = fit(projection=projection)
        scores = model.transform(drawn_activations(parts_of(model), n=4000))
        z = (scores - model.mean_) / model.scale_
        np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.1)
        np.testing.assert_allclose(z.std(axis=0), 1, atol=0.1)


def test_a_file_that_would_differ_is_not_written(tmp_path):
    """Scores around 1e5 with a spread of one lose five digits in float32, and double keeps them."""
    offset = 1e5
    X = rows() + offset
    model = PostHocCBM(lam=0.02, n_lams=3).fit(X, np.where(rows()[:, 0] > 2, "yes", "no"))
    with pytest.raises(InputError, match=r"logits.*nothing was written: export with --float64"):
        export_onnx(model, tmp_path / "m.onnx", X)
    assert list(tmp_path.iterdir()) == []
    assert export_onnx(model, tmp_path / "m.onnx", X, float64=True)["precision"] == "float64"
    found = outputs(tmp_path / "m.onnx", X)["probabilities"]
    rounded = X.astype(np.float32)
    np.testing.assert_allclose(found, model.predict_proba(rounded), atol=1e-5)


def test_an_existing_file_is_kept(tmp_path):
    (tmp_path / "m.onnx").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        export_onnx(fit(), tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_text() == "mine"


def test_without_onnx_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install 'pcbm\[onnx\]'"):
        onnx_bytes(fit())
