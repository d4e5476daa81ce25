"""What the section on concepts shows: their own quality, and how alike they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcbm.report.figures import count, decimal, signed, significant
from pcbm.report.weights import strongest_in

UNUSED = "none"


def bank_table(model: Any) -> dict[str, Any] | None:
    """Return what is known of each concept's own quality; None without a bank."""
    bank = model.bank
    if bank is None:
        return None
    coef = np.abs(np.atleast_2d(model.coef_))
    measured = [
        key
        for key in ("auc", "balanced_accuracy")
        if any(key in figures for figures in bank.stats.values())
    ]
    rows = []
    for k, name in enumerate(bank.names):
        figures = bank.stats.get(name, {})
        rows.append(
            {
                "name": name,
                "source": bank.sources[k],
                "rows": int(np.count_nonzero(coef[:, k])),
                "where": strongest_in(model, k) or UNUSED,
                "figures": [decimal(figures.get(key)) for key in measured],
                "margins": _margins(figures),
                "examples": _examples(figures),
                "weight": float(coef[:, k].sum()),
            }
        )
    rows.sort(key=lambda row: -row["weight"])
    return {
        "rows": rows,
        "measured": [_heading(key) for key in measured],
        "examples": any(row["examples"] for row in rows),
        "margins": any(row["margins"] for row in rows),
        "notes": list(bank.notes),
        "unused": sum(row["rows"] == 0 for row in rows),
        "n": len(rows),
    }


def geometry(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how many directions the concepts span, and their closest pairs; None unmeasured."""
    record = metrics.get("geometry")
    if not record:
        return None
    rank = record["effective_rank"]
    return {
        "compared": count(record["compared"]),
        "directions": significant(rank["directions"]),
        "scores": significant(rank["scores"]),
        "with_cosine": record["cosine"] is not None,
        "n": count(record["n"]),
        "pairs": [
            {
                "a": pair["a"],
                "b": pair["b"],
                "cosine": signed(pair["cosine"], 2),
                "correlation": signed(pair["correlation"], 2),
            }
            for pair in record["closest"]
        ],
    }


def _examples(figures: Mapping[str, Any]) -> str | None:
    if figures.get("n_positive") is None:
        return None
    return f"{count(figures['n_positive'])} with, {count(figures.get('n_negative'))} without"


def _margins(figures: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return mean and deviation of the held-out margins, with and without the concept."""
    if figures.get("margin_positive_mean") is None:
        return None
    one, other = (
        f"{signed(figures[f'margin_{side}_mean'], 2)} ± {decimal(figures[f'margin_{side}_std'], 2)}"
        for side in ("positive", "negative")
    )
    return one, other


def _heading(key: str) -> str:
    return {"auc": "AUC", "balanced_accuracy": "Balanced accuracy"}[key]
