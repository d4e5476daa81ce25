"""The JSON form of an edit plan: writing it so that two plans can be compared, and reading it.

``plan.schema.json`` beside this file describes the same form for other tools.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from pcbm.editing.balance import BALANCES
from pcbm.editing.chosen import ChosenOn, LearntOn
from pcbm.editing.data import ROLES
from pcbm.editing.edit import KEYS, NUMBER_OF
from pcbm.editing.guard import Guard
from pcbm.editing.page import PageRecord
from pcbm.errors import InputError, near

if TYPE_CHECKING:
    from pcbm.editing.plan import EditPlan

SCHEMA_VERSION = 1
TEXTS = ("author", "reason", "date")
FOLLOW_UPS = ("orthogonalise", "renormalise", "refit")
GUARDS, BALANCED, NEEDS = "guards", "balanced", "needs"
CHOSEN, LEARNT, PAGE = "chosen_on", "learnt_on", "page"
PLAN_KEYS = (
    "schema_version", *TEXTS, "edits", *FOLLOW_UPS, GUARDS, BALANCED, NEEDS, CHOSEN, LEARNT,
    PAGE,
)  # fmt: skip
EXAMPLE = '{"op": "zero", "concept": "stripes"}'


def plan_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a plan file."""
    text = (files("pcbm.editing") / "plan.schema.json").read_text(encoding="utf-8")
    return json.loads(text)


def plan_record(plan: EditPlan) -> dict[str, Any]:
    """Return a plan as a JSON value, its keys always in the same order.

    ``chosen_on``, ``learnt_on`` and ``page`` are there only where they are known.
    """
    known = {CHOSEN: plan.chosen_on, LEARNT: plan.learnt_on, PAGE: plan.page}
    return {
        "schema_version": SCHEMA_VERSION,
        **{key: getattr(plan, key) for key in TEXTS},
        "edits": [edit.as_dict() for edit in plan.edits],
        **{key: getattr(plan, key) for key in FOLLOW_UPS},
        GUARDS: [guard.as_dict() for guard in plan.guards],
        BALANCED: plan.balanced,
        NEEDS: list(plan.needs),
        **{key: value.as_dict() for key, value in known.items() if value is not None},
    }


