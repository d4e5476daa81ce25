"""What the editor computes in a browser is what Python computes."""

from __future__ import annotations

import json
from typing import Any

import editing_page
import numpy as np
import pytest
from editor_browser import Open, numbers, put
from scipy.stats import norm

from pcbm.editing import EditPlan
from pcbm.model import Run
from pcbm.model.contributions import contributions
from pcbm.model.pipeline import evaluate_model

pytestmark = pytest.mark.browser


def random_plan(run: Run, rng: np.random.Generator, edits: int = 6) -> EditPlan:
    """Return edits of every kind on random concepts and, where there are several rows, classes."""
    model, plan = run.model, EditPlan()
    names = [str(c) for c in getattr(model, "classes_", [])]
    if len(model.coef_) == 1:
        names = []
    for _ in range(edits):
        concept = str(rng.choice(model.concept_names_))
        own = None
        if names and rng.random() < 0.5:
            own = [str(n) for n in rng.choice(names, rng.integers(1, len(names)), replace=False)]
        op = rng.integers(4)
        if op < 2:
            plan = plan.zero(concept, own, at=("mean", "boundary")[op])
        elif op == 2:
            plan = plan.scale(concept, float(rng.normal()), own)
        else:
            plan = plan.set(concept, float(rng.normal()), own)
    return plan


def logits(model: Any, X: np.ndarray) -> np.ndarray:
    found = model.predict(X) if not hasattr(model, "classes_") else model.decision_function(X)
    return np.asarray(found).reshape(len(X), -1)


@pytest.mark.filterwarnings("ignore:.*softmax compares the classes", "ignore:.*residual model")
@pytest.mark.parametrize("residual", ["none", "linear"])
@pytest.mark.parametrize("task", editing_page.TASKS)
def test_the_page_decides_as_python_does(show: Open, task: str, residual: str) -> None:
    run, cases = editing_page.example(task, residual)
    page, rng = show(run, cases), np.random.default_rng(7)
    X = np.asarray(cases.acts.X)
    for _ in range(8):
        plan = random_plan(run, rng)
        edited = plan.apply(run.model)
        put(page, plan)
        assert numbers(page, "pcbmEditor.now.coef").tolist() == edited.coef_.ravel().tolist()
        assert numbers(page, "pcbmEditor.now.intercept").tolist() == edited.intercept_.tolist()
        expected = logits(edited, X)
        found = numbers(page, "pcbmEditor.now.logits").reshape(-1, len(X)).T
        assert np.abs(found - expected).max() < 1e-4
        if task == "regression":
            continue
        sure = np.abs(expected).min(axis=1) > 1e-4
        if task == "multiclass":
            ranked = np.sort(expected, axis=1)
            sure = ranked[:, -1] - ranked[:, -2] > 1e-4
        assert sure.mean() > 0.95
        decided = numbers(page, "pcbmEditor.now.decided").reshape(-1, len(X)).T
        predicted = np.asarray(edited.predict(X))
        if task != "multilabel":
            decided, predicted = edited.classes_[decided[:, 0]], predicted
        assert (decided[sure] == predicted[sure]).all()


@pytest.mark.filterwarnings("ignore:.*softmax compares the classes")
@pytest.mark.parametrize("task", editing_page.TASKS)
def test_figures_of_all_rows_are_those_of_evaluate(show: Open, task: str) -> None:
    run, cases = editing_page.example(task)
    page = show(run, cases)
    plan = random_plan(run, np.random.default_rng(3))
    put(page, plan)
    figures = page.evaluate("pcbmEditor.figures")
    X = np.asarray(cases.acts.X)
    measure = "rmse" if task == "regression" else "accuracy"
    for side, model in (("before", run.model), ("after", plan.apply(run.model))):
        expected = evaluate_model(model, X, cases.y, cases.acts.group)
        for row in figures["overall"]:
            assert row[side]["value"] == pytest.approx(expected[row["measure"]], abs=1e-6)
        for kind in ("groups", "classes"):
            table = expected["per_group" if kind == "groups" else "per_class"] or {}
            assert [row["name"] for row in figures[kind]] == list(table)
            for row in figures[kind]:
                assert row[side]["value"] == pytest.approx(table[row["name"]][measure], abs=1e-6)
    before, after = run.model.predict(X), plan.apply(run.model).predict(X)
    moved = (before != after).reshape(len(X), -1).any(axis=1)
    assert figures["changed"]["rows"] == np.flatnonzero(moved).tolist()
    assert figures["changed"]["value"] == pytest.approx(moved.mean())


