"""Tables that several commands show: an evaluation, and the weights of a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import nlargest
from typing import Any

from pcbm.cli.output import Block, Line, Table

FIGURES = ("accuracy", "label_accuracy", "balanced_accuracy", "auc", "r2", "rmse", "worst_group")
SHOWN_CLASSES = 30
SHOWN_WEIGHTS = 5


def evaluation_blocks(evaluations: Mapping[str, Mapping[str, Any]]) -> list[Block]:
    """Return the tables of one evaluation E, or of several side by side (before, after)."""
    first = next(iter(evaluations.values()))
    figures = [name for name in FIGURES if first.get(name) is not None]
    rows = [
        [name.replace("_", " "), *(evaluation[name] for evaluation in evaluations.values())]
        for name in figures
    ]
    blocks: list[Block] = [Table((f"on {first['n']:,} rows", *evaluations), rows)]
    for key, title in (("per_class", "class"), ("per_group", "group")):
        if first.get(key):
            blocks += _parts(evaluations, key, title)
    return blocks


def _parts(evaluations: Mapping[str, Mapping[str, Any]], key: str, title: str) -> list[Block]:
    first = next(iter(evaluations.values()))[key]
    figure = "accuracy" if "accuracy" in next(iter(first.values())) else "rmse"
    labels = [figure] if len(evaluations) == 1 else [f"{figure} {name}" for name in evaluations]
    rows = [
        [name, row["n"], *(e[key].get(name, {}).get(figure) for e in evaluations.values())]
        for name, row in first.items()
    ]
    blocks: list[Block] = [Table((title, "n", *labels), rows[:SHOWN_CLASSES])]
    if len(rows) > SHOWN_CLASSES:
        left = len(rows) - SHOWN_CLASSES
        blocks.append(Line(f"{left} more in --json"))
    return blocks


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
