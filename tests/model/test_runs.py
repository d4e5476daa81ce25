import csv
import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning

import pcbm
from pcbm import ActivationSet, EditPlan, PostHocCBM, PostHocCBMRegressor
from pcbm.concepts import ConceptBank
from pcbm.editing import original_model, read_history
from pcbm.errors import InputError
from pcbm.model import FitSettings, evaluate, fit_run, load_run, save_run
from pcbm.model.pipeline import labels_for
from pcbm.report import render_report

FILES = {
    "config.json",
    "model.safetensors",
    "bank.safetensors",
    "metrics.json",
    "weights.csv",
    "edits.json",
    "README.md",
}


def activations(n=300, classes=3, seed=0, **columns):
    X, y = make_classification(
        n, 8, n_informative=5, n_classes=classes, n_clusters_per_class=1, random_state=seed
    )
    names = np.array(["ant", "bee", "cat"])[y]
    return ActivationSet(X, np.arange(n).astype(str), columns.pop("y", names), **columns)


def halves(acts):
    rows = np.arange(len(acts))
    return acts.take(rows % 3 != 0), acts.take(rows % 3 == 0)


@pytest.fixture(scope="module")
def bank():
    return ConceptBank(["one", "two", "three", "four"], np.eye(4, 8))


@pytest.fixture(scope="module")
def fitted(bank):
    group = np.where(np.arange(300) % 2, "left", "right")
    train, test = halves(activations(group=group))
    return fit_run(train, test, bank, FitSettings(concepts_per_class=3, control_repeats=3))


@pytest.fixture
def run(fitted):
    return deepcopy(fitted)  # saving writes into it where it lies


def test_a_run_measures_everything_the_contract_names(run):
    metrics = run.metrics
    for key in ("run", "task", "n_train", "n_test", "n_concepts", "n_classes", "lam", "nec",
                "accuracy", "controls", "residual", "warnings", "seconds"):  # fmt: skip
        assert key in metrics
    assert metrics["task"] == "multiclass"
    assert (metrics["n_train"], metrics["n_test"], metrics["n_concepts"]) == (200, 100, 4)
    assert set(metrics["controls"]) >= {"full_probe", "majority", "random_bank"}
    random = metrics["controls"]["random_bank"]
    assert set(random) >= {"mean", "std", "repeats", "p_value", "nec"}
    assert random["repeats"] == 3
    assert metrics["accuracy"]["test"] == metrics["evaluation"]["accuracy"]
    assert set(metrics["evaluation"]["per_group"]) == {"left", "right"}
    assert len(metrics["path"]) == 50
    assert max(point["kkt"] for point in metrics["path"]) <= 1e-3


def test_a_saved_run_is_complete_and_predicts_the_same(run, tmp_path):
    X = activations().X
    save_run(run, tmp_path / "run")
    assert {p.name for p in (tmp_path / "run").iterdir()} == FILES
    again = load_run(tmp_path / "run")
    np.testing.assert_array_equal(again.model.predict_proba(X), run.model.predict_proba(X))
    np.testing.assert_array_equal(again.model.path_.coefs, run.model.path_.coefs)
    assert again.metrics["run"] == (tmp_path / "run").as_posix()
    assert again.config == json.loads(json.dumps(run.config))


def test_the_same_run_is_written_with_the_same_bytes(bank, tmp_path):
    train, test = halves(activations())
    for name in ("a", "b"):
        settings = FitSettings(concepts_per_class=3, residual="linear", control_repeats=2)
        save_run(fit_run(train, test, bank, settings), tmp_path / name)
    for name in FILES - {"metrics.json"}:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    first, second = (json.loads((tmp_path / n / "metrics.json").read_text()) for n in "ab")
    for metrics in (first, second):
        del metrics["seconds"], metrics["run"]
    assert first == second


