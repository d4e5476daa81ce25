import json

import numpy as np
import pytest

from pcbm import ActivationSet, EditPlan, PostHocCBM
from pcbm.concepts import ConceptBank
from pcbm.model import FitSettings, fit_run
from pcbm.model.hybrid import (
    LITTLE_COST,
    margin_shares,
    margins,
    repairs,
    residual_report,
    residual_warnings,
    told_by_scores,
    unmeasured,
)
from pcbm.model.hybrid_text import residual_lines
from pcbm.model.logits import decided
from pcbm.model.pipeline import measure_residual

FAMILIES = {"multinomial": 4, "grouped": 3, "binomial": 1, "multilabel": 3, "gaussian": 2}


@pytest.fixture(params=FAMILIES)
def parts(request):
    rng = np.random.default_rng(0)
    shape = (200, FAMILIES[request.param])
    return rng.normal(size=shape) * 2 + 1.0, rng.normal(size=shape), request.param


def test_the_shares_of_the_margin_add_up_to_one(parts):
    shares = margin_shares(*parts)
    assert shares["concepts"] + shares["residual"] == pytest.approx(1.0, abs=1e-12)
    assert 0.5 < shares["concepts"] < 1


def test_margins_of_the_parts_add_up_to_the_margin_of_the_sum(parts):
    concepts, residual, family = parts
    total = concepts + residual
    whole = margins(total, total, family)
    each = margins(concepts, total, family) + margins(residual, total, family)
    np.testing.assert_allclose(each, whole, atol=1e-12)
    if family in ("multinomial", "grouped"):
        ordered = np.sort(total, axis=1)
        np.testing.assert_allclose(whole[:, 0], ordered[:, -1] - ordered[:, -2])


def test_constants_are_no_work(parts):
    concepts, residual, family = parts
    if family in ("multinomial", "grouped"):
        shift = np.full(concepts.shape[1], 5.0)  # a constant of one class would change the pairs
    else:
        shift = np.arange(concepts.shape[1]) + 5.0
    moved, plain = margin_shares(concepts + shift, residual, family), margin_shares(*parts)
    assert moved == pytest.approx(plain)


def test_one_row_of_two_classes_is_the_covariance_share():
    rng = np.random.default_rng(0)
    concepts, residual = rng.normal(size=(2, 300, 1))
    residual = residual - 0.5 * concepts
    covariance = np.cov((concepts + residual)[:, 0], residual[:, 0])
    share = margin_shares(concepts, residual, "binomial")["residual"]
    assert share == pytest.approx(covariance[0, 1] / covariance[0, 0])


def test_one_row_and_two_softmax_rows_have_the_same_shares():
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(2, 300, 1)) + 0.3
    rows = [np.hstack([-part / 2, part / 2]) for part in parts]
    assert margin_shares(*rows, "multinomial") == pytest.approx(margin_shares(*parts, "binomial"))
    truth = rng.integers(0, 2, 300)
    assert repairs(truth, *rows, "multinomial") == repairs(truth, *parts, "binomial")
    scores = rng.normal(size=(300, 2)) + parts[1]
    told = [
        told_by_scores(scores, some[1], some[0] + some[1], family)
        for some, family in ((rows, "multinomial"), (parts, "binomial"))
    ]
    assert told[0] == pytest.approx(told[1], abs=1e-6)


def test_a_confident_concept_part_is_not_outdone_by_a_small_residual():
    """Every margin is near 10: measured about its own mean, the noise would look like all of it."""
    rng = np.random.default_rng(0)
    concepts = 10.0 * np.eye(3)[rng.integers(0, 3, 300)]
    shares = margin_shares(concepts, 0.1 * rng.normal(size=(300, 3)), "multinomial")
    assert abs(shares["residual"]) < 0.02


def test_a_part_that_does_nothing_has_no_share(parts):
    concepts, residual, family = parts
    assert margin_shares(concepts, np.zeros_like(residual), family) == {
        "concepts": 1.0, "residual": 0.0,
    }  # fmt: skip
    assert margin_shares(np.ones_like(concepts), residual, family)["residual"] == pytest.approx(1.0)
    assert margin_shares(np.ones_like(concepts), np.ones_like(residual), family) is None
    assert margin_shares(-residual, residual, family) is None


