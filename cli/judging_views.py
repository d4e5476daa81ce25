"""What a judged edit looks like on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.cli.output import Block, Line, Table, warning_lines
from pcbm.cli.views import compared_blocks, interval_text, signed

CONTROLS = ("random_prune", "random_prune_l1", "shuffled_names", "random_bank")
SHOWN_POINTS = 10


def judgement_blocks(evaluation: Mapping[str, Any]) -> list[Block]:
    """Return the tables of an edit's evaluation, one set of rows after the other."""
    from pcbm.editing import evaluations

    blocks = warning_lines(evaluation.get("warnings") or [])
    sets = evaluations(evaluation)
    for record in sets:
        if len(sets) > 1:
            blocks.append(Line(f"On {record['data']}:"))
        blocks += compared_blocks(record)
        blocks.append(Line(_changed(record["changed"], record["mcnemar"])))
    reliance = evaluation.get("reliance")
    if reliance is not None:
        blocks.append(Line(_reliance(reliance)))
    blocks += _controls(evaluation.get("controls"))
    blocks += _curve(evaluation.get("curve"))
    return blocks


def _controls(controls: Mapping[str, Any] | None) -> list[Block]:
    """Return the gain of the edit beside those of its controls, one line each."""
    if controls is None:
        return []
    names = list(controls["edit"])
    name = controls["primary"]
    rows: list[Sequence[Any]] = [
        ["this edit", *(signed(controls["edit"][key]["gain"]) for key in names), None, None]
    ]
    for kind in CONTROLS:
        control = controls[kind]
        if control is not None:
            means = [signed(control["figures"][key]["mean"]) for key in names]
            p = control["figures"][name]["p_value"]
            rows.append([kind.replace("_", " "), *means, control["repeats"], p])
    for kind, words in (("class_shares", "bias: same shares"), ("best", "bias: best here")):
        if controls["bias_only"] is not None:
            found = controls["bias_only"][kind]["figures"]
            rows.append([words, *(signed(found[key]["gain"]) for key in names), None, None])
    columns = ("gain of", *(key.replace("_", " ") for key in names), "repeats", "p")
    title = f"Controls (mean gain; p is for {name.replace('_', ' ')})"
    return [Table(columns, rows, title), *(Line(note) for note in controls["notes"])]


def _curve(curve: Mapping[str, Any] | None) -> list[Block]:
    """Return the edit at some points of the path, the chosen one among them."""
    if curve is None:
        return []
    points = curve["points"]
    names = list(points[0]["figures"])
    step = max(1, -(-len(points) // SHOWN_POINTS))
    shown = [p for i, p in enumerate(points) if p["chosen"] or i % step == 0]
    rows = [
        [
            point["lam"],
            point["nec"],
            *(
                f"{point['figures'][n]['before']:.3f} > {point['figures'][n]['after']:.3f}"
                for n in names
            ),
            "chosen" if point["chosen"] else "",
        ]
        for point in shown
    ]
    columns = ("lam", "NEC", *(name.replace("_", " ") for name in names), "")
    title = "The same edit along the path (before > after)"
    blocks: list[Block] = [Table(columns, rows, title)]
    if len(shown) < len(points):
        blocks.append(Line(f"{len(points) - len(shown)} more points in --json"))
    return [*blocks, *(Line(note) for note in curve["notes"])]


def _changed(changed: Mapping[str, Any], test: Mapping[str, Any] | None) -> str:
    text = f"{changed['n']:,} of {changed['of']:,} predictions changed"
    if changed["repaired"] is None or test is None:
        return text
    text += f": {changed['repaired']:,} repaired, {changed['broken']:,} broken"
    return f"{text}; McNemar: p = {test['exact']:.3g} (exact), {test['mid_p']:.3g} (mid-p)"


def _reliance(reliance: Mapping[str, Any]) -> str:
    parts = []
    for side in ("before", "after"):
        span = (reliance.get("intervals") or {}).get(side)
        known = "" if span is None else f" ({interval_text(span)})"
        parts.append(f"{side} {signed(reliance[side])}{known}")
    return "Signed reliance, accuracy in distribution minus shifted: " + ", ".join(parts)
