"""The model card: valid for the hub, honest about what was measured, and escaped."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml
from every_kind import fit, rows, targets
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from pcbm import ActivationSet, EditPlan
from pcbm.editing import edited_run, evaluate_edit
from pcbm.model import FitSettings, Run, fit_run
from pcbm.model.card import model_card
from pcbm.model.card_data import yaml_lines
from pcbm.model.run import row_names

DATA = {"source": "somewhere/photos", "test": None}
IMAGES = {"spec": "python:net.py:net", "kind": "image", "layer": None, "fingerprint": "ab"}


def measured(task="multiclass", data=DATA, backbone=IMAGES):
    X, y = rows(), np.asarray(targets(task))
    acts = ActivationSet(X, np.arange(len(X)).astype(str), y, record=backbone)
    first = np.arange(len(X)) < 200
    settings = FitSettings(lam=0.02, control_repeats=0)
    return fit_run(acts.take(first), acts.take(~first), None, settings, data=data)


def text_of(run):
    return model_card(run, row_names(run.model))


@pytest.fixture(scope="module")
def run():
    return measured()


def test_the_hub_reads_the_figures_of_the_test_set(run):
    card = ModelCard(text_of(run))
    assert card.data.library_name == "pcbm" and card.data.pipeline_tag == "image-classification"
    assert "concept-bottleneck" in card.data.tags
    assert card.data.license is None  # whoever publishes it chooses
    found = {result.metric_type: result for result in card.data.eval_results}
    assert found["accuracy"].metric_value == run.metrics["accuracy"]["test"]
    assert found["accuracy"].dataset_name == "photos"
    assert card.data.model_name == "Concept-bottleneck model of photos"


@pytest.mark.parametrize(
    ("task", "kind", "pipeline"),
    [("binary", "text", "text-classification"), ("regression", "image", None)],
)
def test_the_task_on_the_hub_follows_inputs_and_targets(task, kind, pipeline):
    card = ModelCard(text_of(measured(task, backbone={**IMAGES, "kind": kind})))
    assert card.data.pipeline_tag == pipeline
    expected = {"accuracy", "balanced_accuracy"} if pipeline else {"r_squared", "rmse"}
    assert {result.metric_type for result in card.data.eval_results} == expected
    assert {result.task_type for result in card.data.eval_results} == {pipeline or "other"}


def test_what_was_not_measured_or_whose_data_is_not_known_is_not_claimed():
    for run in (Run.of_model(fit()), measured(data=None)):
        card = ModelCard(text_of(run))
        assert card.data.eval_results is None
        assert "model-index" not in card.data.to_dict()


def test_after_an_edit_the_figures_are_those_after_it(run):
    model, step = EditPlan().zero("x0").signed(reason="a cue").step(run.model)
    assert ModelCard(text_of(edited_run(run, model, step))).data.eval_results is None
    X, y = rows(80, seed=3), targets("multiclass")[:80]
    evaluation = {**evaluate_edit(run.model, model, X, y), "data": "held out"}
    step = type(step).from_dict({**step.as_dict(), "evaluation": evaluation})
    later = edited_run(run, model, step)
    card = ModelCard(text_of(later))
    (accuracy, _) = card.data.eval_results
    assert accuracy.metric_value == evaluation["after"]["accuracy"]
    assert accuracy.dataset_name == "photos (held out)"
    before, after = (f"{evaluation[side]['accuracy']:.4f}" for side in ("before", "after"))
    assert f"1. zero x0 (a cue): accuracy {before} → {after} (held out)" in card.text
    assert f"| as fitted, test | {run.metrics['accuracy']['test']:.4f} |" in card.text


def test_limits_are_said_with_the_figures(run):
    text = text_of(run)
    assert "They were not compared here." in text
    assert text.index("Read first") < text.index("What was measured")
    assert "What this does not prove" in text and "promise nothing on other data" in text


def test_folders_of_the_author_are_not_in_the_card(run):
    assert "somewhere" not in text_of(run)


@pytest.mark.parametrize("seed", range(20))
def test_yaml_reads_back_what_was_written(seed):
    rng = np.random.default_rng(seed)
    alphabet = "ab:#'\"\\-?[]{}&*!|>%@`\n\t \x00\x85\u2028\u202e\ufeff🦓é~"
    texts = ["".join(rng.choice(list(alphabet), 8)) for _ in range(6)]
    value = {
        "text": texts[0],
        "list": [texts[1], {"a": texts[2], "b": {"c": texts[3]}}, 1.5, True, None],
        "deep": {"list": [{"name": texts[4], "inner": [{"x": texts[5]}]}]},
    }
    assert yaml.safe_load("\n".join(yaml_lines(value))) == value


def test_hostile_names_stay_text():
    names = ["</script><img src=x onerror=alert(1)>", "a|b\n# head", "---", "[x](javascript:1)"]
    y = np.array(names)[np.arange(len(rows())) % 4]
    data = {"source": 'photos"\n---\nlicense: mit', "test": None}
    acts = ActivationSet(rows(), np.arange(len(y)).astype(str), y, record=IMAGES)
    run = fit_run(acts, acts, None, FitSettings(lam=0.01, control_repeats=0), data=data)
    card = ModelCard(text_of(run))
    assert card.data.license is None
    page = MarkdownIt("commonmark").enable("table").render(card.text)
    assert "<img" not in page and "<script" not in page and "<a " not in page
    assert page.count("<h2>") == 4
    assert json.dumps(card.data.to_dict())