def wilson(weight: np.ndarray, hit: np.ndarray) -> tuple[float, float, float]:
    """Return a weighted share and its interval, from the formulas of the documentation."""
    total, z = weight.sum(), norm.ppf(0.975)
    p = float(weight @ hit / total)
    variance = float(((weight * (hit - p)) ** 2).sum() / total**2)
    n = min(len(hit), p * (1 - p) / variance) if 0 < p < 1 else total**2 / (weight**2).sum()
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return p, middle - reach, middle + reach


def test_weighted_figures_and_intervals_follow_their_formulas(show: Open) -> None:
    run, cases = editing_page.example("multiclass")
    page = show(run, cases)
    weight = np.random.default_rng(0).uniform(0.5, 6.0, len(cases))
    # The sample is small enough to be shown whole, so that weights are put in by hand.
    page.evaluate("weight => pcbmEditor.sample.weight.set(weight)", weight.tolist())
    plan = EditPlan().zero("concept 0").set("concept 3", -0.7)
    put(page, plan)
    figures = page.evaluate("pcbmEditor.figures")
    X, group = np.asarray(cases.acts.X), cases.acts.group
    before = (run.model.predict(X) == cases.y).astype(float)
    after = (plan.apply(run.model).predict(X) == cases.y).astype(float)
    sets = {"": np.ones(len(X), bool)} | {str(g): group == g for g in np.unique(group)}
    rows = figures["overall"] + figures["groups"]
    assert [row["name"] for row in rows] == list(sets)
    for row, inside in zip(rows, sets.values(), strict=True):
        for side, hit in (("before", before), ("after", after)):
            found = [row[side][key] for key in ("value", "low", "high")]
            assert found == pytest.approx(wilson(weight[inside], hit[inside]), abs=1e-9)
        change = float(np.average((after - before)[inside], weights=weight[inside]))
        assert row["change"]["value"] == pytest.approx(change)
        assert row["change"]["low"] < change < row["change"]["high"]


def test_intervals_of_draws_hold_the_figure_of_all_rows(show: Open) -> None:
    """The intervals are meant for 95 of 100 draws; 93 are enough, and not all of them."""
    run, cases = editing_page.example("multiclass")
    page = show(run, cases)
    rng = np.random.default_rng(5)
    size, draws = np.array([4000, 900, 100]), 400
    chance = np.array([[0.95, 0.9], [0.7, 0.6], [0.4, 0.8]])  # right before, right after
    sample = np.array([90, 60, 30])
    weight = np.repeat(size / sample, sample)
    truth = (chance * size[:, None]).sum(axis=0) / size.sum()
    coverage = {"before": 0, "after": 0, "change": 0}
    hits = rng.random((draws, sample.sum(), 2)) < np.repeat(chance, sample, axis=0)
    found = page.evaluate(
        """([weight, draws]) => JSON.stringify(draws.map(([before, after]) => {
          const rows = weight.map((_, i) => i);
          const [a, b] = [before, after].map((hits) => (i) => Number(hits[i]));
          const { share, shareChange } = pcbmEditor.measures;
          return { before: share(weight, rows, a), after: share(weight, rows, b),
                   change: shareChange(weight, rows, a, b) };
        }))""",
        [
            weight.tolist(),
            [["".join(map(str, one[:, j])) for j in (0, 1)] for one in hits.astype(int)],
        ],
    )
    targets = {"before": truth[0], "after": truth[1], "change": truth[1] - truth[0]}
    for one in json.loads(found):
        for name, target in targets.items():
            coverage[name] += one[name]["low"] <= target <= one[name]["high"]
    assert min(coverage.values()) >= 0.93 * draws, coverage
    assert max(coverage.values()) < draws


@pytest.mark.filterwarnings("ignore:.*residual model")
@pytest.mark.parametrize("task", editing_page.TASKS)
def test_an_explanation_is_pythons_and_adds_up(show: Open, task: str) -> None:
    run, cases = editing_page.example(task, "linear")
    page = show(run, cases)
    plan = EditPlan().scale("concept 1", 0.4).zero("concept 2")
    put(page, plan)
    edited, X = plan.apply(run.model), np.asarray(cases.acts.X)
    scores = (edited.transform(X) - edited.mean_) / edited.scale_
    expected = contributions(
        scores, edited.coef_, edited.intercept_, edited.residual_.decision(X), edited.head_.family_
    )
    for i in (0, 17, 255):
        found = page.evaluate("i => pcbmEditor.explain(i)", i)
        assert found["values"] == pytest.approx(expected.values[i].tolist(), abs=1e-5)
        assert found["margin"] == pytest.approx(float(expected.margin[i]), abs=1e-4)
        page.select_option("#ed-which", "all")
        page.fill("#ed-row-search", f"row-{i}")
        page.check(f'#ed-rows input[value="{i}"]')
        shown = page.inner_text("#ed-case .sum .num").split()[0].replace("\u2212", "-")
        assert float(shown) == pytest.approx(float(expected.margin[i]), abs=6e-4)
