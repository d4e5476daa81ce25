"""Clamp, rename, merge and orthogonalise: what each promises, on heads and on fitted models."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcbm.concepts import ConceptBank
from pcbm.editing import EditPlan, LinearHead, apply_edits, score_moments
from pcbm.errors import InputError
from pcbm.heads import kkt_violation
from pcbm.model import PostHocCBM, PostHocCBMRegressor
from pcbm.projection import fit_projection

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]
ZOO = ["bird", "car", "zebra"]


def standardised(model: object, X: np.ndarray) -> np.ndarray:
    return (model.transform(X) - model.mean_) / model.scale_


def within(scores: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the pooled covariance within the classes."""
    left = scores - np.array([scores[y == name].mean(axis=0) for name in y])
    return left.T @ left / len(left)


@pytest.fixture(scope="module")
def correlated() -> tuple[np.ndarray, np.ndarray]:
    """Return activations whose columns share much, within the classes and between them."""
    rng = np.random.default_rng(4)
    y = rng.integers(0, 3, 300)
    X = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6))
    X[np.arange(300), y] += 3.0
    return X, np.array(ZOO)[y]


@pytest.fixture(scope="module")
def model(correlated: tuple[np.ndarray, np.ndarray], bank: ConceptBank) -> PostHocCBM:
    return PostHocCBM(bank, lam=0.01, n_lams=5).fit(*correlated)


