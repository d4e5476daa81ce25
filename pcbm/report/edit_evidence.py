"""What speaks for an edit beside its figures: intervals, controls, the curve along the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcbm.report.figures import count, effective, percent, points, significant

CONTROLS = {
    "random_prune": "As many other coefficients",
    "random_prune_l1": "Other coefficients, same L1 norm",
    "shuffled_names": "The same plan on other concepts",
    "random_bank": "The same plan on random directions",
}
SHIFTS = {"class_shares": "Intercepts alone, same class shares", "best": "Intercepts alone, best"}


def certainty(record: Mapping[str, Any]) -> str | None:
    """Return the interval of the change and McNemar's p in one sentence; None where unknown."""
    intervals, test = record.get("intervals"), record.get("mcnemar")
    if not intervals or not test:
        return None
    low, high = intervals["accuracy"]["difference"]
    change = record["after"]["accuracy"] - record["before"]["accuracy"]
    return (
        f"Change of the accuracy {points(change)} points, {percent(intervals['level'])} interval "
        f"{points(low)} to {points(high)} (paired bootstrap); McNemar p = "
        f"{significant(test['exact'])} (exact), {significant(test['mid_p'])} (mid-p)."
    )


def named(figure: str) -> str:
    """Return a figure's name as a reader wants it."""
    known = {"least": "Smaller of the two", "worst_group": "Worst group"}
    return known.get(figure, figure.replace("_", " ").capitalize())


def in_words(figure: str) -> str:
    """Return a figure's name as it stands in a sentence that has not said what it is."""
    if figure == "least":
        return "the smaller of the two accuracies (in distribution, shifted)"
    return named(figure) if figure in ("auc",) else named(figure).lower()


def controls_table(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the gain of the edit beside those of its controls; None where not measured."""
    controls = (record or {}).get("controls")
    if controls is None:
        return None
    figures = list(controls["edit"])
    rows = [
        {
            "name": "This edit",
            "gains": [points(controls["edit"][name]["gain"]) for name in figures],
            "repeats": "",
            "p": "",
        }
    ]
    for kind, words in CONTROLS.items():
        control = controls[kind]
        if control is not None:
            found = control["figures"]
            rows.append(
                {
                    "name": words,
                    "gains": [points(found[name]["mean"]) for name in figures],
                    "repeats": count(control["repeats"]),
                    "p": significant(found[controls["primary"]]["p_value"], 2),
                }
            )
    for kind, words in SHIFTS.items():
        if controls["bias_only"] is not None:
            found = controls["bias_only"][kind]["figures"]
            gains = [points(found[name]["gain"]) for name in figures]
            rows.append({"name": words, "gains": gains, "repeats": "", "p": ""})
    return {
        "figures": [named(name) for name in figures],
        "primary": named(controls["primary"]).lower(),
        "rows": rows,
        "notes": controls["notes"],
    }


def curve_view(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return an edit along the path as a table; None where not measured."""
    curve = (record or {}).get("curve")
    if curve is None:
        return None
    known = curve["points"]
    figures = list(known[0]["figures"])
    rows = [
        {
            "lam": significant(point["lam"]),
            "nec": effective(point["nec"]),
            "figures": [
                f"{percent(point['figures'][name]['before'])} → "
                f"{percent(point['figures'][name]['after'])}"
                for name in figures
            ],
            "chosen": point["chosen"],
        }
        for point in known
    ]
    return {
        "figures": [named(name) for name in figures],
        "rows": rows,
        "notes": curve["notes"],
    }


def reliance_view(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return signed reliance before and after, with its intervals; None where not measured."""
    reliance = (record or {}).get("reliance")
    if reliance is None:
        return None
    known = reliance.get("intervals") or {}
    return {
        side: {
            "value": points(reliance[side]),
            "interval": " to ".join(map(points, known[side])) if known.get(side) else "–",
        }
        for side in ("before", "after")
    }
