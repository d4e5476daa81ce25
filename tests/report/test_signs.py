"""Two classes share one row: what is positive means the same in every part and output."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from pcbm import EditPlan, PostHocCBM
from pcbm.audit import Evidence, audit_model, margins, paired_response
from pcbm.concepts import ConceptBank
from pcbm.editing import edited_run
from pcbm.explain import explain_samples
from pcbm.faithfulness import Range, counterfactuals
from pcbm.model import Run
from pcbm.model.card import model_card
from pcbm.model.run import row_names, weights_csv
from pcbm.report import render_markdown, render_report

ALONG = np.eye(1, 6)  # of "barks"
Problem = tuple[PostHocCBM, np.ndarray, np.ndarray]


def rows(swapped: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return rows in which "barks" tells dogs and "purrs" tells cats, or the other way round."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 6))
    dog = X[:, 0] - X[:, 1] + 0.7 * X[:, 4] + 0.3 * rng.normal(size=300) > 0
    return X, np.where(dog != swapped, "dog", "cat")


@pytest.fixture(scope="module", params=[False, True], ids=["barks", "purrs"])
def swapped(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture(scope="module", params=["none", "linear", "orthogonal", "erase"])
def problem(request: pytest.FixtureRequest, swapped: bool) -> Problem:
    """Return a model with one kind of residual, and the rows it was fitted on."""
    X, y = rows(swapped)
    bank = ConceptBank(["barks", "purrs", "noise"], np.eye(3, 6))
    return PostHocCBM(bank, lam=0.01, n_lams=5, residual=request.param).fit(X, y), X, y


def test_positive_argues_for_the_second_class_everywhere(problem: Problem, swapped: bool) -> None:
    model, X, y = problem
    barks, purrs = ("purrs", "barks") if swapped else ("barks", "purrs")  # what dogs do
    up, down = (model.concept_names_.index(name) for name in (barks, purrs))
    assert list(model.classes_) == ["cat", "dog"]
    assert model.coef_[0, up] > 0.5
    assert model.coef_[0, down] < -0.5

    # The head, with or without a residual on top, and what is decided.
    moved = X + (-2 if swapped else 2) * ALONG
    assert (model.decision_function(moved) > model.decision_function(X)).all()
    assert (model.predict_proba(moved)[:, 1] > model.predict_proba(X)[:, 1]).all()
    assert ((model.decision_function(X) > 0) == (model.predict(X) == "dog")).all()

    # Explanations, counterfactuals, audits.
    (sample,) = explain_samples(model, moved[model.predict(moved) == "dog"][:1])
    assert (sample["toward"], sample["against"]) == ("dog", "cat")
    cat = X[model.predict(X) == "cat"][:1]
    (flip,) = counterfactuals(model, cat, within=Range.of(model.transform(X), "all"), most=1)
    found = flip.as_dict()
    (change,) = found["changes"]
    assert found["target"] == "dog"
    assert change["concept"] in (barks, purrs)
    rises = change["score"]["to"] > change["score"]["from"]
    assert rises == (change["concept"] == barks)
    assert margins(model, X).names == ("dog",)
    more, less = (X, moved) if swapped else (moved, X)  # of "barks"
    response = paired_response(model, more, less)["toward"]["dog"]
    sign = -1 if swapped else 1
    assert sign * response["concepts"]["mean"] > 0.5
    assert sign * response["total"]["mean"] > 0.5
    audit = audit_model(model, "barks", Evidence(X, y, pairs=(more, less, None)), repeats=19)
    assert audit["coef"]["now"] == list(model.coef_[:, 0])
    assert audit["paired"]["now"]["toward"].keys() == {"dog"}
    assert audit["paired"]["now"]["toward"]["dog"]["total"] == response["total"]
    direction = audit["within_class"]["now"]["total"]["toward"]["dog"]["auc"] - 0.5
    assert sign * direction > 0.1

    # Edits, and every file and page that tells of them.
    edited, step = EditPlan().clamp(barks, "+").clamp(purrs, "+").step(model)
    assert edited.coef_[0, up] == model.coef_[0, up]
    assert edited.coef_[0, down] == 0
    assert {change.row for change in step.changes} == {"dog"}
    run = edited_run(Run.of_model(model), edited, step)
    table = list(csv.DictReader(io.StringIO(weights_csv(model))))
    signs = {row["concept"]: float(row["coef"]) > 0 for row in table if row["class"] == "dog"}
    assert signs[barks] and not signs[purrs]
    assert "Positive coefficients argue for dog." in model_card(run, row_names(edited))
    text = render_markdown(Run.of_model(model))
    assert f"`{barks}` +{model.coef_[0, up]:.2f}" in text
    assert "Negative weights argue for `cat`." in text
    page = render_report(run)
    assert "positive speaks for <bdi>dog</bdi>, negative for <bdi>cat</bdi>" in page
