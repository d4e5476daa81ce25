"""What an edit leaves alone: the other classes, to the bit."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcbm import EditPlan, PostHocCBM
from pcbm.concepts import ConceptBank

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]
ZOO = ["bird", "car", "zebra"]
OPS = ("zero", "boundary", "scale", "set", "clamp")
CONCEPTS = ("stripes", "metal", "wings", "grass")
NUMBERS = st.floats(-3, 3).map(lambda number: round(number, 3))  # none too small for a logit


@cache
def model_of(kind: str, bank: ConceptBank, planted: Draw) -> tuple[PostHocCBM, np.ndarray]:
    X, y = planted(ZOO)
    settings: dict[str, Any] = {"residual": "linear"} if kind == "hybrid" else {}
    if kind == "multilabel":
        y = np.column_stack([y == name for name in ZOO]).astype(int)
    if kind == "grouped":
        settings = {"grouped": True}
    return PostHocCBM(bank, lam=0.01, n_lams=5, **settings).fit(X, y), X


def one_edit(plan: EditPlan, op: str, concept: str, number: float, label: str) -> EditPlan:
    if op in ("zero", "boundary"):
        return plan.zero(concept, [label], at="mean" if op == "zero" else op)
    if op == "clamp":
        return plan.clamp(concept, "+" if number > 0 else "-", [label])
    return getattr(plan, op)(concept, number, [label])


@pytest.mark.parametrize("kind", ["softmax", "grouped", "multilabel", "hybrid"])
@given(
    edits=st.lists(
        st.tuples(st.sampled_from(OPS), st.sampled_from(CONCEPTS), NUMBERS),
        min_size=1,
        max_size=4,
    ),
    row=st.integers(0, 2),
    renormalise=st.booleans(),
)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_an_edit_of_one_class_leaves_the_logits_of_the_others_to_the_bit(
    kind: str,
    edits: list[tuple[str, str, float]],
    row: int,
    renormalise: bool,
    bank: ConceptBank,
    planted: Draw,
) -> None:
    model, X = model_of(kind, bank, planted)
    plan = EditPlan().followed_by(renormalise=renormalise)
    for op, concept, number in edits:
        plan = one_edit(plan, op, concept, number, str(model.classes_[row]))
    edited, step = plan.step(model)
    before, after = model.decision_function(X), edited.decision_function(X)
    others = np.arange(3) != row
    assert before[:, others].tobytes() == after[:, others].tobytes()
    same = all(
        np.array_equal(getattr(model, name)[row], getattr(edited, name)[row])
        for name in ("coef_", "intercept_")
    )
    if same:  # edits that cancel each other, or change nothing
        assert before[:, row].tobytes() == after[:, row].tobytes()
    else:
        assert before[:, row].tobytes() != after[:, row].tobytes()
    assert {change.row for change in step.changes} <= {str(model.classes_[row])}
