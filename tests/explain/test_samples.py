"""Explanations add up to the model's own margin, and say which way they point."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pcbm import ActivationSet
from pcbm.errors import InputError
from pcbm.explain import explain_samples
from pcbm.model import FitSettings, PostHocCBM, PostHocCBMRegressor, fit_run


def draw(n_classes: int, seed: int = 0, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    X = rng.normal(size=(n, 8)) + 1.5
    X[np.arange(n), y] += 1.8
    return X, np.array(["ant", "bee", "cow", "dog"])[y]


@pytest.fixture(scope="module", params=["none", "linear"])
def softmax_model(request: pytest.FixtureRequest) -> PostHocCBM:
    return PostHocCBM(lam=0.03, n_lams=5, residual=request.param).fit(*draw(4))


@pytest.fixture(scope="module", params=["none", "linear"])
def binary_model(request: pytest.FixtureRequest) -> PostHocCBM:
    return PostHocCBM(lam=0.03, n_lams=5, residual=request.param).fit(*draw(2))


def total(record: dict) -> float:
    parts = sum(concept["contribution"] for concept in record["concepts"])
    return parts + record["other"] + record["intercept"] + (record["residual"] or 0.0)


def test_softmax_parts_add_up_to_the_margin_over_the_runner_up(softmax_model: PostHocCBM) -> None:
    X, _ = draw(4, seed=1, n=40)
    logits, classes = softmax_model.decision_function(X), list(softmax_model.classes_)
    predicted = softmax_model.predict(X)
    for i, record in enumerate(explain_samples(softmax_model, X)):
        order = np.argsort(-logits[i])
        assert (record["label"], record["against"]) == (classes[order[0]], classes[order[1]])
        assert record["toward"] == record["label"] == predicted[i]
        margin = logits[i, order[0]] - logits[i, order[1]]
        assert record["margin"] == pytest.approx(margin, abs=1e-10)
        assert total(record) == pytest.approx(margin, abs=1e-10)
        assert (record["residual"] is None) == (softmax_model.residual == "none")


def test_binary_parts_add_up_to_the_decision_function_whichever_class_wins(
    binary_model: PostHocCBM,
) -> None:
    X, _ = draw(2, seed=2, n=40)
    decisions = binary_model.decision_function(X)
    records = explain_samples(binary_model, X)
    assert {record["label"] for record in records} == {"ant", "bee"}
    for record, decision in zip(records, decisions, strict=True):
        assert record["toward"] == "bee"
        assert {record["label"], record["against"]} == {"ant", "bee"}
        assert record["label"] == ("bee" if decision > 0 else "ant")
        assert total(record) == pytest.approx(decision, abs=1e-10)


def test_a_contribution_is_coefficient_times_standardised_score(binary_model: PostHocCBM) -> None:
    X, _ = draw(2, seed=3, n=5)
    for i, record in enumerate(explain_samples(binary_model, X)):
        for concept in record["concepts"]:
            k = binary_model.concept_names_.index(concept["name"])
            assert concept["score"] == pytest.approx(binary_model.transform(X)[i, k])
            standard = (concept["score"] - binary_model.mean_[k]) / binary_model.scale_[k]
            assert concept["standardised"] == pytest.approx(standard)
            assert concept["coef"] == binary_model.coef_[0, k]
            assert concept["contribution"] == pytest.approx(concept["coef"] * standard)


def test_concepts_come_largest_first_and_zeros_are_left_out(softmax_model: PostHocCBM) -> None:
    X, _ = draw(4, seed=4, n=20)
    listed = 0
    for record in explain_samples(softmax_model, X):
        sizes = [abs(concept["contribution"]) for concept in record["concepts"]]
        assert sizes == sorted(sizes, reverse=True)
        assert all(sizes)
        listed += len(sizes)
    assert listed < 20 * len(softmax_model.concept_names_)


def test_top_keeps_the_sum(softmax_model: PostHocCBM) -> None:
    X, _ = draw(4, seed=5, n=10)
    for record in explain_samples(softmax_model, X, top=1):
        assert len(record["concepts"]) <= 1
        assert total(record) == pytest.approx(record["margin"], abs=1e-10)


def test_probabilities_are_those_of_the_model_by_name(softmax_model: PostHocCBM) -> None:
    X, _ = draw(4, seed=6, n=3)
    for record, row in zip(
        explain_samples(softmax_model, X), softmax_model.predict_proba(X), strict=True
    ):
        assert record["proba"] == dict(zip(softmax_model.classes_, row, strict=True))


def test_multilabel_lists_all_labels_and_explains_the_likeliest() -> None:
    X, y = draw(4)
    Y = np.stack([y == "ant", X[:, 5] > 1.5], axis=1).astype(int)
    model = PostHocCBM(lam=0.01, n_lams=5).fit(X, Y)
    logits = model.decision_function(X)
    for i, record in enumerate(explain_samples(model, X)):
        assert record["label"] == [str(model.classes_[j]) for j in np.flatnonzero(logits[i] > 0)]
        best = int(logits[i].argmax())
        assert (record["toward"], record["against"]) == (str(model.classes_[best]), None)
        assert total(record) == pytest.approx(logits[i, best], abs=1e-10)


def test_regression_parts_add_up_to_the_prediction() -> None:
    X, _ = draw(2)
    model = PostHocCBMRegressor(lam=0.01, n_lams=5).fit(X, 2 * X[:, 0] - X[:, 3] + 7)
    for record, value in zip(explain_samples(model, X), model.predict(X), strict=True):
        assert record["label"] == value
        assert record["proba"] is None
        assert total(record) == pytest.approx(value, abs=1e-9)


def test_records_are_plain_json_with_the_promised_keys(softmax_model: PostHocCBM) -> None:
    X, _ = draw(4, seed=7, n=2)
    records = explain_samples(softmax_model, X, ["a/1.png", "b/2.png"])
    assert json.loads(json.dumps(records)) == records
    assert [record["id"] for record in records] == ["a/1.png", "b/2.png"]
    promised = {"id", "label", "against", "proba", "concepts", "residual"}
    assert promised <= set(records[0])
    assert {"name", "score", "coef", "contribution"} <= set(records[0]["concepts"][0])


def test_no_rows_give_no_records(softmax_model: PostHocCBM) -> None:
    assert explain_samples(softmax_model, np.empty((0, 8))) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [({"top": 0}, "top is 0: give the number"), ({"ids": ["a"]}, "2 rows but 1 ids")],
)
def test_wrong_options_are_one_line(softmax_model: PostHocCBM, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        explain_samples(softmax_model, draw(4, n=2)[0], **options)


def test_many_rows_are_explained_as_if_each_were_alone(
    monkeypatch: pytest.MonkeyPatch, softmax_model: PostHocCBM
) -> None:
    X, _ = draw(4, seed=5, n=11)
    whole = explain_samples(softmax_model, X)
    monkeypatch.setattr("pcbm.explain.samples.BLOCK_ROWS", 4)
    parts = explain_samples(softmax_model, X)
    assert [record["id"] for record in parts] == [str(i) for i in range(11)]
    for one, other in zip(whole, parts, strict=True):
        assert one["label"] == other["label"]
        assert one["margin"] == pytest.approx(other["margin"], abs=1e-12)


def test_labels_have_their_names_before_a_multilabel_run_is_saved() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    names = ["fur", "wings"]
    acts = ActivationSet(
        X, np.arange(120).astype(str), (X[:, :2] > 0).astype(int), label_names=names
    )
    settings = FitSettings(lam=0.01, control_repeats=0)
    run = fit_run(acts.take(np.arange(80)), acts.take(np.arange(80, 120)), None, settings)
    records = explain_samples(run.model, X[:20])
    assert {name for record in records for name in record["label"]} == set(names)
    assert set(records[0]["proba"]) == set(names)
