"""Controls of an edit: small p for a planted cue, any p for an edit that means nothing."""

from __future__ import annotations

import cued
import numpy as np
import pytest

from pcbm.audit import Judged, edit_controls, edit_curve
from pcbm.audit.bias import best_shift, shift_to_shares
from pcbm.audit.judged import predictions, scored
from pcbm.audit.prune import followed, random_prune
from pcbm.concepts import ConceptBank
from pcbm.editing import Edit, EditPlan, LinearHead, TrainingData, head_of
from pcbm.model import PostHocCBM

CUE = EditPlan().zero("cue")


def judged(tied: float, seed: int) -> Judged:
    rows = cued.draw(500, tied=tied, seed=seed)
    return Judged(rows.X, rows.y, np.where(rows.present, "cue", "none"))


@pytest.fixture(scope="module")
def sets() -> dict[str, Judged]:
    return {"in_distribution": judged(0.9, 1), "shifted": judged(0.1, 2)}


@pytest.fixture(scope="module")
def train() -> tuple[np.ndarray, np.ndarray]:
    rows = cued.draw(seed=0)
    return rows.X, rows.y


@pytest.fixture(scope="module")
def wide() -> PostHocCBM:
    """Return a model that uses the cue and many concepts of little use."""
    rng = np.random.default_rng(5)
    vectors = np.vstack([np.eye(2, cued.DIM), rng.normal(size=(26, cued.DIM)) * 0.2])
    vectors[2:, :2] = 0
    bank = ConceptBank(["shape", "cue", *(f"odd {i}" for i in range(26))], vectors)
    rows = cued.draw(seed=0)
    return PostHocCBM(bank, lam=1e-4, n_lams=5, l1_ratio=0.01).fit(rows.X, rows.y)


def test_no_control_does_what_removing_the_cue_does(wide, sets, train) -> None:
    edited = CUE.apply(wide)
    found = edit_controls(wide, edited, CUE, sets, train=train, repeats=20, seed=0)
    assert found["primary"] == "least"
    assert found["edit"]["least"]["gain"] > 0.15
    kinds = {"random_prune": 20, "random_prune_l1": 20, "shuffled_names": 20, "random_bank": 20}
    for kind, repeats in kinds.items():
        row = found[kind]["figures"]["least"]
        assert len(row["values"]) == found[kind]["repeats"] == repeats
        assert row["p_value"] == pytest.approx(1 / 21), kind
    assert found["bias_only"]["best"]["figures"]["least"]["gain"] < 0.1
    assert found["warnings"] == []


@pytest.mark.slow
def test_p_values_of_edits_that_mean_nothing_are_spread_evenly() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 40))
    weights = rng.normal(size=40)
    y = np.where(X @ weights + rng.normal(size=400) > 0, "b", "a")
    model = PostHocCBM(lam=1e-3, n_lams=5).fit(X, y)
    rows = {"shifted": Judged(X[:, ::1] + 0.3 * rng.normal(size=X.shape), y)}
    values = []
    for j in range(40):
        plan = EditPlan().zero(f"x{j}")
        found = edit_controls(model, plan.apply(model), plan, rows, repeats=19, seed=j)
        values.append(found["random_prune"]["figures"]["shifted"]["p_value"])
    assert 0.35 < np.mean(values) < 0.75  # 0.525 where even, and ties count against the edit
    assert np.mean(np.array(values) <= 0.1) <= 0.3
    assert max(values) > 0.8


def test_an_edit_that_means_nothing_brings_a_warning(wide, sets) -> None:
    plan = EditPlan().zero("odd 3")
    found = edit_controls(wide, plan.apply(wide), plan, sets, repeats=20)
    assert any("not clearly beyond chance: random prune" in text for text in found["warnings"])
    assert found["random_bank"] is None
    assert any("--train" in text for text in found["notes"])


def test_the_same_seed_gives_the_same_record(wide, sets) -> None:
    edited = CUE.apply(wide)
    one, same, other = (
        edit_controls(wide, edited, CUE, sets, repeats=5, seed=s) for s in (1, 1, 2)
    )
    assert one == same
    assert one["random_prune"]["figures"] != other["random_prune"]["figures"]


def test_few_other_names_are_each_tried_once(train, sets) -> None:
    rows = cued.draw(seed=0)
    model = cued.fit(cued.cue_bank(), rows)
    used = int((model.coef_ != 0).sum())
    found = edit_controls(model, CUE.apply(model), CUE, sets, repeats=20)
    assert found["shuffled_names"]["repeats"] == used - 1


