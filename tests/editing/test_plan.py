"""A plan is a value: chainable, replayable as JSON, and strict about what it reads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcbm.editing import EditPlan
from pcbm.errors import InputError


def test_methods_return_new_plans_and_leave_the_old_one() -> None:
    empty = EditPlan()
    longer = empty.zero("stripes").scale("metal", 0.5, ["car"]).set("wings", -2, "bird")
    assert empty.edits == ()
    assert [str(edit) for edit in longer.edits] == [
        "zero 'stripes'",
        "scale 'metal' by 0.5 for 'car'",
        "set 'wings' to -2 for 'bird'",
    ]


def test_one_class_given_as_a_string_is_one_class() -> None:
    assert EditPlan().zero("stripes", classes="cat").edits[0].classes == ("cat",)


def test_class_labels_of_other_types_are_named_as_text() -> None:
    assert EditPlan().zero("stripes", classes=[1, 2, 1]).edits[0].classes == ("1", "2")


def test_plan_file_round_trips(tmp_path: Path) -> None:
    plan = EditPlan().zero("stripes", at="boundary").signed("Ada", "a frame", "2025-01-31")
    plan.save(tmp_path / "plan.json")
    assert EditPlan.load(tmp_path / "plan.json") == plan
    assert json.loads((tmp_path / "plan.json").read_text())["schema_version"] == 1


def edit(**record: object) -> str:
    return json.dumps({"schema_version": 1, "edits": [record]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the plan is not JSON"),
        ("[]", "the plan is a JSON list, expected an object"),
        ('{"schema_version": 2, "edits": []}', "schema_version 2, expected 1"),
        ('{"schema_version": 1, "edits": []}', "holds no edits"),
        ('{"schema_version": 1, "edit": []}', "unknown key 'edit': did you mean 'edits'"),
        ('{"schema_version": 1, "author": 3, "edits": [1]}', "author 3: give a string"),
        ('{"schema_version": 1, "edits": [1]}', "edit 1 is a JSON number"),
        (edit(op="zeroe", concept="a"), "op 'zeroe', expected 'zero', 'scale', 'set', "),
        (edit(op="zero"), "edit 1 names no concept"),
        (edit(op="zero", concept="a", factor=2), "unknown key 'factor'"),
        (edit(op="scale", concept="a"), "scale needs a number: give 'factor'"),
        (edit(op="scale", concept="a", factor="x"), "'x' is not a finite number"),
        (edit(op="set", concept="a", value=True), "True is not a finite number"),
        (edit(op="zero", concept="a", at="edge"), "'mean' or 'boundary', not 'edge'"),
        (edit(op="zero", concept="a", classes=3), "classes 3: give a list"),
        (edit(op="zero", concept="a", classes=[]), "empty list of classes"),
    ],
)
def test_faults_of_a_plan_file_are_one_line_that_says_what_to_do(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        EditPlan.from_json(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "0.5", True, None])
def test_only_finite_numbers_are_factors(value: object) -> None:
    with pytest.raises(InputError, match="not a finite number"):
        EditPlan().scale("stripes", value)  # type: ignore[arg-type]
