"""What the section on weights shows: every class with its concepts, and all of them as a map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from pcbm.model.run import class_names, row_names, strongest
from pcbm.report.figures import count, decimal, signed
from pcbm.report.heat import weights_spec
from pcbm.report.meters import signed_bar
from pcbm.report.vega import figure

AT_ONCE = 12  # concepts of a class; the others unfold
MOST = 60  # of a class
ROWS = 4000  # of all classes
CLASSES_AT_ONCE = 24
MAPPED = 40  # classes, and concepts


def weights(model: Any, evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the coefficients of each row of the head, largest first.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    evaluation : dict or None
        Its ``contributions``, where measured, stand beside the weights.
    """
    names, coef = list(model.concept_names_), np.atleast_2d(model.coef_)
    longest = float(np.abs(coef).max()) or 1.0
    classes = class_names(model)
    binary = classes is not None and len(coef) == 1
    brought = (evaluation or {}).get("contributions") or {}
    sides = list(classes or []) if binary else []
    most = max(AT_ONCE, min(MOST, ROWS // len(coef)))
    cards = []
    for row, (name, weight) in enumerate(zip(row_names(model), coef, strict=True)):
        of = [brought.get(side) or {} for side in sides] if binary else [brought.get(name) or {}]
        order = strongest(weight)
        bars = [
            {
                "name": names[j],
                "value": signed(float(weight[j])),
                "bar": signed_bar(float(weight[j]) / longest),
                "brings": [signed(each.get(names[j]), 2) for each in of] if any(of) else [],
            }
            for j in order[:most]
        ]
        cards.append(
            {
                "name": name,
                "against": sides[0] if binary else None,
                "bars": bars[:AT_ONCE],
                "more": bars[AT_ONCE:],
                "left_out": len(order) - len(bars),
                "used": len(order),
                "intercept": decimal(float(np.atleast_1d(model.intercept_)[row])),
            }
        )
    return {
        "cards": cards[:CLASSES_AT_ONCE],
        "more": cards[CLASSES_AT_ONCE:],
        "binary": binary,
        "sides": sides,
        "measured": bool(brought),
        "concepts": len(names),
        "map": _map(model) if len(coef) > 1 else None,
    }


def bar(name: str, value: float, longest: float, digits: int = 3) -> dict[str, Any]:
    """Return a name with its value and a bar, of full length at ``longest``."""
    return {"name": name, "value": signed(value, digits), "bar": signed_bar(value / longest)}


def strongest_in(model: Any, concept: int, most: int = 3) -> str:
    """Return where a concept weighs most, in words: the classes, each with its weight."""
    column = np.atleast_2d(model.coef_)[:, concept]
    names = row_names(model)
    used = strongest(column)
    shown = [f"{names[c]} {signed(float(column[c]), 2)}" for c in used[:most]]
    return "; ".join(shown) + (f"; {len(used) - most} more" if len(used) > most else "")


def _map(model: Any) -> dict[str, Any] | None:
    """Return the weights of the most used classes and concepts as one map."""
    coef, classes, names = np.abs(model.coef_), row_names(model), list(model.concept_names_)
    if not coef.any():
        return None
    columns = strongest(coef.sum(axis=0))[:MAPPED]
    rows = np.sort(np.argsort(-coef.sum(axis=1), kind="stable")[:MAPPED])
    cells = [
        (classes[i], names[j], float(model.coef_[i, j]))
        for i in rows
        for j in columns
        if model.coef_[i, j] != 0
    ]
    shown = [classes[i] for i in rows], [names[j] for j in columns]
    words = (
        f"Weights of {count(len(rows))} classes (rows) on {count(len(columns))} concepts (columns)"
    )
    drawn: Markup = figure(weights_spec(cells, *shown), words)
    used = int(np.count_nonzero(coef.sum(axis=0)))
    return {
        "figure": drawn,
        "rows": len(rows),
        "columns": len(columns),
        "left": used - len(columns),
        "left_rows": len(classes) - len(rows),
    }