def test_repairs_are_counted_row_by_row():
    truth = np.array([0, 0, 0, 1, 1])
    concepts = np.array([-1.0, 1.0, 1.0, 1.0, -1.0])[:, None]  # right, wrong, wrong, right, wrong
    residual = np.array([3.0, -3.0, -0.5, 0.5, -1.0])[:, None]
    assert repairs(truth, concepts, residual, "binomial") == {
        "wrong": 3, "right": 2, "residual_right": pytest.approx(2 / 3),
        "repaired": pytest.approx(1 / 3), "broken": 0.5,
    }  # fmt: skip
    assert repairs(truth, np.where(truth, 1.0, -1.0)[:, None], residual, "binomial") == {
        "wrong": 0, "right": 5, "residual_right": None, "repaired": None, "broken": 0.4,
    }  # fmt: skip
    assert repairs(truth * 1.0, concepts, residual, "gaussian") is None


def test_repairs_of_labels_are_counted_label_by_label():
    truth = np.array([[1, 0], [1, 1]])
    concepts = np.array([[1.0, 1.0], [-1.0, 1.0]])
    found = repairs(truth, concepts, -2 * concepts, "multilabel")
    assert (found["wrong"], found["right"]) == (2, 2)
    assert (found["repaired"], found["broken"]) == (1.0, 1.0)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_linear_in_the_scores_is_told_by_them(family):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(400, 5)) * np.logspace(-3, 3, 5) + 2.0
    residual = scores / np.logspace(-3, 3, 5) @ rng.normal(size=(5, FAMILIES[family])) + 1.0
    total = residual + rng.normal(size=residual.shape)
    assert told_by_scores(scores, residual, total, family) == pytest.approx(1.0, abs=1e-3)
    unrelated = rng.normal(size=residual.shape) + 1.0
    nothing = told_by_scores(scores, unrelated, unrelated + total, family)
    assert -0.1 < nothing < 0.05
    half = residual / residual.std(axis=0) + rng.normal(size=residual.shape)
    assert 0.3 < told_by_scores(scores, half, half, family) < 0.7


def test_nothing_is_told_of_too_few_rows_or_a_constant():
    rng = np.random.default_rng(0)
    residual = rng.normal(size=(9, 1))
    assert told_by_scores(residual, residual, residual, "binomial") is None
    constant = np.ones((50, 3))
    assert told_by_scores(rng.normal(size=(50, 2)), constant, constant, "multinomial") is None


def test_data_tells_what_angles_do_not():
    """Orthogonal coefficients on correlated activations: the scores predict the residual."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(500, 1))
    X = np.hstack([shared, shared + 0.1 * rng.normal(size=(500, 1))])
    assert told_by_scores(X[:, :1], X[:, 1:], X[:, 1:], "binomial") > 0.9


def _hybrid(kind, classes=3, n=400, **settings):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 6))
    logits = X @ rng.normal(size=(6, 3)) * 2
    y = np.array(["a", "b", "c"])[(logits + rng.gumbel(size=logits.shape)).argmax(axis=1)]
    y = np.where(y == "c", "b", y) if classes == 2 else y
    bank = ConceptBank(["one", "two"], np.eye(2, 6))
    return PostHocCBM(bank, lam=0.02, n_lams=5, residual=kind, **settings).fit(X, y), X, y


@pytest.mark.parametrize(
    ("kind", "classes"), [("linear", 2), ("linear", 3), ("erase", 2), ("erase", 3), ("mlp", 3)]
)
def test_the_report_says_what_the_model_does(kind, classes):
    """The figures of the report are those of predictions that the model itself makes."""
    model, X, y = _hybrid(kind, classes)
    record = measure_residual(model, X, y, part="train")
    figures = record["accuracy"]
    assert figures["with_residual"] == model.score(X, y)
    assert figures["concepts_only"] == model.without_residual().score(X, y)
    bare = model.with_head(np.zeros_like(model.coef_), model.intercept_)
    assert figures["without_concepts"] == bare.score(X, y)
    alone = model.with_head(np.zeros_like(model.coef_), np.zeros_like(model.intercept_))
    assert figures["residual_only"] == alone.score(X, y)
    assert record["cost_of_no_concepts"] == pytest.approx(model.score(X, y) - bare.score(X, y))
    assert record["rows"] == {"part": "train", "n": 400}
    counts = record["where_concepts_err"]
    gained = counts["repaired"] * counts["wrong"] - counts["broken"] * counts["right"]
    gain = (figures["with_residual"] - figures["concepts_only"]) * 400
    assert gained == pytest.approx(gain, abs=1e-6)
    assert json.loads(json.dumps(record)) == record
    if kind == "erase":
        assert record["told_by_scores"] < 0.02


def test_a_residual_of_zero_changes_nothing_in_the_report():
    model, X, y = _hybrid("none")
    scores = model.transform(X)
    logits = model.decision_function(X)
    truth = np.searchsorted(model.classes_, y)
    record = residual_report(
        truth, logits, np.zeros_like(logits), model.intercept_, scores,
        task="multiclass", family="multinomial", part="train",
    )  # fmt: skip
    assert record["accuracy"]["with_residual"] == record["accuracy"]["concepts_only"]
    assert record["margin_share"] == {"concepts": 1.0, "residual": 0.0}
    assert (record["where_concepts_err"]["repaired"], record["told_by_scores"]) == (0.0, None)


def test_decisions_follow_the_family():
    logits = np.array([[0.5, 2.0], [1.0, -1.0]])
    assert decided(logits, "multinomial").tolist() == [1, 0]
    assert decided(logits, "multilabel").tolist() == [[1, 1], [1, 0]]
    assert decided(logits[:, 1:], "binomial").tolist() == [1, 0]


def _sets(task="multiclass"):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 6))
    y = {
        "multiclass": np.array(["a", "b", "c"])[X[:, 2:5].argmax(axis=1)],
        "binary": np.where(X[:, 0] > 0, "yes", "no"),
        "regression": X[:, 0] + 3.0 * X[:, 4] + 0.1 * rng.normal(size=500),
    }[task]
    acts = ActivationSet(X, np.arange(500).astype(str), y)
    return acts.take(np.arange(500) < 300), acts.take(np.arange(500) >= 300)


def _run(task, kind, names=("one", "two")):
    bank = ConceptBank(list(names), np.eye(len(names), 6))
    return fit_run(*_sets(task), bank, FitSettings(lam=0.05, residual=kind, control_repeats=0))


def test_a_residual_that_does_the_work_is_warned_about():
    """The concepts say nothing of the classes: all of the decision is the residual's."""
    metrics = _run("multiclass", "linear").metrics
    text = " ".join(metrics["warnings"])
    assert "the residual does most of the work" in text
    assert "limit 50%" in text
    assert "the residual can decide alone: with every concept deleted the accuracy is" in text
    assert metrics["residual"]["rows"] == {"part": "test", "n": 200}