def head(coef: list[list[float]]) -> LinearHead:
    array = np.array(coef)
    names = tuple(f"c{j}" for j in range(array.shape[1]))
    classes = tuple(f"k{i}" for i in range(len(array)))
    return LinearHead(array, np.zeros(len(array)), np.ones(array.shape[1]),
                      np.full(array.shape[1], 2.0), names, classes, "multinomial")  # fmt: skip


def test_a_random_prune_is_of_equal_size() -> None:
    rng = np.random.default_rng(0)
    start = head(rng.normal(size=(3, 9)).tolist())
    edits = [Edit("zero", "c0"), Edit("scale", "c1", 0.5, ("k2",))]
    for _ in range(20):
        other = random_prune(start, edits, rng)
        ratio = other.coef / start.coef
        assert (np.sort(ratio, axis=1)[:, 0] == 0).all()
        assert np.sort(ratio[2])[1] == pytest.approx(0.5)
        assert (ratio[:, 0] == 1).all()  # the edit's own are spared
        mass = random_prune(start, edits[:1], rng, by_mass=True)
        lost = np.abs(start.coef).sum(axis=1) - np.abs(mass.coef).sum(axis=1)
        np.testing.assert_allclose(lost, np.abs(start.coef[:, 0]))


def test_a_random_prune_holds_at_the_boundary_where_the_edit_does() -> None:
    start = head([[1.0, 2.0, 3.0]])
    other = random_prune(start, [Edit("zero", "c0", at="boundary")], np.random.default_rng(0))
    gone = start.coef[0, other.coef[0] == 0].sum()
    assert other.intercept[0] == pytest.approx(-gone / 2)


def test_a_shift_reaches_the_class_shares() -> None:
    rng = np.random.default_rng(1)
    for classes in (2, 4):
        logits = rng.normal(size=(300, classes)) + np.arange(classes)
        wanted = np.bincount(rng.integers(0, classes, 300), minlength=classes)
        shift = shift_to_shares(logits, wanted)
        counts = np.bincount((logits + shift).argmax(axis=1), minlength=classes)
        assert np.abs(counts - wanted).sum() <= (0 if classes == 2 else 6)


def test_the_best_shift_repairs_a_spoilt_intercept() -> None:
    rng = np.random.default_rng(2)
    y = rng.integers(0, 3, 400)
    logits = rng.normal(size=(400, 3))
    logits[np.arange(400), y] += 3
    spoilt = logits + np.array([0.0, 4.0, -4.0])
    shift = best_shift(spoilt, lambda places: float((places == y).mean()))
    clean = (logits.argmax(axis=1) == y).mean()
    assert ((spoilt + shift).argmax(axis=1) == y).mean() > clean - 0.05


def test_the_curve_has_every_point_and_agrees_with_the_model_at_its_own(sets) -> None:
    rows = cued.draw(seed=0)
    model = PostHocCBM(cued.cue_bank(), concepts_per_class=3).fit(rows.X, rows.y)
    curve = edit_curve(model, CUE, sets)
    assert len(curve["points"]) == len(model.path_.lams)
    (own,) = [point for point in curve["points"] if point["chosen"]]
    edited = CUE.apply(model)
    for name, one in sets.items():
        assert own["figures"][name] == {
            "before": pytest.approx((model.predict(one.X) == one.y).mean()),
            "after": pytest.approx((edited.predict(one.X) == one.y).mean()),
        }
    first = curve["points"][0]["figures"]["shifted"]
    assert first["before"] == first["after"]  # nothing to remove at the sparsest point


def test_a_curve_refits_at_the_strength_of_each_point(sets, train) -> None:
    rows = cued.draw(seed=0)
    model = PostHocCBM(cued.cue_bank(), concepts_per_class=3, n_lams=6).fit(rows.X, rows.y)
    plan = CUE.followed_by(refit=True)
    curve = edit_curve(model, plan, sets, train=train)
    fitted = PostHocCBM(cued.cue_bank(), lam=float(model.path_.lams[3])).fit(rows.X, rows.y)
    edited, _ = plan.step(fitted, train=train)
    value = (edited.predict(sets["shifted"].X) == sets["shifted"].y).mean()
    assert curve["points"][3]["figures"]["shifted"]["after"] == pytest.approx(value, abs=0.003)


