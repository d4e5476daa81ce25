"""Suggestions: they find a planted cue, never report what they searched on, and can be repeated."""

from __future__ import annotations

import json

import cued
import numpy as np
import pytest

from pcbm.audit import Judged, Suggestions, suggest_edits
from pcbm.audit.search import Aim, best_subset, candidates, greedy
from pcbm.audit.search_problem import problem_of
from pcbm.editing import ChosenOn, EditPlan, content_of, head_of
from pcbm.errors import InputError
from pcbm.model import PostHocCBM, PostHocCBMRegressor


@pytest.fixture(scope="module")
def model() -> PostHocCBM:
    return cued.fit(cued.cue_bank(), cued.draw(seed=0))


@pytest.fixture(scope="module")
def shifted() -> cued.Rows:
    return cued.draw(150, tied=0.1, seed=3)


@pytest.fixture(scope="module")
def found(model: PostHocCBM, shifted: cued.Rows) -> Suggestions:
    usual = cued.draw(400, tied=0.9, seed=4)
    there = Judged(usual.X, usual.y)
    return suggest_edits(model, shifted.X, shifted.y, in_distribution=there, max_edits=1,
                         plan=EditPlan().scale("cue", 0.5))  # fmt: skip


def rows_of(found: Suggestions) -> dict[str, dict]:
    return {row["name"]: row for row in found.rows}


def test_both_searches_find_a_planted_cue(model: PostHocCBM, found: Suggestions) -> None:
    rows = rows_of(found)
    for name in ("greedy", "best_subset"):
        assert rows[name]["edits"] == ["zero 'cue'"]
        assert rows[name]["chosen_in_folds"] == {"zero 'cue'": 1.0}
        assert rows[name]["here"]["difference"]["intervals"]["accuracy"][0] > 0.1
        assert rows[name]["here"]["mcnemar"]["exact"] < 0.001
    assert [str(edit) for edit in found.plan.edits] == ["zero 'cue'"]
    half = rows["persons_plan"]["here"]["accuracy"]
    assert rows["no_edit"]["here"]["accuracy"] < half < rows["greedy"]["here"]["accuracy"]
    assert rows["random_choice"]["here"]["accuracy"] < half
    assert rows["fine_tuned_head"]["here"]["accuracy"] > rows["no_edit"]["here"]["accuracy"]
    assert rows["fine_tuned_head"]["there"] is not None


def test_the_plan_says_where_it_comes_from(
    model: PostHocCBM, shifted: cued.Rows, found: Suggestions
) -> None:
    assert found.plan.chosen_on.content == content_of(shifted.X)
    assert "cross-fitted change" in found.plan.reason
    marked = suggest_edits(model, shifted.X, shifted.y, plan=found.plan)
    assert any("judged on the data it was chosen on" in text for text in marked.warnings)
    named = suggest_edits(model, shifted.X, shifted.y, source=ChosenOn("abc", "val"))
    assert named.plan.chosen_on == ChosenOn("abc", "val")
    assert EditPlan.from_json(found.plan.to_json()) == found.plan


def test_figures_are_those_of_rows_the_search_did_not_see() -> None:
    reported, searched, inside = [], [], 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(300, 30))
        y = np.where(X @ rng.normal(size=30) > 0, "b", "a")
        model = PostHocCBM(lam=1e-3, n_lams=5).fit(X, y)
        noise, labels = rng.normal(size=(80, 30)), rng.permutation(np.repeat(["a", "b"], 40))
        found = suggest_edits(model, noise, labels, seed=seed, repeats=2)
        row, base = rows_of(found)["greedy"], rows_of(found)["no_edit"]["here"]["accuracy"]
        reported.append(row["here"]["difference"]["accuracy"])
        searched.append(found.searched["greedy"] - base)
        inside += row["here"]["difference"]["intervals"]["accuracy"][0] <= 0
    assert np.mean(searched) > 0.08  # what a search says of itself on labels that mean nothing
    assert abs(np.mean(reported)) < 0.05
    assert inside >= 6


def test_the_searched_score_is_not_handed_on(found: Suggestions) -> None:
    document = json.dumps(found.as_dict())
    assert "searched" not in found.as_dict()
    assert found.searched["greedy"] > 0
    assert json.loads(document)["chosen"] in ("greedy", "best_subset")


