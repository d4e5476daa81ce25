"""What the sections on classes, groups, confusion and calibration show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.model.intervals import wilson
from pcbm.report.figures import count, decimal, percent, significant, span

CONFUSIONS = 25
FULL_TABLE = 20  # classes; of more only the largest confusions are listed


def evaluation(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return an evaluation E as tables: overall figures, classes, groups."""
    if record is None:
        return None
    overall = [
        (label, show(record[key]))
        for key, label, show in (
            ("accuracy", "Accuracy", percent),
            ("balanced_accuracy", "Balanced accuracy", percent),
            ("label_accuracy", "Accuracy a label", percent),
            ("auc", "AUC, one against the rest", decimal),
            ("r2", "R²", decimal),
            ("rmse", "RMSE", significant),
            ("worst_group", "Worst group", significant if "rmse" in record else percent),
            ("n", "Rows", count),
        )
        if record.get(key) is not None
    ]
    known = record.get("intervals") or {}
    if known.get("accuracy") is not None:
        overall.insert(1, ("95% interval", span(known["accuracy"])))
    elif known.get("r2") is not None:
        overall.insert(1, ("95% interval", " to ".join(map(decimal, known["r2"]))))
    return {
        "overall": overall,
        "classes": _evaluated(record.get("per_class"), known.get("per_class")),
        "groups": _evaluated(record.get("per_group"), known.get("per_group")),
        "worst": record.get("worst_group_name"),
    }


def _evaluated(
    rows: Mapping[str, Mapping[str, Any]] | None,
    intervals: Mapping[str, Sequence[float] | None] | None,
) -> list[dict[str, Any]]:
    result = []
    for name, row in (rows or {}).items():
        bounds, error = (intervals or {}).get(name), "rmse" in row
        result.append(
            {
                "name": name,
                "n": count(row["n"]),
                "value": significant(row["rmse"]) if error else percent(row["accuracy"]),
                "interval": " to ".join(map(significant, bounds))
                if error and bounds
                else span(bounds),
                "auc": decimal(row["auc"]) if row.get("auc") is not None else None,
            }
        )
    return result


def confusion(record: Mapping[str, Any] | None, classes: Sequence[str]) -> dict[str, Any] | None:
    """Return the largest confusions, and the whole table where there are few classes."""
    counts = (record or {}).get("confusion")
    if not counts:
        return None
    if "label_accuracy" in (record or {}):
        return {"labels": [_label(name, cells) for name, cells in counts.items()]}
    wrong = [
        (n, given, said)
        for given, row in counts.items()
        for said, n in row.items()
        if given != said
    ]
    wrong.sort(key=lambda item: (-item[0], item[1], item[2]))
    totals = {given: sum(row.values()) for given, row in counts.items()}
    few = len(classes) <= FULL_TABLE
    return {
        "wrong": count(sum(n for n, _, _ in wrong)),
        "of": count(sum(totals.values())),
        "pairs": count(len(wrong)),
        "top": [
            {"given": given, "said": said, "n": count(n), "share": percent(n / totals[given])}
            for n, given, said in wrong[:CONFUSIONS]
        ],
        "classes": list(classes) if few else [],
        "table": [
            (given, [count(counts.get(given, {}).get(said, 0)) for said in classes])
            for given in classes
        ]
        if few
        else [],
    }


def _label(name: str, cells: Mapping[str, Mapping[str, int]]) -> dict[str, str]:
    return {
        "name": name,
        **{
            f"{given}_{said}": count(cells.get(given, {}).get(said, 0))
            for given in ("present", "absent")
            for said in ("present", "absent")
        },
    }


def calibration(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the bins of the reliability diagram; None where nothing was measured."""
    found = (record or {}).get("calibration")
    if not found:
        return None
    low, high = wilson(found["share"] * found["n"], found["n"])
    return {
        "of": "each label" if found["of"] == "labels" else "the predicted class",
        "ece": decimal(found["ece"]),
        "n_bins": count(found["n_bins"]),
        "confidence": percent(found["confidence"]),
        "share": percent(found["share"]),
        "verdict": "so it is too sure"
        if found["confidence"] > high
        else "so it is not sure enough"
        if found["confidence"] < low
        else "no further apart than chance allows",
        "bins": [
            {
                "range": span([row["low"], row["high"]]),
                "n": count(row["n"]),
                "confidence": percent(row["confidence"]),
                "share": percent(row["share"]),
                "interval": span(row["interval"]),
            }
            for row in found["bins"]
        ],
    }