def test_what_is_precomputed_predicts_as_the_model_does(wide, sets) -> None:
    hybrid = wide.refit_residual(*(lambda r: (r.X, r.y))(cued.draw(seed=0)), kind="linear")
    found = {name: scored(hybrid, rows) for name, rows in sets.items()}
    start = head_of(hybrid)
    predicted = predictions(hybrid, found, start.coef, start.intercept)
    for name, rows in sets.items():
        np.testing.assert_array_equal(predicted[name], hybrid.predict(rows.X))


def test_the_curve_has_the_guards_and_agrees_with_the_guarded_model(sets, train) -> None:
    rows = cued.draw(seed=0)
    model = PostHocCBM(cued.cue_bank(), concepts_per_class=3, n_lams=6).fit(rows.X, rows.y)
    plan = CUE.guarded("silent", direction="pairs")
    pairs = cued.pairs(shadow=0.5)
    curve = edit_curve(model, plan, sets, train=train, pairs=pairs)
    (own,) = [point for point in curve["points"] if point["chosen"]]
    guarded = model.edit(plan, train, pairs)
    for name, one in sets.items():
        share = (guarded.predict(one.X) == one.y).mean()
        assert own["figures"][name]["after"] == pytest.approx(share)
    assert curve["points"] != edit_curve(model, CUE, sets)["points"]


def test_a_pruned_head_is_refitted_or_renormalised_with_the_pruned_part_held(wide) -> None:
    rows = cued.draw(seed=0)
    data = TrainingData(rows.X, rows.y, rows.present)
    head = head_of(wide)
    pruned = random_prune(head, CUE.edits, np.random.default_rng(3))
    touched = pruned.coef != head.coef
    assert touched.sum() == 1
    normal = followed(wide, CUE.followed_by(renormalise=True), None)(head, pruned)
    assert np.abs(normal.coef).sum() == pytest.approx(np.abs(head.coef).sum())
    plan = CUE.followed_by(refit=True).balance("groups")
    again = followed(wide, plan, data)(head, pruned)
    np.testing.assert_array_equal(again.coef[touched], pruned.coef[touched])
    (drawn,) = np.flatnonzero(touched[0])
    same = EditPlan().zero(head.concept_names[drawn]).followed_by(refit=True).balance("groups")
    np.testing.assert_allclose(again.coef, wide.edit(same, data).coef_)


def test_controls_of_a_plan_that_knows_groups_say_so(sets) -> None:
    rows = cued.draw(seed=0)
    data = TrainingData(rows.X, rows.y, rows.present)
    model = cued.fit(cued.cue_bank(), rows)
    plan = CUE.followed_by(refit=True).balance("groups")
    found = edit_controls(model, model.edit(plan, data), plan, sets, train=data, repeats=2)
    assert any("know the groups that the plan uses" in note for note in found["notes"])


def test_random_banks_of_a_hybrid_have_its_kind_of_residual_and_its_guards(sets) -> None:
    rows = cued.draw(seed=0)
    data = TrainingData(rows.X, rows.y, rows.present)
    model = cued.fit(cued.cue_bank(), rows, residual="linear")
    plan = CUE.guarded("residual-in-class")
    found = edit_controls(model, model.edit(plan, data), plan, sets, train=data, repeats=2)
    assert found["random_bank"]["repeats"] == 2
    bare = model.without_residual()
    found = edit_controls(bare, bare.edit(CUE), CUE, sets, train=data, repeats=2)
    edited, _ = CUE.step(model)  # apply would warn of the residual
    hybrid = edit_controls(model, edited, CUE, sets, train=data, repeats=2)
    values = [each["random_bank"]["figures"]["least"]["values"] for each in (found, hybrid)]
    assert values[0] != values[1]


def test_draws_on_which_a_plan_is_refused_are_counted(sets) -> None:
    rows = cued.draw(seed=0)
    rows.X[:, 3] = 1.0  # the score of "noise" is positive on every row
    rows.X[0, 3] = 1.1
    model = cued.fit(cued.cue_bank(), rows)
    model = model.edit(EditPlan().set("noise", 0.1))
    plan = CUE.followed_by(refit=True).balance("scores")
    data = TrainingData(rows.X, rows.y)
    found = edit_controls(model, model.edit(plan, data), plan, sets, train=data, repeats=3)
    assert any("shuffled names: 1 draws were refused" in note for note in found["notes"])