def test_a_suggestion_that_does_not_help_is_named() -> None:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 30))
    model = PostHocCBM(lam=1e-3, n_lams=5).fit(X, np.where(X @ rng.normal(size=30) > 0, "b", "a"))
    labels = rng.permutation(np.repeat(["a", "b"], 40))
    found = suggest_edits(model, rng.normal(size=(80, 30)), labels, repeats=2)
    assert any("not shown to help" in text for text in found.warnings)


def test_groups_raise_the_worst_group(model: PostHocCBM) -> None:
    rows = cued.draw(300, tied=0.9, seed=6)
    group = np.char.add(rows.y, np.where(rows.present, " with", " without"))
    found = suggest_edits(model, rows.X, rows.y, group, by="groups", max_edits=1)
    table = rows_of(found)
    assert found.plan.edits[0].concept == "cue"
    gain = table["greedy"]["here"]["worst_group"] - table["no_edit"]["here"]["worst_group"]
    assert gain > 0.1
    assert table["no_edit"]["here"]["intervals"]["worst_group"] is not None


def test_the_same_seed_gives_the_same_bytes(model: PostHocCBM, shifted: cued.Rows) -> None:
    one, same, other = (
        json.dumps(suggest_edits(model, shifted.X, shifted.y, seed=s).as_dict()) for s in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_what_a_search_predicts_is_what_the_plan_does(shifted: cued.Rows) -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    X = rng.normal(size=(300, 6))
    X[np.arange(300), y] += 2
    model = PostHocCBM(lam=0.003, n_lams=5).fit(X, np.array(["a", "b", "c"])[y])
    problem = problem_of(model, X, np.array(["a", "b", "c"])[y], None, None, "shifted", 2, 5, 0)
    effects = problem.effects(problem.here.Z)
    assert any(c.edit.classes for c in problem.known)
    for candidate, effect in zip(problem.known, effects, strict=True):
        edited, _ = EditPlan(edits=(candidate.edit,)).step(model)
        moved = problem.base(problem.here) + effect
        np.testing.assert_allclose(moved, edited.decision_function(X), atol=1e-9)


def test_best_subset_finds_a_pair_that_greedy_cannot() -> None:
    aim = Aim(np.array([1, 1, 1, 1]), None, "shifted")
    logits = np.column_stack([np.zeros(4), [1.0, 1.0, -3.0, -3.0]])
    up = np.array([[-2.0, -2.0, 4.0, 4.0], [3.0, 3.0, 0.0, 0.0], [0.0, 0.0, 3.5, -1.0]])
    effects = [np.column_stack([np.zeros(4), row]) for row in up]
    head = head_of(PostHocCBM(lam=0.001, n_lams=5).fit(*_three()))
    known = [c for c in candidates(head) if c.factor == 0][:3]
    assert set(best_subset(logits, effects, known, aim, 2)) == {0, 1}
    assert greedy(logits, effects, known, aim, 2) == (2,)


def _three() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    return X, np.where(X.sum(axis=1) + rng.normal(size=100) > 0, "b", "a")


def test_refusals(model: PostHocCBM, shifted: cued.Rows) -> None:
    X, y = shifted.X, shifted.y
    for arguments, words in (
        ({"by": "accuracy"}, "by was given as"),
        ({"by": "groups"}, "needs a group"),
        ({"plan": EditPlan().zero("cue").followed_by(refit=True)}, "needs training data"),
    ):
        with pytest.raises(InputError, match=words):
            suggest_edits(model, X, y, **arguments)
    with pytest.raises(InputError, match="too few"):
        suggest_edits(model, X[:10], y[:10])
    bare = model.with_head(np.zeros_like(model.coef_), model.intercept_)
    with pytest.raises(InputError, match="uses no concept"):
        suggest_edits(bare, X, y)
    regressor = PostHocCBMRegressor(lam=0.1, n_lams=5).fit(X, X[:, 0])
    with pytest.raises(InputError, match="one class a row"):
        suggest_edits(regressor, X, X[:, 0])


def test_a_wide_head_is_searched_among_its_strongest_edits(
    model: PostHocCBM, shifted: cued.Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pcbm.audit.search_problem.NUMBERS", 1)
    monkeypatch.setattr("pcbm.audit.search_problem.FEWEST_CANDIDATES", 2)
    found = suggest_edits(model, shifted.X, shifted.y, repeats=2)
    assert found.settings["candidates"] == 2
    assert any("the 2 strongest of" in text for text in found.notes)
