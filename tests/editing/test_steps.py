"""Editing fitted models: renormalise, refit, the history, and what an edit did."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from pcbm.editing import (
    EditPlan,
    Step,
    edited_run,
    evaluate_edit,
    evaluations,
    head_of,
    history_of,
    joined_evaluation,
    original_model,
    read_history,
    signed_reliance,
)
from pcbm.errors import InputError
from pcbm.heads import kkt_violation
from pcbm.model import PostHocCBM, PostHocCBMRegressor, Run, load_run, save_run

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]


def test_applying_a_plan_gives_a_new_model_and_leaves_the_old_one(
    softmax_model: PostHocCBM, planted: Draw
) -> None:
    X, _ = planted(["bird", "car", "zebra"], seed=5)
    before = softmax_model.predict_proba(X)
    edited = softmax_model.edit(EditPlan().zero("stripes"))
    assert (edited.coef_[:, 0] == 0).all()
    assert (softmax_model.coef_[:, 0] != 0).any()
    assert np.array_equal(softmax_model.predict_proba(X), before)


def test_what_deserves_attention_comes_as_a_warning_in_python(softmax_model: PostHocCBM) -> None:
    with pytest.warns(UserWarning, match="softmax compares the classes"):
        softmax_model.edit(EditPlan().zero("stripes", classes=["bird"]))


def test_positive_coefficients_of_a_binary_model_argue_for_the_second_class(
    binary_model: PostHocCBM, planted: Draw
) -> None:
    X, _ = planted(["cat", "dog"], seed=6)
    edited, step = EditPlan().set("wings", 50.0).step(binary_model)
    present = binary_model.transform(X)[:, 2] > binary_model.mean_[2]
    assert (edited.predict(X[present]) == "dog").mean() > 0.95
    assert {change.row for change in step.changes} == {"dog"}


def test_renormalise_keeps_the_l1_norm_of_touched_rows_and_leaves_the_others(
    softmax_model: PostHocCBM,
) -> None:
    plan = EditPlan().zero("stripes", ["bird"])
    edited, step = plan.step(softmax_model, renormalise=True)
    before, after = np.abs(softmax_model.coef_), np.abs(edited.coef_)
    assert edited.coef_[0, 0] == 0
    np.testing.assert_allclose(after[0].sum(), before[0].sum(), rtol=1e-12)
    assert np.array_equal(edited.coef_[1:], softmax_model.coef_[1:])
    assert step.follow_up == "renormalise"


def test_renormalise_keeps_a_value_that_was_asked_for(softmax_model: PostHocCBM) -> None:
    edited, _ = EditPlan().set("stripes", 0.125, ["bird"]).step(softmax_model, renormalise=True)
    assert edited.coef_[0, 0] == 0.125
    np.testing.assert_allclose(np.abs(edited.coef_[0]).sum(), np.abs(softmax_model.coef_[0]).sum())


def test_renormalise_says_when_there_is_no_room(softmax_model: PostHocCBM) -> None:
    edited, step = EditPlan().set("stripes", 99.0, ["bird"]).step(softmax_model, renormalise=True)
    assert edited.coef_[0, 0] == 99.0
    assert "the row of 'bird' was not renormalised" in step.warnings[0]


@pytest.mark.parametrize("family", ["softmax", "binary", "regression"])
def test_refit_is_optimal_with_the_edited_coefficients_held(
    family: str,
    softmax_model: PostHocCBM,
    binary_model: PostHocCBM,
    regressor: PostHocCBMRegressor,
    planted: Draw,
) -> None:
    model = {"softmax": softmax_model, "binary": binary_model, "regression": regressor}[family]
    classes = {"softmax": ["bird", "car", "zebra"], "binary": ["cat", "dog"]}.get(family, ["a"])
    X, y = planted(classes)
    if family == "regression":
        y = 3.0 * X[:, 0] - X[:, 2]
    plan = EditPlan().zero("stripes").set("wings", 0.3)
    edited, step = plan.step(model, refit_on=(X, y))
    assert (edited.coef_[:, 0] == 0).all()
    assert (edited.coef_[:, 2] == 0.3).all()
    Z = (model.transform(X) - model.mean_) / model.scale_
    held = np.where([True, False, True, False], edited.coef_, 0.0)
    violation = kkt_violation(
        Z,
        y,
        edited.coef_ - held,
        edited.intercept_,
        model.lam_,
        family=model.head_.family_,
        l1_ratio=model.l1_ratio,
        offset=Z @ held.T,
        free=np.tile([False, True, False, True], (len(edited.coef_), 1)),
    )
    assert violation <= model.tol * 1.01
    assert step.refit is not None
    assert step.refit["n"] == len(X)


def test_refit_of_a_nonnegative_head_stays_nonnegative(planted: Draw) -> None:
    X, y = planted(["bird", "car", "zebra"])
    model = PostHocCBM(lam=0.01, n_lams=5, nonnegative=True).fit(X, y)
    edited, _ = EditPlan().set(model.concept_names_[0], -0.5).step(model, refit_on=(X, y))
    assert (edited.coef_[:, 0] == -0.5).all()
    assert (edited.coef_[:, 1:] >= 0).all()


def test_refit_of_nothing_but_zeros_repairs_better_than_zeroing_alone(
    softmax_model: PostHocCBM, planted: Draw
) -> None:
    X, y = planted(["bird", "car", "zebra"])
    plan = EditPlan().zero("grass")
    zeroed, _ = plan.step(softmax_model)
    refitted, _ = plan.step(softmax_model, refit_on=(X, y))
    assert refitted.score(X, y) >= zeroed.score(X, y)


def test_refit_refuses_a_head_whose_lam_is_for_other_units(planted: Draw) -> None:
    X, y = planted(["bird", "car", "zebra"])
    with pytest.warns(ConvergenceWarning):
        model = PostHocCBM(lam=1e-3, n_lams=5, solver="sgd").fit(X, y)
    with pytest.raises(InputError, match="fitted by solver 'sgd'"):
        EditPlan().zero("x0").step(model, refit_on=(X, y))


def test_refit_refuses_data_with_other_classes(softmax_model: PostHocCBM, planted: Draw) -> None:
    X, y = planted(["bird", "car"])
    with pytest.raises(InputError, match="no row of 'zebra'"):
        EditPlan().zero("stripes").step(softmax_model, refit_on=(X, y))
    X, y = planted(["bird", "car", "zebra", "dog"])
    with pytest.raises(InputError, match="the unknown class 'dog'"):
        EditPlan().zero("stripes").step(softmax_model, refit_on=(X, y))


def test_renormalise_and_refit_exclude_each_other(softmax_model: PostHocCBM, planted: Draw) -> None:
    data = planted(["bird", "car", "zebra"])
    with pytest.raises(InputError, match="give one of the two"):
        EditPlan().zero("stripes").step(softmax_model, renormalise=True, refit_on=data)


def test_a_residual_that_can_restore_the_cue_is_warned_about(planted: Draw) -> None:
    model = PostHocCBM(lam=0.05, n_lams=5, residual="linear").fit(
        *planted(["bird", "car", "zebra"])
    )
    _, step = EditPlan().zero("x0").step(model)
    assert any("residual model was fitted before this edit" in text for text in step.warnings)


@pytest.mark.parametrize("follow_up", ["", "renormalise", "refit"])
def test_the_history_takes_a_chain_of_edits_back_to_the_same_bytes(
    follow_up: str, softmax_model: PostHocCBM, planted: Draw
) -> None:
    data = planted(["bird", "car", "zebra"])
    plan = EditPlan().zero("stripes", at="boundary").scale("metal", 0.3, ["car"])
    first, _ = plan.step(
        softmax_model,
        renormalise=follow_up == "renormalise",
        refit_on=data if follow_up == "refit" else None,
        when="2025-01-31T12:00:00Z",
    )
    second, _ = EditPlan().set("wings", -1).step(first)
    steps = read_history(json.loads(json.dumps(history_of(second))))
    assert [step.when for step in steps] == ["2025-01-31T12:00:00Z", None]
    restored = original_model(second, steps)
    assert restored.coef_.tobytes() == softmax_model.coef_.tobytes()
    assert restored.intercept_.tobytes() == softmax_model.intercept_.tobytes()


def test_a_step_is_replayed_from_its_record(softmax_model: PostHocCBM) -> None:
    edited, step = EditPlan().zero("stripes").scale("wings", 2).step(softmax_model)
    again = EditPlan.from_dict(step.as_dict()["plan"]).apply(softmax_model)
    assert np.array_equal(again.coef_, edited.coef_)


@pytest.mark.parametrize(
    ("record", "message"),
    [(3, "schema_version None"), ({"schema_version": 1}, "is malformed (KeyError('plan'))")],
)
def test_a_damaged_history_is_refused(record: object, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_history([record])
    assert message in str(caught.value)


def test_evaluation_counts_what_became_of_changed_predictions(
    softmax_model: PostHocCBM, planted: Draw
) -> None:
    X, y = planted(["bird", "car", "zebra"], seed=9)
    edited, step = EditPlan().zero("stripes").step(softmax_model)
    result = evaluate_edit(softmax_model, edited, X, y, np.where(X[:, 5] > 2, "a", "b"))
    moved = softmax_model.predict(X) != edited.predict(X)
    changed = result["changed"]
    assert (changed["n"], changed["of"]) == (moved.sum(), len(X))
    gained = (changed["repaired"] - changed["broken"]) / len(X)
    difference = result["after"]["accuracy"] - result["before"]["accuracy"]
    assert difference == pytest.approx(gained)
    assert set(result["after"]["per_group"]) == {"a", "b"}
    record = replace(step, evaluation=result).as_dict()
    assert Step.from_dict(json.loads(json.dumps(record))).as_dict() == record


def pair(before: float, after: float) -> dict:
    return {"before": {"accuracy": before}, "after": {"accuracy": after}}


def test_over_correction_is_named() -> None:
    result = signed_reliance(pair(0.946, 0.673), pair(0.263, 0.894))
    assert result["before"] == pytest.approx(0.683)
    assert result["after"] == pytest.approx(-0.221)
    assert "over-correction" in result["warnings"][0]


def test_a_reliance_that_shrinks_or_ends_near_zero_is_no_over_correction() -> None:
    assert signed_reliance(pair(0.9, 0.85), pair(0.3, 0.7))["warnings"] == []
    assert signed_reliance(pair(0.9, 0.850), pair(0.3, 0.853))["warnings"] == []


@pytest.mark.parametrize(("n", "warned"), [(150, 0), (15_000, 1)])
def test_a_change_of_sign_within_chance_is_no_over_correction(n: int, warned: int) -> None:
    one, other = (
        {side: {"accuracy": figures[side]["accuracy"], "n": n} for side in ("before", "after")}
        for figures in (pair(0.94, 0.82), pair(0.4, 0.85))
    )
    result = signed_reliance(one, other)
    low, high = result["intervals"]["after"]
    assert (low < 0 < high) == (warned == 0)
    assert len(result["warnings"]) == warned


def test_regression_is_edited_without_classes(regressor: PostHocCBMRegressor) -> None:
    edited, _ = EditPlan().zero("stripes").step(regressor)
    assert edited.coef_[0, 0] == 0
    assert edited.predict(np.ones((2, 6))).shape == (2,)
    assert head_of(edited).row_names == ("prediction",)
    with pytest.raises(InputError, match="a regression has no classes: leave the class out"):
        EditPlan().zero("stripes", ["a"]).step(regressor)


def test_sets_are_joined_and_compared_in_their_order(
    softmax_model: PostHocCBM, planted: Draw
) -> None:
    edited, _ = EditPlan().zero("stripes").step(softmax_model)
    sets = {
        name: evaluate_edit(softmax_model, edited, *planted(["bird", "car", "zebra"], seed=seed))
        for name, seed in (("id", 11), ("shifted", 12))
    }
    record = joined_evaluation(sets)
    assert [one["data"] for one in evaluations(record)] == ["id", "shifted"]
    expected = sets["id"]["before"]["accuracy"] - sets["shifted"]["before"]["accuracy"]
    assert record["reliance"]["before"] == pytest.approx(expected)
    assert "reliance" not in joined_evaluation({"id": sets["id"]})
    assert evaluations(None) == []


def test_an_edited_run_keeps_what_the_fit_measured_apart(
    softmax_model: PostHocCBM, tmp_path: Path
) -> None:
    run = Run.of_model(softmax_model)
    run.metrics["accuracy"] = {"train": 0.9, "test": 0.8}
    fitted = {
        "accuracy": {"train": 0.9, "test": 0.8},
        "nec": softmax_model.nec_,
        "evaluation": None,
    }
    once = edited_run(run, *EditPlan().zero("stripes").step(run.model))
    twice = edited_run(once, *EditPlan().zero("metal").step(once.model))
    assert run.metrics["accuracy"]["test"] == 0.8
    assert twice.metrics["accuracy"] == {"train": None, "test": None}
    assert twice.metrics["as_fitted"] == fitted
    assert twice.metrics["nec"] == np.count_nonzero(twice.model.coef_) / 3
    save_run(twice, tmp_path / "run")
    loaded = load_run(tmp_path / "run")
    assert len(loaded.edits) == 2
    restored = original_model(loaded.model, read_history(loaded.edits))
    assert restored.coef_.tobytes() == softmax_model.coef_.tobytes()


def test_labels_of_a_multilabel_model_are_edited_one_by_one(planted: Draw) -> None:
    X, y = planted(["bird", "car", "zebra"])
    Y = np.stack([y == "bird", X[:, 3] > 2], axis=1).astype(int)
    model = PostHocCBM(lam=0.01, n_lams=5).fit(X, Y)
    plan = EditPlan().zero("x0", classes=[model.classes_[0]])
    edited, step = plan.step(model, refit_on=(X, Y))
    assert edited.coef_[0, 0] == 0
    assert step.warnings == ()
    assert step.refit is not None
    assert step.refit["kkt"] <= model.tol


def test_a_grouped_head_is_refitted_with_its_own_penalty(planted: Draw) -> None:
    X, y = planted(["bird", "car", "zebra"])
    model = PostHocCBM(lam=0.03, n_lams=5, grouped=True).fit(X, y)
    edited, step = EditPlan().zero("x0").step(model, refit_on=(X, y))
    assert (edited.coef_[:, 0] == 0).all()
    used = (edited.coef_ != 0).any(axis=0)
    assert (edited.coef_[:, used] != 0).all()
    assert step.refit is not None
    assert step.refit["kkt"] <= model.tol