def test_a_residual_that_does_little_is_not():
    """The one concept decides, and the residual cannot read it."""
    metrics = _run("binary", "erase").metrics
    assert metrics["residual"]["margin_share"]["residual"] < 0.1
    assert metrics["residual"]["cost_of_no_concepts"] > 0.3 > LITTLE_COST
    text = " ".join(metrics["warnings"])
    assert "most of the work" not in text
    assert "decide alone" not in text
    assert "an edit of a concept does not reach it" in text


def test_numbers_have_r2_and_no_repairs():
    record = _run("regression", "linear").metrics["residual"]
    assert record["r2"]["with_residual"] > 0.99 > 0.5 > record["r2"]["concepts_only"]
    assert record["where_concepts_err"] is None
    assert record["margin_share"]["residual"] > 0.7
    assert "accuracy" not in record


def test_without_a_residual_nothing_is_recorded():
    assert _run("binary", "none").metrics["residual"] is None
    assert residual_warnings(None, "binary") == []
    assert unmeasured(None, "binary") is None


def test_the_lines_for_people_hold_every_figure(tmp_path):
    run = _run("multiclass", "orthogonal")
    record = run.metrics["residual"]
    lines = dict(residual_lines(record, "multiclass"))
    assert lines["measured on"] == "200 test rows"
    assert lines["accuracy, residual alone"] == f"{record['accuracy']['residual_only']:.3f}"
    assert "geometric overlap only" in lines["not read"]
    empty = dict(residual_lines(unmeasured(run.model.residual_, "multiclass"), "multiclass"))
    assert empty["accuracy, residual alone"] == "not measured"
    run.model.save(tmp_path / "bare")
    card = (tmp_path / "bare" / "README.md").read_text()
    assert "| accuracy, concepts alone | not measured |" in card


def test_an_edit_leaves_the_figures_of_the_residual_to_the_fit(tmp_path):
    run = _run("multiclass", "mlp")
    with pytest.warns(UserWarning, match="fitted before this edit"):
        edited = run.model.edit(EditPlan().zero("one"))
    edited.measured_ = {"config": run.config, "metrics": run.metrics, "edits": 0}
    edited.save(tmp_path / "edited")
    metrics = json.loads((tmp_path / "edited" / "metrics.json").read_text())
    assert metrics["residual"]["kind"] == "mlp"
    assert metrics["residual"]["accuracy"] is None
    assert metrics["as_fitted"]["residual"] == run.metrics["residual"]