class TestClamp:
    @given(st.integers(0, 2**32 - 1), st.sampled_from("+-"), st.booleans())
    @settings(max_examples=40)
    def test_clamped_coefficients_lie_on_their_side_and_a_second_clamp_changes_no_bit(
        self, seed: int, sign: str, one_class: bool
    ) -> None:
        rng = np.random.default_rng(seed)
        shape = (3, 2)
        coef = rng.normal(size=shape) * (rng.random(shape) < 0.7) * rng.choice([-1, 1], shape)
        head = LinearHead(
            coef, np.zeros(3), np.zeros(2), np.ones(2), ("a", "b"), tuple(ZOO), "multinomial"
        )
        plan = EditPlan().clamp("a", sign, ["car"] if one_class else None)
        once = apply_edits(head, plan.edits).head
        twice = apply_edits(once, plan.edits).head
        assert twice.coef.tobytes() == once.coef.tobytes()
        rows = [1] if one_class else [0, 1, 2]
        side = 1.0 if sign == "+" else -1.0
        expected = coef.copy()
        expected[rows, 0] = np.where(side * coef[rows, 0] > 0, coef[rows, 0], 0.0)
        assert np.array_equal(once.coef, expected)

    def test_it_leaves_the_logits_of_other_classes_bit_for_bit(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        row = int(np.flatnonzero(model.coef_[:, 0] > 0)[0])
        plan = EditPlan().clamp("stripes", "-", [ZOO[row]]).scale("metal", 0.3, [ZOO[row]])
        edited, _ = plan.step(model)
        before = model.decision_function(correlated[0])
        after = edited.decision_function(correlated[0])
        others = np.arange(3) != row
        assert before[:, others].tobytes() == after[:, others].tobytes()
        assert not np.array_equal(before[:, row], after[:, row])

    def test_a_refit_is_optimal_under_the_sign(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        plan = EditPlan().clamp("stripes", "-").clamp("metal", "+").followed_by(refit=True)
        edited, _ = plan.step(model, train=(X, y))
        assert (edited.coef_[:, 0] <= 0).all()
        assert (edited.coef_[:, 1] >= 0).all()
        lower, upper = np.full((3, 4), -np.inf), np.full((3, 4), np.inf)
        upper[:, 0], lower[:, 1] = 0.0, 0.0
        violation = kkt_violation(
            standardised(model, X), y, edited.coef_, edited.intercept_, model.lam_,
            l1_ratio=model.l1_ratio, lower=lower, upper=upper,
        )  # fmt: skip
        assert violation <= model.tol * 1.01

    def test_it_does_not_free_a_value_that_an_edit_gave(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        plan = EditPlan().zero("stripes").clamp("stripes", "+").set("metal", -0.2, ["car"])
        plan = plan.clamp("metal", "-").followed_by(refit=True)
        edited, _ = plan.step(model, train=correlated)
        assert not edited.coef_[:, 0].any()
        assert edited.coef_[1, 1] == -0.2
        assert (edited.coef_[[0, 2], 1] <= 0).all()

    def test_in_a_grouped_head_a_refit_cannot_keep_it(
        self, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        grouped = PostHocCBM(lam=0.03, n_lams=5, grouped=True).fit(*correlated)
        plan = EditPlan().clamp("x0", "-").followed_by(refit=True)
        with pytest.raises(InputError, match="a grouped head cannot be refitted under a clamp"):
            plan.step(grouped, train=correlated)

    def test_only_a_sign_is_a_sign(self) -> None:
        with pytest.raises(InputError, match=r"the sign is '\+' or '-', not 'up'"):
            EditPlan().clamp("stripes", "up")


class TestRename:
    def test_every_prediction_stays_bit_for_bit_and_the_name_changes_everywhere(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, _ = correlated
        edited = model.edit(EditPlan().rename("stripes", "bands").scale("bands", 1.0))
        assert edited.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()
        assert edited.transform(X).tobytes() == model.transform(X).tobytes()
        assert edited.concept_names_ == edited.bank.names == ["bands", "metal", "wings", "grass"]
        assert model.concept_names_[0] == model.bank.names[0] == "stripes"

    def test_figures_and_notes_of_the_bank_follow(self, planted: Draw) -> None:
        rng = np.random.default_rng(0)
        sides = {
            name: (rng.normal(size=(9, 6)) + np.eye(6)[k], rng.normal(size=(9, 6)))
            for k, name in enumerate(("stripes", "metal"))
        }
        made = ConceptBank.from_examples(sides)
        assert any("'stripes'" in note for note in made.notes)
        fitted = PostHocCBM(made, lam=0.02, n_lams=5).fit(*planted(ZOO))
        bank = fitted.edit(EditPlan().rename("stripes", "bands")).bank
        assert bank.stats["bands"] == made.stats["stripes"]
        assert "stripes" not in bank.stats
        expected = [note.replace("'stripes'", "'bands'") for note in made.notes]
        assert bank.notes == expected

    @pytest.mark.parametrize(
        ("plan", "message"),
        [
            (EditPlan().rename("stripes", "metal"), "there is a concept 'metal' already"),
            (EditPlan().rename("stripes", "stripes"), "there is a concept 'stripes' already"),
            (EditPlan().rename("stripe", "bands"), "no concept 'stripe': did you mean 'stripes'?"),
            (EditPlan().rename("stripes", "b").zero("stripes"), "no concept 'stripes'"),
            (EditPlan().rename("stripes", " "), "the concept name ' ' is blank"),
        ],
    )
    def test_names_that_exist_or_do_not(
        self, model: PostHocCBM, plan: EditPlan, message: str
    ) -> None:
        with pytest.raises(InputError) as caught:
            plan.step(model)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


class TestMerge:
    def test_copies_merge_without_a_change_of_any_logit(
        self, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        vectors = np.eye(3, 6)[[0, 0, 1, 2]] * np.array([[1.0], [3.0], [1.0], [1.0]])
        twins = ConceptBank(["a", "b", "c", "d"], vectors, [0.5, 1.5, 0, 0])
        fitted = PostHocCBM(twins, lam=0.01, n_lams=5).fit(X, y)
        fitted = fitted.edit(EditPlan().set("a", 0.7, ["car"]).set("b", -0.2, ["car"]))
        edited, step = EditPlan().merge(["a", "b"], into="ab").step(fitted, train=(X, y))
        before, after = fitted.decision_function(X), edited.decision_function(X)
        np.testing.assert_allclose(after, before, atol=1e-12)
        assert edited.concept_names_ == ["ab", "c", "d"]
        np.testing.assert_allclose(edited.coef_[:, 0], fitted.coef_[:, :2].sum(axis=1))
        (record,) = step.structure
        assert record["kept"] == pytest.approx(1.0)
        assert step.warnings == ()

    def test_equal_coefficients_merge_without_a_change_of_any_logit(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        plan = EditPlan().set("wings", 0.4).set("grass", 0.4)
        same = model.edit(plan)
        edited, step = EditPlan().merge(["grass", "wings"], "plants").step(same, train=(X, y))
        np.testing.assert_allclose(
            edited.decision_function(X), same.decision_function(X), atol=1e-12
        )
        assert step.structure[0]["kept"] == pytest.approx(1.0)

    def test_the_coefficient_is_the_least_squares_one(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        edited, step = EditPlan().merge(["stripes", "wings"], "w").step(model, train=(X, y))
        Z, merged = standardised(model, X), standardised(edited, X)[:, 0]
        np.testing.assert_allclose([merged.mean(), merged.std()], [0, 1], atol=1e-10)
        together = Z[:, [0, 2]].sum(axis=1)
        np.testing.assert_allclose(merged, together / together.std(), atol=1e-10)
        said = Z[:, [0, 2]] @ model.coef_[:, [0, 2]].T
        expected = np.linalg.lstsq(merged[:, None], said, rcond=None)[0][0]
        np.testing.assert_allclose(edited.coef_[:, 0], expected, atol=1e-10)
        lost = (said - np.outer(merged, expected)).var(axis=0).sum()
        assert step.structure[0]["kept"] == pytest.approx(1 - lost / said.var(axis=0).sum())
        assert edited.coef_[:, 1:].tobytes() == model.coef_[:, [1, 3]].tobytes()

    def test_the_bank_holds_the_merged_direction(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        plan = EditPlan().merge(["metal", "grass"], "metal")
        edited, _ = plan.step(model, train=(X, y))
        assert edited.bank.names == ["stripes", "metal", "wings"]
        assert edited.bank.sources == ["imported", "merged", "imported"]
        again = fit_projection(X, edited.bank).transform(X)
        np.testing.assert_allclose(again, edited.transform(X), atol=1e-12)
        assert np.linalg.norm(edited.bank.vectors[1]) == pytest.approx(1.0)

    def test_parts_that_disagree_are_warned_about(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        plan = EditPlan().set("stripes", 1.0).set("metal", -1.0).merge(["stripes", "metal"], "m")
        _, step = plan.step(model, train=correlated)
        assert "of what the parts said" in step.warnings[0]
        assert step.structure[0]["kept"] < 0.5

    def test_opposites_are_refused(self, correlated: tuple[np.ndarray, np.ndarray]) -> None:
        opposed = ConceptBank(["hot", "cold"], [[1.0] * 6, [-1.0] * 6])
        fitted = PostHocCBM(opposed, lam=0.01, n_lams=5).fit(*correlated)
        with pytest.raises(InputError, match="'hot', 'cold' cancel each other"):
            EditPlan().merge(["hot", "cold"], "warmth").step(fitted, train=correlated)

    def test_faults(self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]) -> None:
        with pytest.raises(InputError, match="'metal' more than once"):
            EditPlan().merge(["metal", "metal"], "m")
        with pytest.raises(InputError, match="name at least two"):
            EditPlan().merge(["metal"], "m")
        with pytest.raises(InputError, match="there is a concept 'wings' already"):
            EditPlan().merge(["metal", "grass"], "wings").step(model, train=correlated)
        with pytest.raises(InputError, match="the plan has merge, which needs training data"):
            EditPlan().merge(["metal", "grass"], "m").step(model)

    def test_scores_that_all_concepts_share_are_not_merged(
        self, bank: ConceptBank, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        shared = PostHocCBM(bank, projection="least_squares", lam=0.01, n_lams=5).fit(*correlated)
        with pytest.raises(InputError, match="'least_squares' divides them among all concepts"):
            EditPlan().merge(["metal", "grass"], "m").step(shared, train=correlated)

    def test_a_centred_bank_still_describes_its_scores(
        self, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        vectors = np.random.default_rng(3).normal(size=(4, 6)) + 1.0
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        words = ConceptBank(list("abcd"), unit, text_mean=unit.mean(axis=0))
        fitted = PostHocCBM(words, projection="centred", lam=0.01, n_lams=5).fit(X, y)
        edited, _ = EditPlan().merge(["a", "c"], "ac").step(fitted, train=(X, y))
        again = fit_projection(X, edited.bank, "centred").transform(X)
        np.testing.assert_allclose(again, edited.transform(X), atol=1e-12)


class TestOrthogonalise:
    def plan(self, *names: str) -> EditPlan:
        plan = EditPlan()
        for name in names:
            plan = plan.zero(name)
        return plan.followed_by(orthogonalise=True)

    @pytest.mark.parametrize("removed", [("metal",), ("metal", "grass")])
    def test_no_score_varies_with_a_removed_one_within_the_classes(
        self,
        model: PostHocCBM,
        correlated: tuple[np.ndarray, np.ndarray],
        removed: tuple[str, ...],
    ) -> None:
        X, y = correlated
        edited, step = self.plan(*removed).step(model, train=(X, y))
        columns = [model.concept_names_.index(name) for name in removed]
        others = [j for j in range(4) if j not in columns]
        before, after = within(model.transform(X), y), within(edited.transform(X), y)
        assert np.abs(before[np.ix_(columns, others)]).min() > 0.1
        assert np.abs(after[np.ix_(columns, others)]).max() < 1e-10
        assert step.structure[-1]["against"] == list(removed)

    def test_the_logits_lose_that_component_and_nothing_else(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        edited, _ = self.plan("metal").step(model, train=(X, y))
        zeroed = model.edit(EditPlan().zero("metal"))
        scores = model.transform(X)
        C = within(scores, y)
        slope = C[1] / C[1, 1]
        used = [0, 2, 3]
        lost = zeroed.coef_[:, used] @ (slope[used] / model.scale_[used])
        expected = zeroed.decision_function(X) - np.outer(scores[:, 1] - model.mean_[1], lost)
        np.testing.assert_allclose(edited.decision_function(X), expected, atol=1e-10)

    def test_standardisation_bank_and_path_follow(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        edited, _ = self.plan("metal").step(model, train=(X, y))
        Z = standardised(edited, X)
        np.testing.assert_allclose(Z.mean(axis=0), 0.0, atol=1e-10)
        np.testing.assert_allclose(Z.std(axis=0), 1.0, atol=1e-10)
        again = fit_projection(X, edited.bank).transform(X)
        np.testing.assert_allclose(again, edited.transform(X), atol=1e-12)
        assert edited.bank.vectors[1].tobytes() == model.bank.vectors[1].tobytes()
        assert edited.bank.sources == ["orthogonalised", "imported"] + ["orthogonalised"] * 2
        point = int(np.abs(model.path_.lams - model.lam_).argmin())
        used = [0, 2, 3]
        np.testing.assert_allclose(edited.path_.coef(point)[:, used], edited.coef_[:, used])
        assert len(edited.path_.nec) == len(model.path_.nec)

    def test_a_refit_follows_on_the_cleared_scores(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        plan = self.plan("metal").followed_by(refit=True)
        edited, step = plan.step(model, train=(X, y))
        assert (edited.coef_[:, 1] == 0).all()
        free = np.tile([True, False, True, True], (3, 1))
        violation = kkt_violation(
            standardised(edited, X), y, edited.coef_, edited.intercept_, model.lam_,
            l1_ratio=model.l1_ratio, free=free,
        )  # fmt: skip
        assert violation <= model.tol * 1.01
        assert step.refit is not None

    def test_a_copy_of_the_removed_concept_goes_with_it(
        self, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        vectors = np.eye(3, 6)[[0, 0, 1, 2]]
        vectors[1] *= 2
        fitted = PostHocCBM(ConceptBank(list("abcd"), vectors), lam=0.01, n_lams=5).fit(X, y)
        edited, step = self.plan("a").step(fitted, train=(X, y))
        assert (edited.coef_[:, :2] == 0).all()
        assert "'b' says within the classes nothing but 'a'" in step.warnings[0]

    @pytest.mark.parametrize("removed", ["same", "a"])
    def test_a_score_that_does_not_vary_stays_and_clears_nothing(
        self, removed: str, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated[0].copy(), correlated[1]
        X[:, 5] = 0.1
        constant = ConceptBank(["same", "a", "b"], np.eye(6)[[5, 0, 1]])
        fitted = PostHocCBM(constant, lam=0.01, n_lams=5).fit(X, y)
        edited, _ = self.plan(removed).step(fitted, train=(X, y))
        assert edited.scale_[0] == fitted.scale_[0] == 1.0
        assert edited.transform(X)[:, 0].tobytes() == fitted.transform(X)[:, 0].tobytes()
        if removed == "same":
            assert edited.coef_.tobytes() == fitted.coef_.tobytes()

    @pytest.mark.parametrize("kind", ["regression", "multilabel"])
    def test_other_tasks_clear_what_the_labels_leave(
        self, kind: str, bank: ConceptBank, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, names = correlated
        y = X[:, 0] - X[:, 1] + np.random.default_rng(5).normal(size=len(X))
        if kind == "multilabel":
            y = np.stack([names == "bird", X[:, 3] > 0], axis=1).astype(int)
        estimator = PostHocCBMRegressor if kind == "regression" else PostHocCBM
        fitted = estimator(bank, lam=0.01).fit(X, y)
        edited, _ = self.plan("metal").step(fitted, train=(X, y))
        design = np.column_stack([np.ones(len(X)), y])
        left = edited.transform(X)
        left = left - design @ np.linalg.lstsq(design, left, rcond=None)[0]
        covariance = left.T @ left / len(left)
        assert np.abs(covariance[1, [0, 2, 3]]).max() < 1e-10

    def test_without_a_bank_the_columns_are_cleared(
        self, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        X, y = correlated
        fitted = PostHocCBM(lam=0.01, n_lams=5).fit(X, y)
        edited, _ = self.plan("x1").step(fitted, train=(X, y))
        assert edited.bank is None
        covariance = within(edited.transform(X), y)
        assert np.abs(np.delete(covariance[1], 1)).max() < 1e-10

    def test_what_cannot_be_cleared(
        self, model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
    ) -> None:
        plan = EditPlan().scale("metal", 2).followed_by(orthogonalise=True)
        with pytest.raises(InputError, match="the plan zeroes none"):
            plan.step(model, train=correlated)
        plan = EditPlan().zero("stripes", ["bird"]).followed_by(orthogonalise=True)
        with pytest.raises(InputError, match="some still use 'stripes'"):
            plan.step(model, train=correlated)
        with pytest.raises(InputError, match="has no other concept to clear"):
            self.plan("stripes", "metal", "wings", "grass").step(model, train=correlated)
        with pytest.raises(InputError, match="the plan has orthogonalise, which needs"):
            self.plan("metal").step(model)


def test_rows_of_weight_two_count_as_rows_given_twice(
    correlated: tuple[np.ndarray, np.ndarray],
) -> None:
    X, y = correlated[0][:60], correlated[1][:60]
    weight = np.where(np.arange(60) < 20, 2.0, 1.0)
    once = score_moments(X, y, by_class=True, weight=weight)
    twice = score_moments(np.vstack([X, X[:20]]), np.append(y, y[:20]), by_class=True)
    np.testing.assert_allclose(once.cov, twice.cov, atol=1e-12)
    np.testing.assert_allclose(once.within, twice.within, atol=1e-12)


def test_data_that_nothing_needs_is_refused(
    model: PostHocCBM, correlated: tuple[np.ndarray, np.ndarray]
) -> None:
    with pytest.raises(InputError, match="training data was given, but nothing in the plan"):
        EditPlan().zero("metal").step(model, train=correlated)
