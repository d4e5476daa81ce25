"""The plan's file: one edit a line, and a JSON Schema that says of a file what the reader says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcbm.editing import GUARDS, ChosenOn, EditPlan, LearntOn, plan_schema
from pcbm.errors import InputError

names = st.text(max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False)
rows = st.builds(ChosenOn, names, st.sampled_from(["all", "train"]), st.integers(1, 9), names)
classes = st.none() | st.lists(names, min_size=1, max_size=3)
EDITS = st.one_of(
    st.tuples(st.just("zero"), names, classes, st.sampled_from(["mean", "boundary"])),
    st.tuples(st.just("scale"), names, numbers, classes),
    st.tuples(st.just("set"), names, numbers, classes),
    st.tuples(st.just("clamp"), names, st.sampled_from("+-"), classes),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("merge"), st.lists(names, min_size=2, max_size=4, unique=True), names),
)


@st.composite
def plans(draw: st.DrawFn) -> EditPlan:
    follow = draw(st.sampled_from([None, "renormalise", "refit"]))
    plan = EditPlan().followed_by(orthogonalise=draw(st.booleans()))
    plan = plan if follow is None else plan.followed_by(**{follow: True})
    plan = plan.signed(*draw(st.tuples(*[st.none() | names] * 3)))
    for guard in draw(st.sets(st.sampled_from(GUARDS))):
        where = draw(st.sampled_from(["scores", "pairs"])) if guard == "silent" else None
        plan = plan.guarded(guard, direction=where)
    plan = plan.balance(draw(st.sampled_from([None, "groups", "scores"])))
    plan = plan.learnt(draw(st.none() | st.builds(LearntOn, st.none() | rows, st.none() | rows)))
    for op, *rest in draw(st.lists(EDITS, min_size=1, max_size=4)):
        last = {"at": rest.pop()} if op == "zero" else {}
        plan = getattr(plan, op)(*rest, **last)
    return plan


@given(plans())
@settings(max_examples=40, deadline=None)
def test_every_plan_comes_back_from_its_file_and_has_one_edit_a_line(plan: EditPlan) -> None:
    text = plan.to_json()
    assert EditPlan.from_json(text) == plan
    assert EditPlan.from_json(text).to_json() == text
    lines = [line for line in text.split("\n") if line.startswith("    {")]
    assert [json.loads(line.rstrip(",")) for line in lines] == plan.as_dict()["edits"]
    assert list(json.loads(text)) == [
        "schema_version", "author", "reason", "date", "edits",
        "orthogonalise", "renormalise", "refit", "guards", "balanced", "needs",
        *(["learnt_on"] if plan.learnt_on else []),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def validator() -> Any:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(plan_schema())
    return jsonschema.Draft202012Validator(plan_schema())


@given(plan=plans())
@settings(max_examples=30, deadline=None)
def test_what_is_written_fits_the_schema(plan: EditPlan, validator: Any) -> None:
    validator.validate(json.loads(plan.to_json()))


FIGURE = {
    "of": "group",
    "name": "framed",
    "measure": "accuracy",
    "before": 0.9,
    "after": 0.75,
    "interval": [0.6, 0.85],
}
PAGE = {
    "run": "ab12",
    "sample": 40,
    "interval": "95 %: Wilson",
    "figures": [FIGURE],
    "changed": {"share": 0.2, "interval": [0.1, 0.3]},
}


def test_what_a_page_showed_comes_back_from_the_file() -> None:
    plan = EditPlan.from_dict(record(page=PAGE))
    assert plan.page is not None
    assert plan.page.figures[0].interval == (0.6, 0.85)
    assert EditPlan.from_json(plan.to_json()) == plan
    assert plan.as_dict()["page"] == PAGE
    assert EditPlan.from_dict(record(page=None)).page is None
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(json.loads(plan.to_json()), plan_schema())


def record(**keys: object) -> dict:
    return {"schema_version": 1, "edits": [{"op": "zero", "concept": "a"}], **keys}


def one(**edit: object) -> dict:
    return {"schema_version": 1, "edits": [edit]}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (record(refit="yes"), "refit 'yes': give true or false"),
        (record(schema_version=True), "schema_version True, expected 1"),
        (record(edits=[]), "holds no edits"),
        (record(orthogonalize=True), "did you mean 'orthogonalise'"),
        (record(page={**PAGE, "sample": 0}), "page has sample 0, expected a count of rows"),
        (record(page={**PAGE, "more": 1}), "page is not an object with changed, figures, interv"),
        (record(page={**PAGE, "run": 3}), "page has run 3, expected a text"),
        (record(page={**PAGE, "figures": {}}), "page has figures {}, expected a list"),
        (record(page={**PAGE, "figures": [{**FIGURE, "of": "row"}]}), "figure 1 has of 'row'"),
        (record(page={**PAGE, "figures": [{**FIGURE, "name": 1}]}), "figure 1 has name 1"),
        (record(page={**PAGE, "figures": [{**FIGURE, "after": "x"}]}), "'x' where a number is"),
        (record(page={**PAGE, "figures": [{**FIGURE, "interval": [0]}]}), "the interval [0]"),
        (one(op="clamp", concept="a"), "clamp needs 'sign': give 'sign'"),
        (one(op="clamp", concept="a", sign=1), "the sign is '+' or '-', not 1"),
        (one(op="rename", concept="a"), "rename needs 'to': give 'to'"),
        (one(op="rename", concept="a", to=3), "an edit names the concept 3"),
        (one(op="rename", concept="a", to="b", classes=["x"]), "unknown key 'classes'"),
        (one(op="merge", concepts=["a"], into="b"), "merge was given 'a': name at least two"),
        (one(op="merge", concepts=["a", "a"], into="b"), "'a' more than once"),
        (one(op="merge", concepts="ab", into="b"), "has concepts 'ab': give a list of names"),
        (one(op="merge", concepts=["a", "b"]), "merge needs 'into': give 'into'"),
        (record(guards="scores"), "guards 'scores': give a list"),
        (record(guards=["scores"]), "guard 1 is 'scores': give an object like"),
        (record(guards=[{"guard": "score"}]), "guard 1: the guard 'score' is unknown: did you"),
        (record(guards=[{"guard": "scores", "where": "x"}]), "unknown key 'where'"),
        (record(guards=[{"guard": "scores", "direction": "pairs"}]), "has no direction"),
        (record(guards=[{"guard": "silent", "direction": "up"}]), "not 'up': choose one of"),
        (record(balanced="class"), "balanced 'class': give 'groups' or 'scores'"),
        (record(balanced=True), "balanced True: give 'groups' or 'scores'"),
        (record(needs=["test"]), "needs ['test'], but what it holds needs []"),
        (record(learnt_on="train.npz"), "learnt_on 'train.npz': give an object"),
        (record(learnt_on={"train": {}}), "has learnt_on train {}: give an object with 'content'"),
        (one(op=["zero"], concept="a"), "op ['zero'], expected 'zero', 'scale', 'set'"),
    ],
)
def test_faults_are_one_line_and_the_schema_sees_them_too(found: dict, message: str) -> None:
    with pytest.raises(InputError) as caught:
        EditPlan.from_dict(found)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    jsonschema = pytest.importorskip("jsonschema")
    if found.get("schema_version") is not True:  # JSON Schema takes true for 1 in some validators
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(found, plan_schema())


def test_needs_that_contradict_the_rest_are_refused() -> None:
    text = EditPlan().zero("a").guarded("silent", direction="pairs").to_json()
    assert '"needs": ["train", "pairs"]' in text
    with pytest.raises(
        InputError, match=r"needs \['train'\], but what it holds needs \['train', 'p"
    ):
        EditPlan.from_json(text.replace('["train", "pairs"]', '["train"]'))
    whole = json.loads(text)
    del whole["needs"]
    assert EditPlan.from_dict(whole).needs == ("train", "pairs")


def test_two_directions_of_one_guard_are_refused() -> None:
    with pytest.raises(InputError, match="silent was given with two directions"):
        EditPlan().guarded("silent").guarded("silent", direction="pairs")
