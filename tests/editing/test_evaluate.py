"""What an evaluation of an edit says beside the accuracies: intervals, tests and warnings."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pcbm.editing import (
    ChosenOn,
    EditPlan,
    content_of,
    evaluate_edit,
    joined_evaluation,
    plan_schema,
)
from pcbm.errors import InputError
from pcbm.model import PostHocCBM, PostHocCBMRegressor

CLASSES = ["bird", "car", "zebra"]


def test_every_class_group_and_difference_has_an_interval(softmax_model, planted) -> None:
    X, y = planted(CLASSES, seed=9)
    group = np.where(X[:, 5] > 2, "a", "b")
    edited = EditPlan().zero("stripes").apply(softmax_model)
    found = evaluate_edit(softmax_model, edited, X, y, group)
    spans = found["intervals"]
    assert (spans["level"], spans["repeats"], spans["seed"]) == (0.95, 2000, 0)
    for side in ("before", "after"):
        for name in ("accuracy", "balanced_accuracy", "worst_group"):
            low, high = spans[name][side]
            assert low < found[side][name] < high
        for part in ("per_class", "per_group"):
            for name, row in found[side][part].items():
                low, high = spans[part][name][side]
                assert low <= row["accuracy"] <= high
    low, high = spans["accuracy"]["difference"]
    assert low < found["after"]["accuracy"] - found["before"]["accuracy"] < high
    counted = {name: found["mcnemar"][name] for name in ("repaired", "broken")}
    assert counted.items() <= found["changed"].items()
    assert json.loads(json.dumps(found)) == found


def test_binary_and_regression_have_theirs(
    binary_model: PostHocCBM, regressor: PostHocCBMRegressor, planted
) -> None:
    X, y = planted(["cat", "dog"], seed=9)
    edited = EditPlan().zero("stripes").apply(binary_model)
    found = evaluate_edit(binary_model, edited, X, y)
    assert set(found["intervals"]["per_class"]) == {"cat", "dog"}
    assert found["intervals"]["per_group"] is None
    y = 3 * X[:, 0]
    found = evaluate_edit(regressor, EditPlan().zero("stripes").apply(regressor), X, y)
    assert found["mcnemar"] is None
    low, high = found["intervals"]["r2"]["after"]
    assert low < found["after"]["r2"] < high


def test_judging_where_the_edit_was_chosen_is_marked(softmax_model, planted) -> None:
    X, y = planted(CLASSES, seed=9)
    other = planted(CLASSES, seed=10)
    plan = EditPlan().zero("stripes").chosen(ChosenOn(content_of(X), n=len(X)))
    edited = plan.apply(softmax_model)
    marked = evaluate_edit(softmax_model, edited, X, y)
    clean = evaluate_edit(softmax_model, edited, *other)
    assert "judged on the data it was chosen on" in marked["warnings"][0]
    assert clean["warnings"] == []
    for sets in ({"id": clean, "shifted": marked}, {"id": marked, "shifted": clean}):
        assert marked["warnings"][0] in joined_evaluation(sets)["warnings"]
    later = EditPlan().scale("metal", 0.5).apply(edited)  # an edit on top does not wash it off
    assert evaluate_edit(softmax_model, later, X, y)["warnings"] == marked["warnings"]
    plain = EditPlan().zero("stripes").apply(softmax_model)
    assert evaluate_edit(softmax_model, plain, X, y)["warnings"] == []


@pytest.mark.parametrize(
    ("chosen", "judged", "warns"),
    [
        ("all", "all", True),
        ("all", "test", True),
        ("not test", "test", False),
        ("val", "test", False),
        ("val", "train", False),
        ("test", "test", True),
        ("not test", "all", True),
    ],
)
def test_parts_of_one_data_set_that_share_no_row_are_apart(
    softmax_model, planted, chosen: str, judged: str, warns: bool
) -> None:
    X, y = planted(CLASSES, seed=9)
    edited = EditPlan().zero("stripes").chosen(ChosenOn("abc", chosen)).apply(softmax_model)
    found = evaluate_edit(softmax_model, edited, X, y, rows=ChosenOn("abc", judged))
    assert bool(found["warnings"]) is warns


def test_a_plan_keeps_where_it_was_chosen() -> None:
    plan = EditPlan().zero("stripes").chosen(ChosenOn("abc", "val", 12, "x.npz"))
    assert EditPlan.from_json(plan.to_json()) == plan
    assert plan_schema()["$defs"]["rows"]["oneOf"][1]["required"] == ["content"]
    assert "chosen_on" not in EditPlan().zero("stripes").as_dict()
    record = plan.as_dict()
    for wrong in ("abc", {"content": 3}, {"content": "a", "row": 1}, {"content": "a", "rows": "x"}):
        with pytest.raises(InputError, match="chosen_on"):
            EditPlan.from_dict(record | {"chosen_on": wrong})