def test_weights_csv_holds_every_coefficient(run, tmp_path):
    save_run(run, tmp_path / "run")
    with (tmp_path / "run" / "weights.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = {(row["class"], row["concept"]): float(row["coef"]) for row in rows}
    coef = run.model.coef_
    assert len(table) == coef.size
    names = [(c, k) for c in ("ant", "bee", "cat") for k in run.model.concept_names_]
    assert all(table[name] == value for name, value in zip(names, coef.flat, strict=True))


@pytest.mark.parametrize("y_kind", ["binary", "integers", "multilabel", "regression"])
def test_every_task_survives_the_folder(bank, tmp_path, y_kind):
    acts = activations()
    y = {
        "binary": np.where(acts.y == "ant", "no", "yes"),
        "integers": np.searchsorted(["ant", "bee", "cat"], acts.y) + 10,
        "multilabel": np.where(acts.X[:, 0] > 0, "up;warm", "warm"),
        "regression": acts.X[:, 0] + 0.5,
    }[y_kind]
    if y_kind == "multilabel":
        y = np.where(acts.X[:, 1] > 0, "up", y)
    train, test = halves(activations(y=y))
    run = fit_run(train, test, bank, FitSettings(residual="linear", control_repeats=0))
    save_run(run, tmp_path / "run")
    again = pcbm.load(tmp_path / "run")
    np.testing.assert_array_equal(again.predict(test.X), run.model.predict(test.X))
    assert again.predict(test.X).dtype == run.model.predict(test.X).dtype
    if y_kind == "regression":
        assert run.metrics["r2"]["test"] > 0.9
    else:
        assert again.classes_.tolist() == run.model.classes_.tolist()


def test_binary_runs_name_the_positive_class(bank, tmp_path):
    y = np.where(activations().y == "ant", "no", "yes")
    train, test = halves(activations(y=y))
    run = fit_run(train, test, bank, FitSettings(lam=0.02, control_repeats=0))
    save_run(run, tmp_path / "run")
    assert run.config["positive_class"] == "yes"
    assert "argue for yes" in (tmp_path / "run" / "README.md").read_text()
    assert (tmp_path / "run" / "weights.csv").read_text().splitlines()[1].startswith("yes,")


def test_a_model_fitted_in_python_saves_as_a_complete_run(bank, tmp_path):
    acts = activations()
    model = PostHocCBM(bank, concepts_per_class=2).fit(acts.X, acts.y)
    model.save(tmp_path / "run")
    assert {p.name for p in (tmp_path / "run").iterdir()} == FILES
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["accuracy"] == {"train": None, "test": None}
    assert metrics["nec"] == model.nec_
    np.testing.assert_array_equal(pcbm.load(tmp_path / "run").coef_, model.coef_)
    PostHocCBMRegressor(bank, lam=0.1, n_lams=5).fit(acts.X, acts.X[:, 0]).save(
        tmp_path / "numbers"
    )
    assert pcbm.load(tmp_path / "numbers").predict(acts.X).shape == (300,)


def test_an_edited_model_saves_its_history(bank, tmp_path):
    acts = activations()
    model = PostHocCBM(bank, concepts_per_class=2).fit(acts.X, acts.y)
    model.edit(EditPlan().zero("one")).save(tmp_path / "once")
    again = pcbm.load(tmp_path / "once").edit(EditPlan().zero("two"))
    again.save(tmp_path / "twice")
    history = json.loads((tmp_path / "twice" / "edits.json").read_text())
    assert [step["plan"]["edits"][0]["concept"] for step in history] == ["one", "two"]


def test_a_new_fit_and_an_undone_edit_leave_no_history(bank, tmp_path):
    acts = activations()
    edited = PostHocCBM(bank, concepts_per_class=2).fit(acts.X, acts.y).edit(EditPlan().zero("one"))
    undone = original_model(edited, read_history(edited.edits_))
    undone.save(tmp_path / "undone")
    edited.fit(acts.X, acts.y).save(tmp_path / "new")
    for name in ("undone", "new"):
        assert json.loads((tmp_path / name / "edits.json").read_text()) == []


def test_a_loaded_model_saves_what_its_run_measured(run, tmp_path):
    save_run(run, tmp_path / "run")
    pcbm.load(tmp_path / "run").save(tmp_path / "copy")
    first, second = (
        json.loads((tmp_path / n / "metrics.json").read_text()) for n in ("run", "copy")
    )
    assert second == first | {"run": (tmp_path / "copy").as_posix()}
    pcbm.load(tmp_path / "run").edit(EditPlan().zero("one")).save(tmp_path / "edited")
    edited = json.loads((tmp_path / "edited" / "metrics.json").read_text())
    assert edited["accuracy"] == {"train": None, "test": None}
    assert edited["as_fitted"]["accuracy"] == first["accuracy"]
    assert edited["controls"] == first["controls"]


def test_feature_names_and_class_weights_survive_the_folder(tmp_path):
    acts = activations()
    table = pd.DataFrame(acts.X, columns=[f"f{j}" for j in range(8)])
    y = np.searchsorted(["ant", "bee", "cat"], acts.y)
    weights = {0: 1.0, 1: 5.0, 2: 1.0}
    PostHocCBM(lam=0.05, n_lams=5, class_weight=weights).fit(table, y).save(tmp_path / "run")
    again = pcbm.load(tmp_path / "run")
    with pytest.raises(ValueError, match="feature names should match"):
        again.predict(table[table.columns[::-1]])
    assert again.class_weight == weights
    assert clone(again).fit(table, y).nec_ == again.nec_


def test_the_path_stays_whole_whatever_lam_is_chosen(bank):
    acts = activations()
    grid = PostHocCBM(bank, n_lams=12).fit(acts.X, acts.y).path_.lams
    for lam in (0.5, 0.01, 1e-6):
        model = PostHocCBM(bank, lam=lam, n_lams=12).fit(acts.X, acts.y)
        assert model.lam_ == lam
        assert set(grid) <= set(model.path_.lams)
        assert lam in model.path_.lams


def test_without_concept_evidence_the_run_says_so_in_words(bank):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    y = np.where(X.sum(axis=1) > 0, "a", "b")
    train, test = halves(ActivationSet(X, np.arange(300).astype(str), y))
    bank = ConceptBank(["noise"], [[1.0, -1, 1, -1, 1, -1, 1, -1]])
    run = fit_run(train, test, bank, FitSettings(lam=0.001, control_repeats=20))
    assert any("accuracy is no evidence for these concepts" in w for w in run.metrics["warnings"])


def test_on_large_data_the_control_uses_a_stated_part_of_the_rows(bank):
    train, test = halves(activations())
    settings = FitSettings(concepts_per_class=3, control_repeats=2, control_rows=120)
    random = fit_run(train, test, bank, settings).metrics["controls"]["random_bank"]
    assert random["train_rows"] == 120


@pytest.mark.parametrize(("rule", "rows"), [("truncate", 120), ("refit", 20_000)])
def test_random_banks_meet_a_path_point_not_a_head_made_off_the_path(bank, rule, rows):
    train, test = halves(activations())
    settings = {"concepts_per_class": 2, "control_repeats": 2, "control_rows": rows}
    found = [
        fit_run(train, test, bank, FitSettings(nec_rule=name, **settings)).metrics
        for name in ("path", rule)
    ]
    first, second = (m["controls"]["random_bank"] for m in found)
    assert first["named"] == second["named"]
    assert first["nec"] == second["nec"]


def test_loaded_runs_know_how_their_head_was_chosen(bank, tmp_path):
    train, test = halves(activations())
    made = fit_run(train, test, bank, FitSettings(select="cv", control_repeats=0))
    save_run(made, tmp_path / "run")
    loaded = pcbm.load(tmp_path / "run")
    assert loaded.selection_ == made.model.selection_
    assert loaded.selection_["cross_validation"] == made.metrics["validation"]
    assert made.config["settings"]["select"] == "cv"
    assert loaded.get_params()["selection"] == "cv"


@pytest.mark.parametrize("solver", ["newton", "saga", "sgd"])
def test_runs_tell_what_solved_their_head_and_whether_it_converged(bank, tmp_path, solver):
    train, test = halves(activations())
    settings = FitSettings(lam=0.02, solver=solver, control_repeats=0)
    data = {"source": "acts.npz", "concepts": "bank.safetensors"}
    if solver == "sgd":
        with pytest.warns(ConvergenceWarning, match="solver='sgd'"):
            run = fit_run(train, test, bank, settings, data=data)
    else:
        run = fit_run(train, test, bank, settings, data=data)
    save_run(run, tmp_path / "run")
    model = load_run(tmp_path / "run").model
    record = run.metrics["solver"]
    converged = solver != "sgd"
    assert (record["name"], record["converged"]) == (solver, converged)
    points = {point["lam"]: point["kkt"] for point in run.metrics["path"]}
    assert record["kkt"] == points[0.02]
    assert (record["points"], record["worst"]) == (len(points), max(points.values()))
    assert record["missed"] == sum(kkt > record["tol"] for kkt in points.values())
    assert min(points) < 0.02 if solver == "newton" else min(points) == 0.02
    assert (model.path_.solver, model.solver) == (solver, solver)
    card = (tmp_path / "run" / "README.md").read_text()
    assert f"solver: {solver}, {'converged' if converged else 'NOT converged'}" in card
    told = [text for text in run.metrics["warnings"] if "the head is no optimum" in text]
    assert len(told) == (not converged)
    page = render_report(run)
    assert f"{solver}, {'converged' if converged else 'NOT converged'}" in page
    assert f"--solver {solver}" in page


def test_controls_switched_off_are_null_and_said_so(bank):
    train, test = halves(activations())
    metrics = fit_run(train, test, bank, FitSettings(control_repeats=0)).metrics
    assert metrics["controls"]["random_bank"] is None
    assert any("random banks were not measured" in text for text in metrics["warnings"])


def test_the_default_sparsity_is_within_one_standard_error_of_the_best(bank):
    train, test = halves(activations())
    metrics = fit_run(train, test, bank, FitSettings(control_repeats=0)).metrics
    validation = metrics["validation"]
    scores, errors = validation["score"], validation["standard_error"]
    best = int(np.argmax(scores))
    at = validation["lams"].index(validation["lam"])
    assert metrics["lam"] == validation["lam"]
    assert scores[at] >= scores[best] - errors[best]
    assert validation["nec"][at] <= validation["nec"][best]


def test_a_class_that_only_the_test_data_has_is_refused(bank):
    train, test = halves(activations())
    with pytest.raises(InputError, match="class 'cat' is unknown to the model"):
        fit_run(train.take(train.y != "cat"), test, bank)


def test_another_backbone_is_refused_with_both_fingerprints(bank):
    record = {"fingerprint": "f1", "spec": "demo:one"}
    other = {"fingerprint": "f2", "spec": "demo:two"}
    train, test = halves(activations(record=record))
    bank = ConceptBank(bank.names, bank.vectors, record=other)
    with pytest.raises(InputError, match=r"f2.*f1|f1.*f2"):
        fit_run(train, test, bank)


def test_new_data_with_an_unknown_class_or_no_labels_is_refused(run):
    acts = activations()
    with pytest.raises(InputError, match="'bees' is unknown to the model: did you mean 'bee'"):
        labels_for(run.model, activations(y=np.where(acts.y == "bee", "bees", acts.y)))
    with pytest.raises(InputError, match="no labels"):
        labels_for(run.model, activations(y=None))


def test_a_single_class_in_new_data_is_fine(run):
    acts = activations()
    bees = acts.take(acts.y == "bee")
    y = labels_for(run.model, bees)
    model = run.model
    result = evaluate(y, model.predict(bees.X), model.predict_proba(bees.X), model.classes_, "x")
    assert result["per_class"]["bee"]["n"] == len(bees)
    assert result["auc"] is None


@pytest.mark.parametrize("part", ["training", "test"])
def test_equal_numbers_as_labels_are_refused(bank, part):
    train, test = halves(activations(y=np.linspace(0.5, 3.25, 300)))
    if part == "training":
        train = replace(train, y=np.full(len(train), 0.5))
    else:
        test = test.take([7])
    with pytest.raises(InputError, match=f"{part} row.*cannot be measured: give rows with diff"):
        fit_run(train, test, bank, FitSettings(task="regression", control_repeats=0))


@pytest.mark.parametrize("name", ["projection", "residual", "solver", "task"])
def test_a_misspelt_choice_is_refused_before_anything_runs(name):
    with pytest.raises(InputError, match=f"{name} 'line' is unknown: "):
        FitSettings(**{name: "line"})


@pytest.mark.parametrize(
    "damage", ["absent", "no run", "above", "no model", "text", "version", "metrics"]
)
def test_what_is_no_run_is_refused_in_one_line(run, tmp_path, damage):
    folder = tmp_path / "run"
    if damage == "no run":
        folder.mkdir()
    elif damage != "absent":
        save_run(run, folder)
    if damage == "above":
        folder = tmp_path
    if damage == "metrics":
        (folder / "metrics.json").write_text("{}")
    if damage == "no model":
        (folder / "model.safetensors").unlink()
    if damage == "text":
        (folder / "model.safetensors").write_text("not a model")
    if damage == "version":
        from pcbm.files import load_tensors, save_tensors

        tensors, metadata = load_tensors(folder / "model.safetensors")
        save_tensors(folder / "model.safetensors", tensors, metadata | {"schema_version": 99})
    with pytest.raises(InputError) as error:
        pcbm.load(folder)
    assert "\n" not in str(error.value)
    expected = {
        "absent": "is not a folder",
        "no run": "is not a RUN",
        "above": "give one in it: run",
        "metrics": "lacks task, controls, warnings: the run is damaged",
        "no model": "is not a RUN",
        "text": "is not a safetensors file",
        "version": "schema version 99",
    }
    assert expected[damage] in str(error.value)


def test_a_run_in_a_draft_records_where_it_will_lie(run, tmp_path):
    save_run(run, tmp_path / "draft", place=tmp_path / "demo" / "run")
    metrics = json.loads((tmp_path / "draft" / "metrics.json").read_text())
    assert metrics["run"] == (tmp_path / "demo" / "run").as_posix()


def test_an_existing_run_is_kept_unless_forced(run, tmp_path):
    save_run(run, tmp_path / "run")
    before = (tmp_path / "run" / "metrics.json").read_bytes()
    with pytest.raises(InputError, match=r"exists already: choose another --out, or add --force"):
        save_run(run, tmp_path / "run")
    assert (tmp_path / "run" / "metrics.json").read_bytes() == before
    save_run(run, tmp_path / "run", force=True)
