"""Tables that several commands show: an evaluation, and the weights of a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nlargest
from typing import Any

from pcbm.cli.output import Block, Line, Table
from pcbm.cli.text import number

FIGURES = ("accuracy", "label_accuracy", "balanced_accuracy", "auc", "r2", "rmse", "worst_group")
PARTS = (("per_class", "class"), ("per_group", "group"))
SPAN = "95 %"
SHOWN_CLASSES = 30
SHOWN_WEIGHTS = 5

Evaluation = Mapping[str, Any]


def evaluation_blocks(evaluations: Mapping[str, Evaluation]) -> list[Block]:
    """Return the tables of one evaluation E, or of several side by side, with their intervals."""
    first = next(iter(evaluations.values()))
    sizes = [f"{each['n']:,}" for each in evaluations.values()]
    columns = [f"on {' and '.join(sizes)} rows"]
    for name in evaluations:
        columns += [name, SPAN]
    rows = []
    for figure in _figures(first):
        row: list[Any] = [figure.replace("_", " ")]
        for each in evaluations.values():
            row += [each[figure], interval_text(_known(each, figure))]
        rows.append(row)
    blocks: list[Block] = [Table(columns, rows)]
    for key, title in PARTS:
        if first.get(key):
            blocks += _parts(evaluations, key, title)
    return blocks


def _parts(evaluations: Mapping[str, Evaluation], key: str, title: str) -> list[Block]:
    first = next(iter(evaluations.values()))[key]
    figure = _figure(first)
    areas = len(evaluations) == 1 and any(row.get("auc") is not None for row in first.values())
    columns, rows = [title], []
    for name in evaluations:
        word = figure if len(evaluations) == 1 else f"{figure} {name}"
        columns += ["n", word, SPAN, *(["AUC", SPAN] if areas else [])]
    for name in dict.fromkeys(name for each in evaluations.values() for name in each[key] or {}):
        row: list[Any] = [name]
        for each in evaluations.values():
            found = (each[key] or {}).get(name, {})
            row += [found.get("n"), found.get(figure), interval_text(_known(each, key, name))]
            if areas:
                row += [found.get("auc"), interval_text(_known(each, f"{key}_auc", name))]
        rows.append(row)
    return _shortened(Table(columns, rows))


def compared_blocks(record: Mapping[str, Any]) -> list[Block]:
    """Return the tables of an evaluation before and after an edit, with the change of each figure.

    Parameters
    ----------
    record : dict
        What `pcbm.editing.evaluate_edit` gave.
    """
    before, after, spans = record["before"], record["after"], record["intervals"]
    columns = ("before", SPAN, "after", SPAN, "change", SPAN)
    rows = []
    for figure in _figures(before):
        triple = spans.get(figure)
        rows.append([figure.replace("_", " "), *_change(before[figure], after[figure], triple)])
    blocks: list[Block] = [Table((f"on {before['n']:,} rows", *columns), rows)]
    for key, title in PARTS:
        if not before.get(key):
            continue
        figure, known = _figure(before[key]), spans.get(key) or {}
        rows = []
        for name, row in before[key].items():
            both = _change(row[figure], after[key].get(name, {}).get(figure), known.get(name))
            rows.append([name, row["n"], both[0], both[2], both[4], both[5]])
        heads = (title, "n", f"{figure} before", "after", "change", SPAN)
        blocks += _shortened(Table(heads, rows))
    return blocks


def _change(before: Any, after: Any, triple: Mapping[str, Any] | None) -> list[Any]:
    """Return both values, the change, and the interval of each."""
    spans = [interval_text((triple or {}).get(side)) for side in ("before", "after", "difference")]
    moved = None if before is None or after is None else signed(after - before)
    return [before, spans[0], after, spans[1], moved, spans[2]]


def _figures(evaluation: Evaluation) -> list[str]:
    return [name for name in FIGURES if evaluation.get(name) is not None]


def _figure(parts: Mapping[str, Mapping[str, Any]]) -> str:
    return "accuracy" if "accuracy" in next(iter(parts.values())) else "rmse"


def _known(evaluation: Evaluation, key: str, name: str | None = None) -> Any:
    """Return an interval of an evaluation; None where there is none."""
    found = (evaluation.get("intervals") or {}).get(key)
    return found if name is None or found is None else found.get(name)


def _shortened(table: Table) -> list[Block]:
    if len(table.rows) <= SHOWN_CLASSES:
        return [table]
    left = len(table.rows) - SHOWN_CLASSES
    few = Table(table.columns, table.rows[:SHOWN_CLASSES])
    return [few, Line(f"{left} more in --json")]


def interval_text(span: Sequence[float] | None) -> str | None:
    """Return an interval as text; None where there is none."""
    return None if span is None else f"{number(span[0])} to {number(span[1])}"


def signed(value: float) -> str:
    """Return a difference with its sign."""
    small = 0 < abs(value) < 5e-4
    return f"{value:+.2g}" if small else f"{value:+.3f}"


def weights_table(model: Any, rows: Sequence[str], classes: Sequence[str] | None) -> Table:
    """Return the largest coefficients of each row of a head, with their signs.

    A binary head has one row; the table says which class its positive side is.
    """
    lines = []
    for name, coef in zip(rows[:SHOWN_CLASSES], model.coef_[:SHOWN_CLASSES], strict=True):
        largest = nlargest(SHOWN_WEIGHTS, range(len(coef)), key=lambda j: abs(coef[j]))
        strong = [j for j in largest if coef[j] != 0]
        used = int((coef != 0).sum())
        text = ", ".join(f"{model.concept_names_[j]} {coef[j]:+.2f}" for j in strong)
        lines.append((name, used, text or "none"))
    title = "Largest weights (per standard deviation of the concept's score)"
    if classes is not None and len(classes) == 2 and len(rows) == 1:
        title += f"; positive argues for {classes[1]}, negative for {classes[0]}"
    if len(rows) > SHOWN_CLASSES:
        title += f"; the first {SHOWN_CLASSES} of {len(rows)} classes, weights.csv has all"
    return Table(("for", "concepts", "weights"), lines, title)
