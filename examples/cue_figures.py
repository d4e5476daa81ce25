"""Accuracy where a cue holds, is reversed and is absent, with paired bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from cue_cases import SETS, Case, Rows

REPEATS = 2000
LEVEL = 0.95
NO_RELIANCE = 0.005  # half a point has no sign worth naming
COLUMNS = (*SETS, "min", "lift", "reliance")

Hits = dict[str, np.ndarray]


def hits(model: Any, sets: Mapping[str, Rows]) -> Hits:
    """Return set -> how often each input is right, in [0, 1]: its versions in their shares."""
    found = {}
    for name, rows in sets.items():
        right = (model.predict(rows.X) == rows.y) * rows.weight
        found[name] = np.bincount(rows.unit, weights=right)
    return found


def least(found: Hits) -> float:
    """Return the smaller of the accuracies in distribution and reversed."""
    return min(float(found[name].mean()) for name in SETS[:2])


def figures(case: Case, all_hits: Mapping[str, Hits], against: str) -> dict[str, dict[str, list]]:
    """Return row -> column -> value and the ends of its 95 % interval, on the test rows.

    ``min`` is the smaller accuracy of in distribution and reversed, ``lift`` its gain over the row
    ``against``, ``reliance`` in distribution minus reversed. Inputs are drawn with replacement,
    the same for all rows, and with all their versions: differences are paired.
    """
    rng = np.random.default_rng(0)
    names = list(all_hits)
    draws: dict[str, np.ndarray] = {}
    means: dict[str, np.ndarray] = {}
    for part in SETS:
        table = np.stack([all_hits[name][part] for name in names])
        n = table.shape[1]
        if not (case.shared and draws):
            share = rng.multinomial(n, np.full(n, 1 / n), size=REPEATS) / n
        draws[part] = share @ table.T
        means[part] = table.mean(axis=1)
    for values in (draws, means):
        values["min"] = np.minimum(values[SETS[0]], values[SETS[1]])
        values["lift"] = values["min"] - values["min"][..., [names.index(against)]]
        values["reliance"] = values[SETS[0]] - values[SETS[1]]
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    return {
        name: {
            column: [means[column][i], *np.quantile(draws[column][:, i], ends)]
            for column in COLUMNS
        }
        for i, name in enumerate(names)
    }


def print_table(
    title: str,
    rows: Mapping[str, Mapping[str, list]],
    on_choice: Mapping[str, float],
    chosen: str,
) -> None:
    """Print a Markdown table: figures on the test rows, and ``on_choice``, which chose a row."""
    print(f"\n| {title} | {' | '.join(COLUMNS)} | min to choose by | |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    for name, row in rows.items():
        cells = [cell(column, *row[column]) for column in COLUMNS]
        notes = ["chosen"] * (name == chosen)
        value, _, high = row["reliance"]
        notes += ["over-corrected"] * int(value < -NO_RELIANCE and high < 0)
        print(f"| {name} | {' | '.join(cells)} | {short(on_choice[name])} | {', '.join(notes)} |")


def cell(column: str, value: float, low: float, high: float) -> str:
    """Return a figure with its interval; differences with their sign."""
    sign = "+" if column in COLUMNS[-2:] else ""
    return " ".join([short(value, sign), f"[{short(low, sign)}, {short(high, sign)}]"])


def short(value: float, sign: str = "") -> str:
    """Return three decimals without the leading zero."""
    return f"{value + 0.0:{sign}.3f}".replace("0.", ".", 1)
