"""The charts of a model's concepts: weights, contributions, their quality, how alike they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcbm.model.run import class_names, row_names, strongest
from pcbm.report.figures import count, significant
from pcbm.report.plots.chart import Absent, Chart, Drawn, dot, dots, paged
from pcbm.report.plots.measured import ROWS, UNMEASURED, rows_of

EACH = 10  # concepts a class
PANELS = 12  # classes on one page
MAPPED = 40  # classes, and concepts, of a map
QUALITY = {"auc": "AUC", "balanced_accuracy": "balanced accuracy"}


def weights(model: Any) -> list[Drawn]:
    """Return the largest coefficients of each row of the head."""
    names = class_names(model)
    binary = names is not None and len(names) == 2 and len(model.coef_) == 1
    panels = []
    for name, row in zip(row_names(model), np.atleast_2d(model.coef_), strict=True):
        used = strongest(row)
        bars = [(model.concept_names_[j], float(row[j])) for j in used[:EACH]]
        panels.append(_panel(name, bars, len(used), names[0] if names and binary else None))
    caption = (
        f"The {EACH} largest coefficients of each class: what one standard deviation of a "
        "concept's score adds to the logit."
    )
    if binary and names:
        caption += f" Positive argues for {names[1]}, negative for {names[0]}."
    return _pages("weights", "Weights of each class", caption, "coefficient", panels)


def weights_map(model: Any) -> Drawn:
    """Return the coefficients of the most used classes and concepts as one map."""
    title, coef = "Weights of classes and concepts", np.atleast_2d(model.coef_)
    if len(coef) == 1 or not coef.any():
        reason = "the head has one row of weights" if len(coef) == 1 else "no concept is used"
        return Absent("weights-map", title, reason)
    size, names = np.abs(coef), list(model.concept_names_)
    columns = strongest(size.sum(axis=0))[:MAPPED]
    rows = np.sort(np.argsort(-size.sum(axis=1), kind="stable")[:MAPPED])
    cells = [[float(coef[i, j]) if coef[i, j] else None for i in rows] for j in columns]
    caption = "Coefficients on standardised scores; grey where a class does not use a concept"
    used = int(np.count_nonzero(size.sum(axis=0)))
    if used > len(columns) or len(coef) > len(rows):
        caption += f". The most used: {len(rows)} of {len(coef)} classes, {len(columns)} of {used}"
        caption += " concepts in use"
    data = {
        "rows": [names[j] for j in columns],
        "columns": [row_names(model)[i] for i in rows],
        "values": cells,
        "limit": float(size.max()),
    }
    return Chart("weights-map", title, caption + ".", "similarity", data)


def contributions(model: Any, metrics: Mapping[str, Any]) -> list[Drawn]:
    """Return what the concepts bring on average to the logit of each class, on its own rows."""
    title = "What concepts bring to their class"
    found = (metrics["evaluation"] or {}).get("contributions")
    if not found:
        reason = "numbers have no classes" if metrics["task"] == "regression" else UNMEASURED
        return [Absent("contributions", title, reason)]
    panels = []
    for name, values in found.items():
        bars = sorted((values or {}).items(), key=lambda item: -abs(item[1]))
        panels.append(_panel(name, bars[:EACH], len(bars), None))
    caption = (
        f"Coefficient times standardised score, the mean over the rows of each class; the {EACH} "
        f"largest. On {rows_of(metrics)}."
    )
    names = class_names(model)
    if len(model.coef_) == 1 and names is not None and len(names) == 2:
        caption += f" Positive argues for {names[1]} in both panels."
    return _pages("contributions", title, caption, "mean contribution", panels)


def _panel(
    name: str, bars: list[tuple[str, float]], used: int, against: str | None
) -> dict[str, Any]:
    return {
        "title": name,
        "against": against,
        "bars": [{"name": concept, "value": float(value)} for concept, value in bars],
        "left_out": used - len(bars),
    }


def _pages(
    name: str, title: str, caption: str, axis: str, panels: list[dict[str, Any]]
) -> list[Drawn]:
    return [
        Chart(page, title, caption, "bars", {"axis": axis, "panels": list(part)})
        for page, part in paged(name, panels, PANELS)
    ]


def quality(bank: Any) -> list[Drawn]:
    """Return how well probes tell their concepts on examples that they never saw."""
    title = "How well the concepts are told"
    if bank is None:
        return [Absent("quality", title, "the concepts are the columns of the activations")]
    known = [key for key in QUALITY if any(key in row for row in bank.stats.values())]
    if not known:
        words = {
            "text": "the concepts come from words: there are no examples to measure them on",
        }
        return [Absent("quality", title, words.get(bank.source, "the bank holds no figures"))]
    rows = [
        dot(
            name,
            [bank.stats.get(name, {}).get(key) for key in known],
            detail=_examples(bank.stats.get(name, {})),
        )
        for name in bank.names
    ]
    rows.sort(key=lambda row: -(row["values"][0] or 0.0))
    series = [QUALITY[key] for key in known]
    caption = "Probes on held-out examples with and without the concept; 50 % is chance."
    return [
        Chart(
            page,
            title,
            caption,
            "dots",
            dots(" and ".join(series), part, percent=True, series=series),
        )
        for page, part in paged("quality", rows, ROWS)
    ]


def _examples(figures: Mapping[str, Any]) -> str:
    if figures.get("n_positive") is None:
        return ""
    return f"{count(figures['n_positive'])}/{count(figures.get('n_negative'))}"


def geometry(metrics: Mapping[str, Any]) -> Drawn:
    """Return how alike the most used concepts are, as directions and as scores."""
    title = "How alike the concepts are"
    record = metrics.get("geometry")
    if not record:
        return Absent("geometry", title, UNMEASURED)
    names, cosine = record["shown"], record["cosine"]
    cells: list[list[float | None]] = [[None] * len(names) for _ in names]
    for i in range(len(names)):
        for j in range(i):
            cells[i][j] = record["correlation"][i][j]
            cells[j][i] = None if cosine is None else cosine[i][j]
    caption = (
        f"Below the diagonal the correlation of concept scores on {count(record['n'])} "
        f"{record['rows']} rows"
    )
    rank = record["effective_rank"]
    if cosine is not None:
        caption += ", above it the cosine of their directions"
        caption += (
            f". Effective rank {significant(rank['scores'])} of the scores, "
            f"{significant(rank['directions'])} of the directions"
        )
    else:
        caption += f". Effective rank of the scores {significant(rank['scores'])}"
    caption += f", of {record['compared']} concepts"
    if len(names) < record["compared"]:
        caption += f"; the {len(names)} most used are shown"
    data = {"rows": names, "columns": names, "values": cells}
    return Chart("geometry", title, caption + ".", "similarity", data)
