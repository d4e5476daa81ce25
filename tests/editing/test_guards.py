"""Guards: what each guarantees, to rounding, and what it costs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cued import Rows, cue_bank, draw, fit, pairs, put

from pcbm import EditPlan, PostHocCBM, PostHocCBMRegressor
from pcbm.concepts import ConceptBank
from pcbm.editing import (
    GUARDS,
    TrainingData,
    balanced_weight,
    head_of,
    original_model,
    read_history,
)
from pcbm.editing.guards import guard_recentre, guard_residual, guard_scores, guard_silent
from pcbm.errors import InputError
from pcbm.model.run import model_state

PLAN = EditPlan().zero("cue")


def with_guards(plan: EditPlan, names: list[str], direction: str | None = None) -> EditPlan:
    for name in names:
        plan = plan.guarded(name, direction=direction if name == "silent" else None)
    return plan


@pytest.fixture(scope="module")
def bank() -> ConceptBank:
    return cue_bank()


def mixed(rows: Rows) -> Rows:
    """Return rows whose columns are turned, so that every score shows something of every other."""
    rng = np.random.default_rng(8)
    turn = np.eye(rows.X.shape[1]) + 0.3 * rng.normal(size=(rows.X.shape[1],) * 2)
    return Rows(rows.X @ turn, rows.y, rows.present)


def three(rows: Rows) -> Rows:
    return Rows(rows.X, np.where(rows.X[:, 3] > 1, "emu", rows.y), rows.present)


CASES = {"two classes": mixed(draw()), "three classes": three(mixed(draw()))}


def edited(case: str, **settings: Any) -> tuple[PostHocCBM, PostHocCBM, TrainingData]:
    rows = CASES[case]
    model = fit(cue_bank(), rows, **settings)
    return model, model.edit(PLAN), TrainingData(rows.X, rows.y, rows.present.astype(str))


def covariance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the correlations of columns, shape (a, b)."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    return one.T @ other / len(one) / np.outer(one.std(axis=0), other.std(axis=0))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("refitted", [False, True])
def test_erased_scores_are_uncorrelated_with_the_removed_one(case: str, refitted: bool) -> None:
    _, model, data = edited(case)
    others = [0, 2, 3]
    before = covariance(model.transform(data.X)[:, others], model.transform(data.X)[:, [1]])
    assert np.abs(before).max() > 0.1
    guarded, record = guard_scores(model, ["cue"], data, refitted=refitted)
    scores = guarded.transform(data.X)
    assert np.abs(covariance(scores[:, others], scores[:, [1]])).max() < 1e-8
    assert record["covariance"] < 1e-8
    np.testing.assert_allclose(scores[:, others].mean(axis=0), guarded.mean_[others])
    np.testing.assert_allclose(scores[:, others].std(axis=0), guarded.scale_[others])
    np.testing.assert_allclose(scores[:, 1], model.transform(data.X)[:, 1])
    assert not guarded.coef_[:, 1].any()
    assert (record["refit"] is not None) == refitted


def test_erasing_changes_the_logits_by_the_erased_part_alone() -> None:
    _, model, data = edited("two classes")
    guarded, _ = guard_scores(model, ["cue"], data)
    raw = model.coef_[0] / model.scale_
    S = model.transform(data.X)[:, [0, 2, 3]]
    # The least change of S that is uncorrelated with R, written out for one removed score.
    centred = S - S.mean(axis=0)
    cov = centred.T @ (model.transform(data.X)[:, 1] - model.mean_[1]) / len(S)
    inner = np.linalg.solve(centred.T @ centred / len(S), cov)
    erased = centred - np.outer(centred @ inner, cov) / (cov @ inner)
    wanted = erased @ raw[[0, 2, 3]] + model.intercept_[0]
    np.testing.assert_allclose(guarded.decision_function(data.X), wanted, atol=1e-9)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("paired", [False, True])
def test_the_head_is_silent_in_the_direction_of_the_cue(case: str, paired: bool) -> None:
    model, zeroed, data = edited(case)
    rng = np.random.default_rng(2)
    X = rng.normal(size=(50, data.X.shape[1]))
    shift = rng.normal(size=X.shape[1])
    moved = model.transform(X + shift) - model.transform(X)
    direction = moved.mean(axis=0) if paired else None
    guarded, record = guard_silent(zeroed, ["cue"], data, direction=direction)
    assert np.abs(record["response"]["after"]).max() < 1e-8
    assert np.abs(record["response"]["before"]).max() > 0.05
    assert record["direction"] == ("pairs" if paired else "scores")
    assert not guarded.coef_[:, 1].any()
    assert guarded.coef_.any()
    if paired:
        change = guarded.decision_function(X + shift) - guarded.decision_function(X)
        assert np.abs(change).max() < 1e-8
        assert np.abs(zeroed.decision_function(X + shift) - zeroed.decision_function(X)).max() > 0.1
    else:
        scores, own = model.transform(data.X), []
        for name in np.unique(data.y):
            inside = scores[data.y == name]
            own.append(len(inside) * np.cov(inside.T, bias=True)[:, 1])
        response = guarded.coef_ @ (np.sum(own, axis=0) / model.scale_)
        assert np.abs(response).max() < 1e-8 * len(scores)


@pytest.mark.parametrize("guards", [["silent"], ["scores", "silent"]])
def test_pairs_move_no_margin_of_a_silent_head_whatever_else_guards_it(guards: list[str]) -> None:
    model, _, data = edited("two classes")
    having, lacking = pairs(shadow=0.8)
    zeroed = model.edit(PLAN)
    before = zeroed.decision_function(having) - zeroed.decision_function(lacking)
    guarded = model.edit(with_guards(PLAN, guards, "pairs"), data, (having, lacking))
    after = guarded.decision_function(having) - guarded.decision_function(lacking)
    assert abs(before.mean()) > 0.1
    assert abs(after.mean()) < 1e-8


def test_a_direction_that_only_one_concept_shows_takes_that_concept(bank: ConceptBank) -> None:
    rows = draw(shadow=0.8)
    zeroed = fit(bank, rows).edit(PLAN)
    having, lacking = (zeroed.transform(X) for X in pairs(shadow=0.8))
    guarded, _ = guard_silent(
        zeroed, ["cue"], TrainingData(rows.X, rows.y), direction=(having - lacking).mean(axis=0)
    )
    assert zeroed.coef_[0, 2] != 0 == guarded.coef_[0, 2]
    assert guarded.coef_[0, 0] > 0


@pytest.mark.parametrize("by", ["classes", "groups"])
def test_recentring_holds_the_concept_at_the_balanced_mean(bank: ConceptBank, by: str) -> None:
    rows = draw(600)
    kept = (rows.y == "dog") | (np.arange(600) % 4 == 0)  # three dogs in four rows
    data = TrainingData(rows.X[kept], rows.y[kept], rows.present[kept].astype(str))
    model = fit(bank, Rows(data.X, data.y, rows.present[kept]))
    zeroed = model.edit(PLAN)
    guarded, record = guard_recentre(zeroed, model, ["cue"], data, by=by)
    cue = model.transform(data.X)[:, 1]
    cells = data.y if by == "classes" else data.group
    assert cells is not None
    held = np.mean([cue[cells == cell].mean() for cell in np.unique(cells)])
    assert record["held_at"]["cue"] == pytest.approx({"mean": cue.mean(), "balanced": held})
    # The same model with the cue's score replaced by the held value, by hand:
    Z = (model.transform(data.X) - model.mean_) / model.scale_
    Z[:, 1] = (held - model.mean_[1]) / model.scale_[1]
    wanted = Z @ model.coef_[0] + model.intercept_[0]
    np.testing.assert_allclose(guarded.decision_function(data.X), wanted)
    assert record["intercept"][0] < 0  # training leans to dogs, who have the cue
    if by == "classes":
        balanced = TrainingData(*(np.concatenate([v[data.y == c][:60] for c in ("cat", "dog")])
                                  for v in (data.X, data.y)))  # fmt: skip
        own = fit(bank, Rows(balanced.X, balanced.y, balanced.y))
        _, record = guard_recentre(own.edit(PLAN), own, ["cue"], balanced, by=by)
        assert record["intercept"] == pytest.approx([0], abs=1e-12)


@pytest.mark.parametrize("kind", ["linear", "erase"])
@pytest.mark.parametrize("in_class", [False, True])
def test_the_residual_no_longer_reads_the_concepts_score(
    bank: ConceptBank, kind: str, in_class: bool
) -> None:
    rows = CASES["two classes"]
    model, _ = PLAN.step(fit(bank, rows, residual=kind))
    data = TrainingData(rows.X, rows.y)
    guarded, record = guard_residual(model, ["cue"], data, in_class=in_class)
    assert record["kind"] == kind
    assert record["covariance"] < 1e-8
    read = guarded.residual_.reading.apply(rows.X)
    score = guarded.transform(rows.X)[:, 1]
    score -= score.mean()
    if in_class:
        for name in ("cat", "dog"):
            score[rows.y == name] -= score[rows.y == name].mean()
    assert np.abs(read.T @ score).max() / len(score) < 1e-8
    np.testing.assert_array_equal(guarded.coef_, model.coef_)


def test_a_cue_that_is_tied_to_the_class_must_be_erased_within_the_classes(
    bank: ConceptBank,
) -> None:
    rows = draw(2000)
    X = np.random.default_rng(4).normal(size=(100, rows.X.shape[1]))
    both = np.ones(100, dtype=bool)
    having, lacking = put(X, both), put(X, ~both)
    for table in (rows.X, having, lacking):
        table[:, 1] -= 0.3 * table[:, 6]  # the concept's score is the cue and nothing else
    zeroed = fit(bank, rows).edit(PLAN)
    hybrid = zeroed.refit_residual(rows.X, rows.y, kind="linear")

    def response(model: PostHocCBM) -> float:
        moved = model.residual_.decision(having) - model.residual_.decision(lacking)
        return float(moved.mean())

    data = TrainingData(rows.X, rows.y)
    whole, within = (guard_residual(hybrid, ["cue"], data, in_class=c)[0] for c in (False, True))
    # Erased as a whole, every column loses its share of the cue, "shape" too. The head still
    # reads that column whole, so that their difference, which the residual can fit, is the cue.
    assert response(hybrid) > 1
    assert abs(response(whole)) > 0.5
    assert abs(response(within)) < 0.15


def test_a_residual_on_balanced_rows_answers_less_to_the_cue(bank: ConceptBank) -> None:
    rows = draw(2000)
    having, lacking = pairs()
    plan = PLAN.followed_by(orthogonalise=True)
    hybrid = fit(bank, rows, residual="linear")
    data = TrainingData(rows.X, rows.y, rows.present)
    again = plan.step(hybrid, train=data)[0].refit_residual(rows.X, rows.y)
    guarded = hybrid.edit(plan.guarded("residual-balanced").balance("groups"), data)

    def response(model: PostHocCBM) -> float:
        moved = model.residual_.decision(having) - model.residual_.decision(lacking)
        return abs(float(moved.mean()))

    assert response(again) > 1
    assert response(guarded) < 0.2
    weight = balanced_weight(rows.y, rows.present)
    wanted, _ = plan.step(hybrid, train=(rows.X, rows.y, weight))
    wanted = wanted.refit_residual(rows.X, rows.y, sample_weight=weight)
    np.testing.assert_array_equal(guarded.decision_function(having),
                                  wanted.decision_function(having))  # fmt: skip


@pytest.mark.parametrize(
    ("guards", "follow", "by"),
    [
        (["scores"], {}, None),
        (["scores", "residual"], {"refit": True}, None),
        (["silent", "scores"], {}, "scores"),
        (["recentre-groups", "residual"], {}, None),
        (["recentre-classes"], {"orthogonalise": True}, "groups"),
        (["silent", "residual-in-class"], {"orthogonalise": True}, None),
        (["residual-balanced", "scores"], {"renormalise": True}, "groups"),
    ],
)
def test_a_plan_with_guards_is_one_step_that_replays_and_can_be_undone(
    bank: ConceptBank, guards: list[str], follow: dict[str, bool], by: str | None
) -> None:
    rows = CASES["two classes"]
    model = fit(bank, rows, residual="linear")
    start = PLAN.followed_by(**follow).balance(by)
    data = TrainingData(rows.X, rows.y, rows.present.astype(str))
    held = rows.X[:100], rows.y[:100]
    direction = "pairs" if follow else "scores"
    plan = with_guards(start, guards, direction)
    beside = pairs() if "pairs" in plan.needs else None
    guarded, step = plan.step(model, train=data, pairs=beside, held_out=held)
    made = [record["guard"] for record in step.structure if record["op"] == "guard"]
    assert made == [name for name in GUARDS if name in guards]
    prices = [record["price"] for record in step.structure if record["op"] == "guard"]
    if start.needs_data or by is None:
        zeroed, _ = start.step(model, train=data if start.needs_data else None)
        assert prices[0]["before"] == pytest.approx(zeroed.score(*held))
    assert prices[-1]["after"] == pytest.approx(guarded.score(*held))
    assert any("restore what the edit removed" in w for w in step.warnings) == (
        not any(name.startswith("residual") for name in guards)
    )
    steps = read_history(guarded.edits_)
    assert len(steps) == 1
    assert state(original_model(guarded, steps)) == state(model)
    replayed = EditPlan.from_json(EditPlan.from_dict(steps[0].plan).to_json())
    assert replayed == plan
    assert state(replayed.step(model, train=data, pairs=beside)[0]) == state(guarded)


def state(model: PostHocCBM) -> dict[str, bytes]:
    """Return the bytes of a model's arrays."""
    tensors, _ = model_state(model)
    return {name: value.tobytes() for name, value in tensors.items()}


