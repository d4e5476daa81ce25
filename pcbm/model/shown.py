"""What a notebook or a terminal shows of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcbm.heads.shown import strongest_html
from pcbm.notebook import table

ABSENT = "not measured"
OVERALL = (
    "accuracy",
    "balanced_accuracy",
    "label_accuracy",
    "auc",
    "r2",
    "rmse",
    "worst_group",
)


def run_text(run: Any) -> str:
    """Return a run in one line: what it is, how good, how often edited."""
    metrics, name = run.metrics, figure_name(run.metrics)
    classes = "" if metrics["n_classes"] is None else f"{metrics['n_classes']} classes, "
    parts = [
        f"{metrics['task']}",
        f"{classes}{metrics['n_concepts']} concepts",
        f"NEC {metrics['nec']:.4g}",
        f"test {name} {_number((metrics.get('as_fitted') or metrics)[name]['test'])}",
    ]
    count = len(run.edits)
    parts += [f"{count} edit{'s' if count > 1 else ''} since"] if count else []
    where = f"{metrics['run']!r}: " if metrics["run"] else ""
    return f"Run({where}{', '.join(parts)})"


def run_html(run: Any) -> str:
    """Return the figures of a run beside its controls, and its strongest concepts."""
    metrics, name = run.metrics, figure_name(run.metrics)
    controls, fitted = metrics["controls"], metrics.get("as_fitted") or metrics
    random = controls["random_bank"]
    rows = [
        ("as fitted, train" if run.edits else "train", fitted[name]["train"]),
        ("as fitted, test" if run.edits else "test", fitted[name]["test"]),
        ("random directions, equal NEC", None if random is None else random["mean"]),
        ("linear probe on all activations", controls["full_probe"]),
        ("constant answer", controls["majority"]),
    ]
    if run.edits:
        rows.append(("after the edits", (metrics["evaluation"] or {}).get(name)))
    note = "Read first: " + " · ".join(metrics["warnings"]) if metrics["warnings"] else ""
    told = [(what, _number(value)) for what, value in rows]
    return table(run_text(run), ("", name), told, note) + strongest_html(run.model)


def evaluation_html(record: Mapping[str, Any]) -> str:
    """Return an evaluation E, or one before and after an edit, as tables."""
    heads, overall, parts = _evaluation(record)
    found = table(f"Evaluation on {_rows(record):,} rows", ("", *heads), overall)
    for word, rows in parts.items():
        found += table(f"By {word}", (word, "rows", *heads), rows)
    return found


def evaluation_text(record: Mapping[str, Any]) -> str:
    """Return an evaluation as lines of text."""
    heads, overall, parts = _evaluation(record)
    lines = [f"evaluation on {_rows(record):,} rows ({' → '.join(heads)})"]
    lines += [f"{row[0]}: {' → '.join(row[1:])}" for row in overall]
    for word, rows in parts.items():
        lines += [f"{word} {row[0]} ({row[1]}): {' → '.join(row[2:])}" for row in rows]
    return "\n".join(lines)


Rows = list[tuple[Any, ...]]


def _evaluation(record: Mapping[str, Any]) -> tuple[list[str], Rows, dict[str, Rows]]:
    """Return the names of the columns, the overall figures, and those of classes and groups."""
    sides = [record["before"], record["after"]] if "before" in record else [record]
    heads = ["before", "after"] if len(sides) > 1 else ["value"]
    overall: Rows = [
        (key.replace("_", " "), *(_number(side.get(key)) for side in sides))
        for key in OVERALL
        if sides[0].get(key) is not None
    ]
    parts: dict[str, Rows] = {}
    for key, word in (("per_class", "class"), ("per_group", "group")):
        if sides[0].get(key):
            parts[word] = [
                (name, row["n"], *(_number(_figure((side[key] or {}).get(name))) for side in sides))
                for name, row in sides[0][key].items()
            ]
    return heads, overall, parts


def _rows(record: Mapping[str, Any]) -> int:
    return int(record.get("before", record)["n"])


def figure_name(metrics: Mapping[str, Any]) -> str:
    """Return the key of the task's headline figure."""
    return "r2" if metrics["task"] == "regression" else "accuracy"


def _figure(row: Mapping[str, Any] | None) -> float | None:
    found = row or {}
    return found.get("rmse") if "rmse" in found else found.get("accuracy")


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"
