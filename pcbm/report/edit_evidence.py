"""What speaks for an edit beside its figures: intervals, controls, the curve along the path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from markupsafe import Markup

from pcbm.report.figures import count, effective, percent, points, significant
from pcbm.report.svg import Across, Up, dot, drawing, element, line, nice_ticks, text

CONTROLS = {
    "random_prune": "As many other coefficients",
    "random_prune_l1": "Other coefficients, same L1 norm",
    "shuffled_names": "The same plan on other concepts",
    "random_bank": "The same plan on random directions",
}
SHIFTS = {"class_shares": "Intercepts alone, same class shares", "best": "Intercepts alone, best"}
HEIGHT = 220
TICKS = 6


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
    """Return the chart of an edit along the path, and its table; None where not measured."""
    curve = (record or {}).get("curve")
    if curve is None:
        return None
    known = curve["points"]
    figures = list(known[0]["figures"])
    figure = "least" if "least" in figures else figures[0]
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
        "chart": curve_chart(known, figure),
        "figure": named(figure),
        "figures": [named(name) for name in figures],
        "rows": rows,
        "notes": curve["notes"],
    }


def curve_chart(known: Sequence[Mapping[str, Any]], figure: str) -> Markup:
    """Draw a figure before and after an edit along the path, the penalty falling to the right.

    Parameters
    ----------
    known : sequence of dict
        The points of `pcbm.audit.edit_curve`.
    figure : str
        Which of their figures.
    """
    sides = {
        side: [float(point["figures"][figure][side]) for point in known]
        for side in ("before", "after")
    }
    ticks = nice_ticks(min(map(min, sides.values())), max(map(max, sides.values())))
    up = Up(ticks[0], ticks[-1], HEIGHT - 44, 22)
    across = Across(0.0, max(len(known) - 1, 1))
    parts = [line("0%", up(tick), "100%", up(tick), "grid") for tick in ticks]
    step = max(1, -(-len(known) // TICKS))
    for i in range(0, len(known), step):
        place = across(i)
        parts.append(line(place, HEIGHT - 44, place, HEIGHT - 39, "tick"))
        anchor = "start" if i == 0 else "end" if i == len(known) - 1 else "middle"
        label = effective(known[i]["nec"])
        parts.append(text(place, HEIGHT - 25, label, "tick-label", anchor))
    words = "effective concepts (NEC) along the path"
    parts.append(text("100%", HEIGHT - 6, words, "axis-title", "end"))
    for side, values in sides.items():
        places = [(across(i), up(value)) for i, value in enumerate(values)]
        parts += [line(*a, *b, f"curve {side}") for a, b in pairwise(places)]
    for i, point in enumerate(known):
        if point["chosen"]:
            place = across(i)
            parts.append(line(place, up.top - 4, place, up.bottom, "chosen"))
            parts += [dot(place, up(sides[side][i]), 4.5, f"mark {side}") for side in sides]
            parts.append(
                text(place, 12, "chosen", "note", "end" if 2 * i > len(known) else "start")
            )
    labels = [
        text("100%", up(tick) + 4, percent(tick).replace(".0%", "%"), "tick-label", "end")
        for tick in ticks
    ]
    axis = drawing(HEIGHT, "axis", *labels, class_="chart axis")
    title = f"{named(figure)} before and after the edit along the path"
    return element("div", axis, drawing(HEIGHT, title, *parts), class_="framed")