def test_the_order_in_which_guards_are_named_does_not_matter() -> None:
    one = PLAN.guarded("residual").guarded("scores").guarded("residual")
    assert one == PLAN.guarded("scores").guarded("residual")
    assert [guard.name for guard in one.guards] == ["scores", "residual"]


def test_a_price_without_held_out_rows_is_not_measurable(bank: ConceptBank) -> None:
    rows = CASES["two classes"]
    _, step = PLAN.guarded("scores").step(fit(bank, rows), train=(rows.X, rows.y))
    assert "--eval" in step.structure[-1]["price"]["not_measurable"]


@pytest.mark.parametrize(
    ("plan", "guards", "line"),
    [
        (PLAN, ["score"], "'score' is unknown: did you mean 'scores'"),
        (PLAN, ["recentre-classes", "recentre-groups"], "exclude each other"),
        (PLAN, ["residual", "residual-in-class"], "exclude each other"),
        (PLAN, ["silent", "recentre-classes"], "fitted anew by guard silent"),
        (PLAN.followed_by(refit=True), ["recentre-classes"], "fitted anew by refit"),
        (EditPlan().zero("cue", at="boundary"), ["recentre-classes"], "at the boundary"),
        (PLAN.set("shape", 1.0), ["silent"], "that of 'shape' with them"),
        (EditPlan().scale("cue", 0.5), ["scores"], "the plan zeroes none"),
        (PLAN, ["residual"], "the model has no residual"),
        (PLAN, ["residual-balanced"], "add --balanced groups"),
        (PLAN.set("cue", 1.0), ["scores"], "still uses 'cue'"),
    ],
)
def test_guards_that_cannot_be_are_refused_before_any_data(
    bank: ConceptBank, plan: EditPlan, guards: list[str], line: str
) -> None:
    with pytest.raises(InputError, match=line):
        with_guards(plan, guards).check(fit(bank, CASES["two classes"]))


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (PLAN.guarded("scores"), "guard scores, which needs training data"),
        (PLAN.guarded("silent", direction="pairs"), "direction from pairs: give --pairs"),
        (PLAN.guarded("recentre-groups"), "names no groups"),
        (PLAN.guarded("scores").balance("groups"), "balances rows by groups, but"),
    ],
)
def test_a_plan_that_lacks_data_is_refused(bank: ConceptBank, plan: EditPlan, line: str) -> None:
    rows = CASES["two classes"]
    train = None if "training data" in line else (rows.X, rows.y)
    with pytest.raises(InputError, match=line):
        plan.step(fit(bank, rows), train=train)


