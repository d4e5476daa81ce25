"""The charts of a run's edits: coefficients, before and after, controls, the whole path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pcbm.editing import EditPlan, Step, evaluations, read_history
from pcbm.report.edit_evidence import CONTROLS, SHIFTS, in_words, named
from pcbm.report.figures import count, significant
from pcbm.report.plots.chart import Absent, Chart, Drawn, dot, dots, paged
from pcbm.report.plots.measured import ROWS

BEFORE_AFTER = ("before", "after")
OVERALL = ("accuracy", "balanced_accuracy", "worst_group")
CHANGES = 40
PLAN = 3  # edits of a plan that a caption names


def edits(records: Sequence[Mapping[str, Any]]) -> list[Drawn]:
    """Return the charts of every step of edits.json, oldest first."""
    if not records:
        return [Absent("edit", "What edits did", "the run was not edited")]
    found: list[Drawn] = []
    for number, step in enumerate(read_history(records), 1):
        found += _step(f"edit-{number}", step)
    return found


def _step(name: str, step: Step) -> Iterator[Drawn]:
    plan = [str(edit) for edit in EditPlan.from_dict(step.plan).edits]
    asked = ", ".join(plan[:PLAN]) + (f" and {len(plan) - PLAN} more" if len(plan) > PLAN else "")
    yield _coefficients(f"{name}-coefficients", step, asked)
    measured = _short_names(evaluations(step.evaluation))
    if not measured:
        title = "Before and after an edit"
        yield Absent(name, title, "not measured: pcbm edit --eval DATA measures it")
        return
    yield _overall(name, measured, asked)
    for number, record in enumerate(measured, 1):
        place = f"-{number}" if len(measured) > 1 else ""
        for key, word in (("per_class", "classes"), ("per_group", "groups")):
            yield from _parts(f"{name}-{word}{place}", record, key, word, asked)
    yield _reliance(f"{name}-reliance", step.evaluation or {}, asked)
    yield _controls(f"{name}-controls", step.evaluation or {}, asked)
    yield _curve(f"{name}-curve", step.evaluation or {}, asked)


def _short_names(measured: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Name sets of rows without their folders, where that still tells them apart."""
    full = [record.get("data") for record in measured]
    short = [None if name is None else PurePath(name).name or name for name in full]
    names = short if len(set(short)) == len(short) else full
    return [{**record, "data": name} for record, name in zip(measured, names, strict=True)]


def _coefficients(name: str, step: Step, asked: str) -> Drawn:
    title = "Coefficients before and after an edit"
    moved = [c for c in step.changes if c.coef is not None and c.coef[0] != c.coef[1]]
    if not moved:
        return Absent(name, title, "the edit changed no coefficient")
    moved.sort(key=lambda c: -abs(c.coef[1] - c.coef[0]) if c.coef else 0.0)
    rows = [dot(f"{c.concept} · {c.row}", c.coef) for c in moved[:CHANGES] if c.coef is not None]
    caption = f"The edit {asked}: concept and class, coefficients before and after"
    if len(moved) > CHANGES:
        caption += f"; the {CHANGES} largest of {count(len(moved))} changes"
    data = dots("coefficient", rows, percent=False, series=BEFORE_AFTER)
    return Chart(name, title, caption + ".", "dots", data)


def _side(record: Mapping[str, Any], key: str, name: str | None = None) -> tuple[list, list]:
    """Return values and intervals before and after: of the whole, or of a class or group."""
    known = (record.get("intervals") or {}).get(key) or {}
    sides = [record[side] for side in BEFORE_AFTER]
    if name is None:
        return [side.get(key) for side in sides], [known.get(s) for s in BEFORE_AFTER]
    rows = [(side.get(key) or {}).get(name) or {} for side in sides]
    values = [row.get("rmse") if "rmse" in row else row.get("accuracy") for row in rows]
    return values, [(known.get(name) or {}).get(s) for s in BEFORE_AFTER]


def _overall(name: str, measured: Sequence[Mapping[str, Any]], asked: str) -> Drawn:
    regression = "r2" in measured[0]["before"]
    rows = []
    for record in measured:
        where = f", {record['data']}" if record.get("data") else ""
        for key in ("r2",) if regression else OVERALL:
            values, intervals = _side(record, key)
            if values[0] is not None:
                words = "R²" if key == "r2" else named(key)
                n = f"n = {count(record['before'].get('n'))}"
                rows.append(dot(words + where, values, intervals, detail=n))
    caption = f"The edit {asked}: before and after on the same rows; bars are 95 % intervals."
    axis = "R²" if regression else "accuracy"
    data = dots(axis, rows, percent=not regression, series=BEFORE_AFTER)
    return Chart(name, "Before and after an edit", caption, "dots", data)


