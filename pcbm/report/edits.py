"""What the report shows of a run's edits: what was asked, what changed, what it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.editing import EditPlan, Step, evaluations, read_history
from pcbm.report.edit_evidence import certainty, controls_table, curve_view, reliance_view
from pcbm.report.figures import count, decimal, percent, points, signed, significant
from pcbm.report.meters import change

CHANGES_AT_ONCE = 40
SHARED_AT_ONCE = 8
FOLLOW_UPS = {
    "renormalise": "The other coefficients of each changed row were rescaled to keep its L1 norm.",
    "refit": "The other coefficients and the intercepts were fitted again.",
}


def edit_steps(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each entry of edits.json as the template wants it, oldest first."""
    return [_step(number, step) for number, step in enumerate(read_history(records), start=1)]


def _step(number: int, step: Step) -> dict[str, Any]:
    plan = EditPlan.from_dict(step.plan)
    asked = [c for c in step.changes if c.op not in (*FOLLOW_UPS, "orthogonalise", "guard")]
    followed = [c for c in step.changes if c.op in FOLLOW_UPS]
    changes = [
        {
            "op": one.op,
            "class": one.row,
            "concept": one.concept,
            "before": signed(None if one.coef is None else one.coef[0]),
            "after": signed(None if one.coef is None else one.coef[1]),
            "intercept": None
            if one.intercept[0] == one.intercept[1]
            else f"{signed(one.intercept[0])} → {signed(one.intercept[1])}",
        }
        for one in asked
        if one.coef is None or one.coef[0] != one.coef[1] or one.intercept[0] != one.intercept[1]
    ]
    return {
        "number": number,
        "edits": [str(edit) for edit in plan.edits],
        "author": plan.author,
        "reason": plan.reason,
        "when": plan.date or step.when,
        "changes": changes[:CHANGES_AT_ONCE],
        "more": len(changes) - CHANGES_AT_ONCE if len(changes) > CHANGES_AT_ONCE else 0,
        "unmoved": len(asked) - len(changes),
        "moved": any(one["intercept"] for one in changes),
        "structure": [text for text in map(_structure, step.structure) if text],
        "follow_up": FOLLOW_UPS.get(step.follow_up or ""),
        "followed": sum(c.concept is not None for c in followed),
        "refit": _refit(step.refit),
        "notes": step.notes,
        "warnings": [*step.warnings, *((step.evaluation or {}).get("warnings") or [])],
        "evaluations": [_evaluation(record) for record in evaluations(step.evaluation)],
        "reliance": reliance_view(step.evaluation),
        "controls": controls_table(step.evaluation),
        "curve": curve_view(step.evaluation),
    }


def _structure(record: Mapping[str, Any]) -> str | None:
    """Say what an operation did to the concepts; a new name says enough in the plan itself."""
    if record["op"] == "merge":
        parts = ", ".join(f"{name} {decimal(r, 2)}" for name, r in record["correlation"].items())
        return (
            f"“{record['into']}” keeps {percent(record['kept'])} of the variance that its parts "
            f"gave the logits; correlation of each part with it: {parts}."
        )
    if record["op"] == "orthogonalise":
        most = sorted(record["shared"].items(), key=lambda item: -item[1])[:SHARED_AT_ONCE]
        parts = ", ".join(f"{name} {percent(share)}" for name, share in most)
        return (
            "The other scores were cleared of what went within the classes with "
            f"{', '.join(record['against'])}; the share of their variance that this was: {parts}."
        )
    if record["op"] == "guard":
        price, told = record["price"], "price not measured"
        if "not_measurable" not in price:
            told = f"{price['figure']} {decimal(price['before'])} → {decimal(price['after'])}"
            told += f" on {count(price['n'])} held-out rows"
        return f"Guard “{record['guard']}”: {told}. Not guaranteed: {record['not_guaranteed']}."
    return None


def _refit(record: Mapping[str, Any] | None) -> str | None:
    if record is None:
        return None
    return (
        f"λ = {significant(record['lam'])}, {count(record['n'])} rows, "
        f"KKT violation {significant(record['kkt'], 2)} of λ"
    )


def _evaluation(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return before and after on one set of rows."""
    before, after = record["before"], record["after"]
    overall = []
    for key, label in (
        ("accuracy", "Accuracy"),
        ("balanced_accuracy", "Balanced accuracy"),
        ("worst_group", "Worst group"),
    ):
        if before.get(key) is not None and "rmse" not in before:
            overall.append(_row(label, before[key], after[key]))
    for key, label in (("auc", "AUC"), ("r2", "R²"), ("rmse", "RMSE")):
        if before.get(key) is not None:
            overall.append(_plain_row(label, before[key], after[key]))
    return {
        "n": count(before.get("n")),
        "data": record.get("data"),
        "overall": overall,
        "classes": _paired(before.get("per_class"), after.get("per_class")),
        "groups": _paired(before.get("per_group"), after.get("per_group")),
        "changed": _counted(record.get("changed")),
        "certainty": certainty(record),
    }


def _counted(changed: Mapping[str, Any] | None) -> dict[str, str] | None:
    if changed is None:
        return None
    return {key: count(value) for key, value in changed.items() if value is not None}


def _paired(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Any]:
    rows = []
    for name, row in (before or {}).items():
        other = (after or {}).get(name, {})
        if row.get("accuracy") is not None and other.get("accuracy") is not None:
            rows.append(_row(name, row["accuracy"], other["accuracy"], count(row["n"])))
        elif row.get("rmse") is not None and other.get("rmse") is not None:
            rows.append(_plain_row(name, row["rmse"], other["rmse"], count(row["n"])))
    return rows


def _row(name: str, before: float, after: float, n: str | None = None) -> dict[str, Any]:
    return {
        "name": name,
        "n": n,
        "before": percent(before),
        "after": percent(after),
        "difference": points(after - before),
        "plot": change(before, after),
        "way": "up" if after > before else "down" if after < before else "same",
    }


def _plain_row(name: str, before: float, after: float, n: str | None = None) -> dict[str, Any]:
    """Return a row of figures that are no shares, so that they have no place on the track."""
    return {
        "name": name,
        "n": n,
        "before": decimal(before),
        "after": decimal(after),
        "difference": signed(round(after - before, 3)),
        "plot": "",
        "way": "same",
    }