def test_a_concept_that_is_renamed_on_the_way_is_guarded_alike(bank: ConceptBank) -> None:
    rows = CASES["two classes"]
    data = TrainingData(rows.X, rows.y, rows.present)
    model = fit(bank, rows, residual="linear")
    renamed = EditPlan().rename("cue", "frame").zero("frame").rename("frame", "red frame")
    for guard in GUARDS:
        by = "groups" if guard == "residual-balanced" else None
        same, other = (
            plan.guarded(guard).balance(by).step(model, train=data)[0] for plan in (PLAN, renamed)
        )
        assert "red frame" in other.concept_names_
        np.testing.assert_array_equal(
            other.decision_function(rows.X), same.decision_function(rows.X)
        )
    merged = EditPlan().merge(["cue", "shadow"], "frame").zero("frame")
    with pytest.raises(InputError, match="this plan merges it: merge in a first edit"):
        merged.guarded("recentre-groups").step(model, train=data)


def test_pairs_that_nothing_needs_are_refused(bank: ConceptBank) -> None:
    rows = CASES["two classes"]
    with pytest.raises(InputError, match="nothing in the plan needs them"):
        PLAN.guarded("silent").step(fit(bank, rows), train=(rows.X, rows.y), pairs=pairs())


def test_numbers_are_guarded_too(bank: ConceptBank) -> None:
    rows = CASES["two classes"]
    y = rows.X[:, 0] + 2.0 * rows.present
    model = PostHocCBMRegressor(bank, lam=0.01, n_lams=5).fit(rows.X, y)
    plan = PLAN.guarded("scores").guarded("silent")
    guarded, step = plan.step(model, train=(rows.X, y), held_out=(rows.X, y))
    assert step.structure[-1]["price"]["figure"] == "r2"
    assert np.abs(step.structure[-1]["response"]["after"]).max() < 1e-8
    assert head_of(guarded).coef[0, 1] == 0
    for refused in (PLAN.guarded("recentre-classes"), plan.balance("scores")):
        with pytest.raises(InputError, match="not a gaussian head"):
            refused.step(model, train=(rows.X, y))
