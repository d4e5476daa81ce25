"""Weights by class and group, and groups told by a cue's scores."""

from __future__ import annotations

import numpy as np
import pytest

from pcbm import EditPlan, PostHocCBM
from pcbm.concepts import ConceptBank
from pcbm.editing import TrainingData, balanced_weight, told_by_scores
from pcbm.errors import InputError


def tied_cue(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return activations (shape, cue, noise), classes, and who has the cue: 95 % in one class."""
    rng = np.random.default_rng(seed)
    y = np.repeat(["cat", "dog"], 500)
    has = rng.random(1000) < np.where(y == "cat", 0.95, 0.05)
    X = rng.normal(size=(1000, 3))
    X[:, 0] += np.where(y == "dog", 1.0, -1.0)
    X[:, 1] = np.where(has, 2.0, -2.0) + 0.3 * X[:, 1]
    X[:, 2] += 1.5 * has
    return X, y, np.where(has, "with", "without")


BANK = ConceptBank(["shape", "cue", "shadow of the cue"], np.eye(3))


def test_every_pair_of_class_and_group_weighs_the_same() -> None:
    _, y, group = tied_cue()
    weight = balanced_weight(y, group)
    sums = [
        weight[(y == name) & (group == kind)].sum()
        for name in ("cat", "dog")
        for kind in ("with", "without")
    ]
    np.testing.assert_allclose(sums, 250.0)
    assert abs(np.cov(y == "cat", group == "with", aweights=weight)[0, 1]) < 1e-12


def test_balanced_rows_have_weight_one() -> None:
    np.testing.assert_array_equal(balanced_weight(list("aabb"), list("xyxy")), np.ones(4))


def test_a_class_without_a_group_is_refused() -> None:
    with pytest.raises(InputError, match="the class 'b' has no row of the group 'x'"):
        balanced_weight(list("aab"), list("xyy"))
    with pytest.raises(InputError, match="every row is of the group 'x'"):
        balanced_weight(list("aab"), list("xxx"))
    with pytest.raises(InputError, match="one class and one group a row"):
        balanced_weight(list("aab"), list("xy"))


def test_groups_are_told_by_the_sign_of_one_score() -> None:
    X, y, group = tied_cue()
    model = PostHocCBM(BANK, lam=0.01, n_lams=5).fit(X, y)
    assert (told_by_scores(model, X, ["cue"]) == group).all()


def test_of_several_concepts_the_largest_standardised_score_tells() -> None:
    X, y, _ = tied_cue()
    X = X * [1.0, 100.0, 1.0]  # units must not matter
    model = PostHocCBM(BANK, lam=0.01, n_lams=5).fit(X, y)
    found = told_by_scores(model, X, ["shape", "cue"])
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    assert (found == np.where(Z[:, 0] >= Z[:, 1], "shape", "cue")).all()


def test_unknown_concepts_are_refused() -> None:
    X, y, _ = tied_cue()
    model = PostHocCBM(BANK, lam=0.01, n_lams=5).fit(X, y)
    with pytest.raises(InputError, match="the model has no concept 'cu'"):
        told_by_scores(model, X, ["cu"])
    with pytest.raises(InputError, match="no concept was named"):
        told_by_scores(model, X, [])


def test_a_balanced_refit_does_not_bring_the_cue_back() -> None:
    """A plain refit leans on what else shows the cue; under the weights it is no help."""
    X, y, group = tied_cue()
    model = PostHocCBM(BANK, lam=0.01, n_lams=5).fit(X, y)
    plan = EditPlan().zero("cue").followed_by(refit=True)
    shadow = model.concept_names_.index("shadow of the cue")
    plain = model.edit(plan, train=(X, y))
    balanced = model.edit(plan, train=(X, y, balanced_weight(y, group)))
    assert abs(plain.coef_[0, shadow]) > 0.5
    assert abs(balanced.coef_[0, shadow]) < 0.1


def test_a_plan_balances_its_rows_as_by_hand() -> None:
    X, y, group = tied_cue()
    model = PostHocCBM(BANK, lam=0.01).fit(X, y)
    plan = EditPlan().zero("cue").followed_by(refit=True)
    wanted = model.edit(plan, train=(X, y, balanced_weight(y, group)))
    renamed = EditPlan().rename("cue", "frame").zero("frame").followed_by(refit=True)
    for found in (
        model.edit(plan.balance("groups"), TrainingData(X, y, group)),
        model.edit(plan.balance("scores"), (X, y)),
        model.edit(renamed.balance("scores"), (X, y)),  # told by the score it has before
    ):
        np.testing.assert_array_equal(found.coef_, wanted.coef_)
    _, step = plan.step(model, train=(X, y, balanced_weight(y, group)))
    assert step.notes == (
        "row weights were given with the training data: the plan does not hold them",
    )


@pytest.mark.parametrize(
    ("plan", "line"),
    [
        (EditPlan().zero("cue"), "nothing in the plan learns from rows"),
        (EditPlan().scale("cue", 0.5).followed_by(refit=True), "the plan zeroes none"),
        (EditPlan().merge(["shape", "cue"], "both").zero("both"), "merge in a first edit"),
        (EditPlan().zero("shadow of the cue").followed_by(refit=True), "one sign on all training"),
    ],
)
def test_a_plan_that_cannot_balance_is_refused(plan: EditPlan, line: str) -> None:
    X, y, _ = tied_cue()
    X[:, 2] = abs(X[:, 2])
    model = PostHocCBM(BANK, lam=0.01).fit(X, y)
    with pytest.raises(InputError, match=line):
        plan.balance("scores").step(model, train=(X, y) if plan.needs_data else None)


def test_weights_are_not_given_twice() -> None:
    X, y, group = tied_cue()
    model = PostHocCBM(BANK, lam=0.01).fit(X, y)
    plan = EditPlan().zero("cue").followed_by(refit=True).balance("groups")
    with pytest.raises(InputError, match="row weights were given, and the plan balances rows"):
        model.edit(plan, TrainingData(X, y, group, np.ones(len(y))))
    with pytest.raises(InputError, match=r"1000 rows but weights of shape \(3,\)"):
        model.edit(plan, TrainingData(X, y, group, np.ones(3)))
