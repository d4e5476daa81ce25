"""What edits do to a head: the algebra, all or nothing, and taking them back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcbm.editing import EditPlan, LinearHead, apply_edits, undo
from pcbm.errors import InputError


def logits(head: LinearHead, scores: np.ndarray) -> np.ndarray:
    return (scores - head.mean) / head.scale @ head.coef.T + head.intercept


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(3).normal(size=(7, 4)) * 3


def test_zero_at_the_mean_counts_the_concept_as_if_at_its_training_mean(
    softmax_head: LinearHead, scores: np.ndarray
) -> None:
    edited = apply_edits(softmax_head, EditPlan().zero("metal").edits).head
    held = scores.copy()
    held[:, 1] = softmax_head.mean[1]
    assert np.array_equal(edited.intercept, softmax_head.intercept)
    np.testing.assert_allclose(logits(edited, scores), logits(softmax_head, held), atol=1e-12)


def test_zero_at_the_boundary_counts_the_concept_as_if_its_score_were_0(
    softmax_head: LinearHead, scores: np.ndarray
) -> None:
    edited = apply_edits(softmax_head, EditPlan().zero("metal", at="boundary").edits).head
    held = scores.copy()
    held[:, 1] = 0.0
    np.testing.assert_allclose(logits(edited, scores), logits(softmax_head, held), atol=1e-12)
    expected = softmax_head.coef[:, 1] * softmax_head.mean[1] / softmax_head.scale[1]
    np.testing.assert_allclose(edited.intercept, softmax_head.intercept - expected, atol=1e-14)


def test_scale_and_set_change_only_what_they_name(softmax_head: LinearHead) -> None:
    plan = EditPlan().scale("metal", -0.5).set("grass", 1.25, ["car"])
    edited = apply_edits(softmax_head, plan.edits).head
    expected = softmax_head.coef.copy()
    expected[:, 1] *= -0.5
    expected[1, 3] = 1.25
    assert np.array_equal(edited.coef, expected)
    assert np.array_equal(edited.intercept, softmax_head.intercept)


def test_edits_of_one_coefficient_follow_each_other(softmax_head: LinearHead) -> None:
    edited = apply_edits(softmax_head, EditPlan().set("metal", 2).scale("metal", 0.25).edits)
    assert (edited.head.coef[:, 1] == 0.5).all()


def test_a_class_edit_leaves_the_other_classes_logits_untouched(
    softmax_head: LinearHead, scores: np.ndarray
) -> None:
    plan = EditPlan().zero("stripes", ["zebra"], at="boundary").scale("wings", 9, ["zebra"])
    edited = apply_edits(softmax_head, plan.edits).head
    before, after = logits(softmax_head, scores), logits(edited, scores)
    assert np.array_equal(before[:, :2], after[:, :2])
    assert not np.allclose(before[:, 2], after[:, 2])


def test_a_class_removal_in_softmax_warns_while_other_rows_use_the_concept(
    softmax_head: LinearHead,
) -> None:
    (warning,) = apply_edits(softmax_head, EditPlan().zero("metal", ["car"]).edits).warnings
    assert "'metal' has no coefficient for 'car' any more, but 'bird', 'zebra' still" in warning


def test_no_warning_when_every_row_lost_the_concept_or_rows_do_not_compete(
    softmax_head: LinearHead,
) -> None:
    plan = EditPlan().zero("metal", ["car"]).zero("metal", ["bird", "zebra"])
    assert apply_edits(softmax_head, plan.edits).warnings == ()
    labels = replace(softmax_head, family="multilabel")
    assert apply_edits(labels, EditPlan().zero("metal", ["car"]).edits).warnings == ()


def test_an_edit_without_effect_says_so(softmax_head: LinearHead) -> None:
    plan = EditPlan().zero("metal").scale("metal", 3)
    (note,) = apply_edits(softmax_head, plan.edits).notes
    assert note == "scale 'metal' by 3: the coefficient is 0 already, so nothing changes"


def test_classes_are_refused_in_a_binary_head(binary_head: LinearHead) -> None:
    with pytest.raises(InputError, match=r"one row \(positive = 'dog'\).*leave the class out"):
        apply_edits(binary_head, EditPlan().zero("metal", ["cat"]).edits)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (EditPlan().zero("stripe"), "no concept 'stripe': did you mean 'stripes'?"),
        (EditPlan().zero("metal", ["zebras"]), "no class 'zebras': did you mean 'zebra'?"),
        (EditPlan(), "the plan holds no edits"),
    ],
)
def test_unknown_names_are_refused_with_near_ones(
    softmax_head: LinearHead, plan: EditPlan, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        apply_edits(softmax_head, plan.edits)
    assert message in str(caught.value)


def test_a_plan_with_one_bad_edit_changes_nothing(softmax_head: LinearHead) -> None:
    before = softmax_head.coef.copy()
    with pytest.raises(InputError):
        apply_edits(softmax_head, EditPlan().zero("metal").zero("unknown").edits)
    assert np.array_equal(softmax_head.coef, before)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["zero", "boundary", "scale", "set"]),
            st.sampled_from(["stripes", "metal", "wings", "grass"]),
            st.floats(-1e3, 1e3),
            st.none() | st.lists(st.sampled_from(["bird", "car", "zebra"]), min_size=1),
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_undo_brings_back_the_same_bytes(edits: list, seed: int) -> None:
    rng = np.random.default_rng(seed)
    head = LinearHead(
        coef=rng.normal(size=(3, 4)) * (rng.random((3, 4)) < 0.6),
        intercept=rng.normal(size=3),
        mean=rng.normal(size=4),
        scale=rng.uniform(0.1, 3, size=4),
        concept_names=("stripes", "metal", "wings", "grass"),
        row_names=("bird", "car", "zebra"),
        family="multinomial",
    )
    plan = EditPlan()
    for op, concept, number, classes in edits:
        if op in ("zero", "boundary"):
            plan = plan.zero(concept, classes, at="mean" if op == "zero" else "boundary")
        else:
            plan = getattr(plan, op)(concept, number, classes)
    edited = apply_edits(head, plan.edits)
    restored = undo(edited.head, edited.changes)
    assert restored.coef.tobytes() == head.coef.tobytes()
    assert restored.intercept.tobytes() == head.intercept.tobytes()


def test_undo_refuses_a_head_that_was_changed_since(softmax_head: LinearHead) -> None:
    edited = apply_edits(softmax_head, EditPlan().zero("metal").edits)
    other = replace(edited.head, coef=edited.head.coef + 1)
    with pytest.raises(InputError, match="does not hold what the history's zero left"):
        undo(other, edited.changes)