def plan_text(record: Mapping[str, Any]) -> str:
    """Return a plan's JSON value as text with one edit a line, so that diffs show edits."""

    def one_line(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)

    lines = []
    for key, value in record.items():
        text = one_line(value)
        if key == "edits" and value:
            text = "[\n" + ",\n".join(f"    {one_line(edit)}" for edit in value) + "\n  ]"
        lines.append(f"  {one_line(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_plan(empty: EditPlan, record: Any, source: str) -> EditPlan:
    """Add to an empty plan what its JSON value says; every fault begins with ``source``."""
    if not isinstance(record, Mapping):
        raise InputError(
            f"{source} is a JSON {_kind(record)}, expected an object with "
            f"'schema_version' and 'edits': see docs/editing.md for the form"
        )
    _known_keys(record, PLAN_KEYS, source)
    version = record.get("schema_version")
    if isinstance(version, bool) or version != SCHEMA_VERSION:
        raise InputError(
            f"{source} has schema_version {version!r}, expected {SCHEMA_VERSION}: "
            "write the plan in that version, or use the pcbm that wrote it"
        )
    edits = record.get("edits")
    if not isinstance(edits, list) or not edits:
        raise InputError(
            f"{source} holds no edits: give 'edits' as a list of at least one object, like "
            f"{EXAMPLE}"
        )
    plan = empty.signed(**{key: _text(record, key, source) for key in TEXTS})
    plan = plan.followed_by(**{key: _flag(record, key, source) for key in FOLLOW_UPS})
    if record.get(CHOSEN) is not None:
        plan = plan.chosen(ChosenOn.from_dict(record[CHOSEN], source))
    if record.get(PAGE) is not None:
        plan = plan.seen(PageRecord.from_dict(record[PAGE], source))
    if record.get(LEARNT) is not None:
        plan = plan.learnt(LearntOn.from_dict(record[LEARNT], source))
    for number, edit in enumerate(edits, start=1):
        plan = _read_edit(plan, edit, f"{source}, edit {number}")
    return _read_recipe(plan, record, source)


def _read_recipe(plan: EditPlan, record: Mapping[str, Any], source: str) -> EditPlan:
    """Add guards and balanced weights, and compare what the file says it needs."""
    guards = record.get(GUARDS, [])
    if not isinstance(guards, list):
        raise InputError(f"{source} has guards {guards!r}: give a list, or leave it out")
    for number, item in enumerate(guards, start=1):
        guard = Guard.from_dict(item, f"{source}, guard {number}")
        plan = plan.guarded(guard.name, direction=guard.direction)
    by = record.get(BALANCED)
    if by is not None and by not in BALANCES:
        raise InputError(
            f"{source} has balanced {by!r}: give {BALANCES[0]!r} or {BALANCES[1]!r}, or null"
        )
    plan = plan.balance(by)
    needs = record.get(NEEDS)
    if needs is None:
        return plan
    known = isinstance(needs, list) and all(role in ROLES for role in needs)
    if not known or set(needs) != set(plan.needs):
        raise InputError(
            f"{source} has needs {needs!r}, but what it holds needs {list(plan.needs)}: correct "
            "it, or leave it out"
        )
    return plan


def _read_edit(plan: EditPlan, record: Any, where: str) -> EditPlan:
    """Add one edit's JSON form to a plan."""
    if not isinstance(record, Mapping):
        raise InputError(
            f"{where} is a JSON {_kind(record)}, expected an object like {EXAMPLE}: correct it"
        )
    op = record.get("op")
    if not isinstance(op, str) or op not in KEYS:
        names = [repr(name) for name in KEYS]
        known = f"{', '.join(names[:-1])} or {names[-1]}"
        raise InputError(f"{where} has op {op!r}, expected {known}: {near(str(op), KEYS)}")
    needed, optional = KEYS[op]
    _known_keys(record, ("op", *needed, *optional), where)
    if "concept" in needed and not isinstance(record.get("concept"), str):
        raise InputError(f"{where} names no concept: give 'concept' as a string")
    for key in needed:
        if key not in record:
            what = "a number" if op in NUMBER_OF else f"{key!r}"
            raise InputError(f"{where}: {op} needs {what}: give {key!r}")
    classes = record.get("classes")
    if not (classes is None or isinstance(classes, str | list)):
        raise InputError(f"{where} has classes {classes!r}: give a list of class names, or null")
    if op == "merge" and not isinstance(record["concepts"], list):
        raise InputError(f"{where} has concepts {record['concepts']!r}: give a list of names")
    try:
        return _with_edit(plan, op, record, classes)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _with_edit(plan: EditPlan, op: str, record: Mapping[str, Any], classes: Any) -> EditPlan:
    if op == "merge":
        return plan.merge(record["concepts"], record["into"])
    concept = record["concept"]
    if op == "zero":
        return plan.zero(concept, classes, at=record.get("at", "mean"))
    if op == "rename":
        return plan.rename(concept, record["to"])
    if op == "clamp":
        return plan.clamp(concept, record["sign"], classes)
    change = plan.scale if op == "scale" else plan.set
    return change(concept, record[NUMBER_OF[op]], classes)


def _known_keys(record: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    for key in record:
        if key not in allowed:
            raise InputError(f"{where} has an unknown key {key!r}: {near(key, allowed)}")


def _text(record: Mapping[str, Any], key: str, source: str) -> str | None:
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{source} has {key} {value!r}: give a string, or leave it out")
    return value


def _flag(record: Mapping[str, Any], key: str, source: str) -> bool:
    value = record.get(key, False)
    if not isinstance(value, bool):
        raise InputError(f"{source} has {key} {value!r}: give true or false, or leave it out")
    return value


def _kind(value: Any) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
