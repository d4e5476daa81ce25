"""A residual's record in words: the same lines on the command line, in the card and the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ABSENT = "not measured"
FIGURES = {
    "concepts_only": "concepts alone",
    "residual_only": "residual alone",
    "with_residual": "concepts and residual",
    "without_concepts": "every concept deleted, intercepts kept",
}


def residual_lines(record: Mapping[str, Any], task: str) -> list[tuple[str, str]]:
    """Return what is known of a residual as pairs of a label and a text.

    Parameters
    ----------
    record : mapping
        ``residual`` of metrics.json; parts that an older run lacks are not measured.
    task : str
    """
    lines = [("kind", str(record["kind"])), ("weight decay", f"{record['weight_decay']:g}")]
    if "hidden" in record:
        passes = f"the best of {record['passes']} passes over the rows is {record['best_pass']}"
        lines.append(("hidden layer", f"{record['hidden']} units; {passes}"))
    for each in record.get("erased") or []:
        removed = f"{each['dimensions_removed']} of {each['dimensions']} dimensions"
        what = {
            "span": "the bank's span",
            "scores": "concept scores",
            "scores in class": "concept scores within the classes",
        }[each["what"]]
        lines.append(("not read", f"{what}, {removed}; {each['guarantee']}"))
    name, said = ("r2", "R2") if task == "regression" else ("accuracy", "accuracy")
    rows, figures = record.get("rows"), record.get(name) or {}
    if rows is not None:
        lines.append(("measured on", f"{rows['n']:,} {rows['part']} rows"))
    lines += [(f"{said}, {text}", _number(figures.get(key))) for key, text in FIGURES.items()]
    shares = record.get("margin_share")
    share = ABSENT if shares is None else f"{shares['residual']:.3f}"
    lines.append(("residual's share of the margin's variance", share))
    lines += _repairs(record.get("where_concepts_err"))
    told = _number(record.get("told_by_scores"))
    lines.append(("residual's margin told by concept scores, cross-fitted R2", told))
    return lines


def _repairs(counts: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if counts is None:
        return []
    return [
        (
            f"concept part wrong ({counts['wrong']:,})",
            f"residual alone right {_number(counts['residual_right'])}, "
            f"sum right {_number(counts['repaired'])}",
        ),
        (f"concept part right ({counts['right']:,})", f"sum wrong {_number(counts['broken'])}"),
    ]


def _number(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3f}"