def _parts(
    name: str, record: Mapping[str, Any], key: str, word: str, asked: str
) -> Iterator[Drawn]:
    sizes = record["before"].get(key) or {}
    title = f"{word.capitalize()} before and after an edit"
    where = f", {record['data']}" if record.get("data") else ""
    if not sizes:
        yield Absent(name, title, f"the rows have no {word}{where}")
        return
    rows = []
    for label, row in sizes.items():
        values, intervals = _side(record, key, label)
        rows.append(dot(label, values, intervals, detail=f"n = {count(row['n'])}"))
    error = any("rmse" in row for row in sizes.values())
    axis = "RMSE" if error else "accuracy"
    caption = f"The edit {asked}: {axis} of each of the {word}{where}; bars are 95 % intervals."
    for page, part in paged(name, rows, ROWS):
        data = dots(f"{axis}{where}", part, percent=not error, series=BEFORE_AFTER)
        yield Chart(page, title, caption, "dots", data)


def _reliance(name: str, record: Mapping[str, Any], asked: str) -> Drawn:
    title = "Reliance on the cue before and after an edit"
    found = record.get("reliance")
    if found is None:
        return Absent(name, title, "not measured: pcbm edit --eval --shifted measures it")
    known = found.get("intervals") or {}
    sides = [found[side] for side in BEFORE_AFTER], [known.get(side) for side in BEFORE_AFTER]
    caption = (
        f"Accuracy in distribution minus shifted, before and after the edit {asked}: zero is no "
        "reliance, below zero the model goes against the cue; bars are 95 % intervals."
    )
    rows = [dot("Signed reliance", *sides)]
    data = dots("signed reliance", rows, percent=True, series=BEFORE_AFTER, zero=True)
    return Chart(name, title, caption, "dots", data)


def _controls(name: str, record: Mapping[str, Any], asked: str) -> Drawn:
    title = "The gain of an edit beside its controls"
    controls = record.get("controls")
    if controls is None:
        return Absent(
            name, title, "not measured: pcbm edit --eval measures it, unless --control-repeats is 0"
        )
    figure = controls["primary"]
    rows = [dot("This edit", [controls["edit"][figure]["gain"]])]
    for kind, words in CONTROLS.items():
        if controls[kind] is not None:
            found = controls[kind]["figures"][figure]
            p = f"p = {significant(found['p_value'], 2)}"
            rows.append(
                dot(words, [found["mean"]], detail=p, role="random", repeats=found["values"])
            )
    for kind, words in SHIFTS.items():
        if controls["bias_only"] is not None:
            gain = controls["bias_only"][kind]["figures"][figure]["gain"]
            rows.append(dot(words, [gain], role="base"))
    caption = (
        f"Gain in {in_words(figure)} by the edit {asked}, beside edits without its meaning: "
        "small dots are single repeats, the large one their mean."
    )
    axis = f"gain, {named(figure).lower()}"
    return Chart(name, title, caption, "dots", dots(axis, rows, percent=True))


def _curve(name: str, record: Mapping[str, Any], asked: str) -> Drawn:
    title = "The edit along the whole path"
    curve = record.get("curve")
    if curve is None:
        return Absent(
            name, title, "not measured: pcbm edit --eval measures it, unless --no-curve is given"
        )
    points = curve["points"]
    figures = list(points[0]["figures"])
    figure = "least" if "least" in figures else figures[0]
    data = {
        "figure": f"accuracy, {named(figure).lower()}" if figure == "least" else named(figure),
        "nec": [p["nec"] for p in points],
        "before": [p["figures"][figure]["before"] for p in points],
        "after": [p["figures"][figure]["after"] for p in points],
        "chosen": next((i for i, p in enumerate(points) if p["chosen"]), None),
    }
    caption = (
        f"Before and after the edit {asked}: {in_words(figure)} for every head of the "
        "path, the penalty falling to the right; the vertical line is the head of the run."
    )
    return Chart(name, title, caption, "curve", data)
