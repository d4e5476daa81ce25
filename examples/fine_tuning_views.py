"""The pictures and the text of the fine-tuning study, from its figures alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pcbm.files import write_bytes
from pcbm.report.plots.chart import Chart
from pcbm.report.plots.invariances import layer_map, trend
from pcbm.report.plots.save import figure_bytes

KINDS = ("fine-tuned", "from nothing")
Found = Mapping[str, Any]


def charts(found: Found) -> list[Chart]:
    """Return every picture of the study."""
    return [
        _accuracy(found["accuracy"]),
        *_invariances(found["invariances"]),
        _barrier(found["barrier"]),
        _criticality(found["criticality"]),
        _shuffling(found["shuffling"]),
    ]


def write(chart: Chart, out: Path) -> None:
    """Write a picture beside the text."""
    write_bytes(out / f"{chart.name}.svg", figure_bytes(chart))


def _lines(
    name: str,
    title: str,
    caption: str,
    x: tuple[str, Sequence[Any]],
    axis: str,
    series: Sequence[tuple[str, Sequence[Any]]],
) -> Chart:
    """Return lines over named places."""
    lines = [(line, np.array(values, dtype=float), None) for line, values in series]
    chart = trend(name, title, caption, [str(value) for value in x[1]], axis, lines)
    chart.data["x_axis"] = x[0]
    return chart


def _accuracy(found: Found) -> Chart:
    return _lines(
        "accuracy",
        "Accuracy on the second half",
        f"{found['n']} test pictures of {', '.join(found['classes'])}; "
        f"chance {found['chance']:.2f}.",
        ("step", found["steps"]),
        "test accuracy",
        list(found["table"].items()),
    )


def _invariances(found: Found) -> list[Chart]:
    layers = found["layers"]
    forgetting = numbers(found["forgetting"])
    shown = f"{found['n']} test pictures, {found['seeds']} inversions a layer"
    last = f"after {found['steps'][-1]} steps; {shown}."
    return [
        _lines(
            "forgetting",
            "Invariances forgotten, layer by layer",
            f"STIR(pt | pt) - STIR(ft | pt) of each layer with itself; {shown}.",
            ("step", found["steps"]),
            "forgetting",
            [(layer, forgetting[:, k, k]) for k, layer in enumerate(layers)],
        ),
        layer_map(
            "learning",
            "Invariances learnt",
            f"STIR(ft | ft) - STIR(pt | ft), {last}",
            numbers(found["learning"]),
            (layers, layers),
            ("inverted, fine-tuned", "read"),
        ),
        layer_map(
            "flow",
            "Flow of invariances",
            f"Row: inverted pretrained layer; column: fine-tuned layer; {last} "
            "Lower left positive: to earlier layers.",
            numbers(found["flow"][-1]),
            (layers, layers),
            ("pretrained", "fine-tuned"),
        ),
        layer_map(
            "divergence",
            "CKA divergence",
            f"CKA(pt, pt) - CKA(ft, pt), {last}",
            numbers(found["divergence"][-1]),
            (layers, layers),
            ("pretrained", "read"),
        ),
    ]


def _barrier(found: Found) -> Chart:
    series = [
        (f"{kind}, {words}", found[kind][key]["excess"])
        for kind in KINDS
        for key, words in (("as_is", "as is"), ("recalibrated", "recalibrated"))
    ]
    t = [f"{value:.1f}" for value in found[KINDS[0]]["t"]]
    n = found[KINDS[0]]["n"]
    return _lines(
        "barrier",
        "The loss on the line between two networks",
        f"Loss above the chord, {n} test pictures; statistics of batch norm as is or recalibrated.",
        ("share of the second network", t),
        "nats above the chord",
        series,
    )


def _criticality(found: Found) -> Chart:
    series = [(kind, [_log(entry["mu"]) for entry in found[kind]]) for kind in KINDS]
    return _lines(
        "criticality",
        "Module criticality",
        f"log10(1 + mu) with a slack of {found['slack']} nats; 0: may stand at its start.",
        ("module", found["modules"]),
        "log10(1 + mu)",
        series,
    )


def _shuffling(found: Found) -> Chart:
    first = next(iter(found.values()))
    return _lines(
        "shuffling",
        "Accuracy on shuffled pictures",
        f"{first['n']} test pictures; size of the blocks that change places.",
        ("side of a block", [entry["size"] for entry in first["sizes"]]),
        "test accuracy",
        [(name, [entry["accuracy"] for entry in study["sizes"]]) for name, study in found.items()],
    )


def text(found: Found, pictures: Sequence[Chart]) -> str:
    """Return what was seen as Markdown; every figure and comparison is computed."""
    told = [
        _said_of_accuracy(found["accuracy"]),
        _said_of_invariances(found["invariances"]),
        _said_of_barriers(found["barrier"]),
        _said_of_criticality(found["criticality"]),
        _said_of_shuffling(found["shuffling"]),
    ]
    shown = [f"![{chart.title}]({chart.name}.svg)\n\n{chart.caption}" for chart in pictures]
    return "\n\n".join(["# What fine-tuning changed", *told, *shown]) + "\n"


def _said_of_accuracy(found: Found) -> str:
    steps = found["steps"]
    at = {
        kind: np.mean([v for k, v in found["table"].items() if k.startswith(kind)], axis=0)
        for kind in KINDS
    }
    early, late = (
        f"{at[KINDS[0]][k]:.3f} fine-tuned and {at[KINDS[1]][k]:.3f} from nothing after "
        f"{steps[k]} steps"
        for k in (1, -1)
    )
    ahead = at[KINDS[0]] - at[KINDS[1]]
    return (
        f"**Accuracy.** {early}; {late}. The lead of fine-tuning is {ahead[1]:+.3f} early and "
        f"{ahead[-1]:+.3f} at the end."
    )


def _said_of_invariances(found: Found) -> str:
    layers = found["layers"]
    own = np.diagonal(numbers(found["forgetting"])[-1])
    gained = np.diagonal(numbers(found["learning"]))
    flow = numbers(found["flow"][-1])
    lower = _mean(flow[np.tril_indices(len(flow), -1)])
    upper = _mean(flow[np.triu_indices(len(flow), 1)])
    high = [f"{name} {value:.2f}" for name, value in zip(layers, found["residual"], strict=True)]
    return (
        f"**Invariances.** Forgetting at the end: {_named(layers, own)}. Learning: "
        f"{_named(layers, gained)}. {_largest('most was forgotten', layers, own)} The mean flow to "
        f"earlier layers is {_signed(lower)}, to later ones {_signed(upper)}. Residuals of the "
        f"inversions: {', '.join(high)}; above {found['limit']} a layer has no value."
    )


def _said_of_barriers(found: Found) -> str:
    parts = []
    for kind in KINDS:
        entry = found[kind]
        parts.append(
            f"Two networks {kind}: {entry['as_is']['barrier']:.2f} nats as is, "
            f"{entry['recalibrated']['barrier']:.2f} recalibrated, at a distance of "
            f"{entry['apart']:.2f} (from the start: {entry['from_start']:.2f})"
        )
    lower, higher = sorted(KINDS, key=lambda kind: found[kind]["recalibrated"]["barrier"])
    return f"**Barrier.** {'. '.join(parts)}. It is lower between networks {lower} than {higher}."


def _said_of_criticality(found: Found) -> str:
    parts = []
    for kind in KINDS:
        values = np.array([np.nan if e["mu"] is None else e["mu"] for e in found[kind]])
        parts.append(f"{kind}: {_named(found['modules'], values, '.3g')}")
    free = {kind: [e["module"] for e in found[kind] if e["mu"] == 0] for kind in KINDS}
    stand = "; ".join(f"{kind}: {', '.join(names) or 'none'}" for kind, names in free.items())
    return (
        f"**Criticality** (mu, slack {found['slack']} nats). {'. '.join(parts)}. Modules that may "
        f"stand at their start: {stand}."
    )


def _said_of_shuffling(found: Found) -> str:
    parts = []
    for kind in KINDS:
        studies = [study for name, study in found.items() if name.startswith(kind)]
        table = np.mean([[e["accuracy"] for e in study["sizes"]] for study in studies], axis=0)
        sizes = [entry["size"] for entry in studies[0]["sizes"]]
        words = ", ".join(f"{size}: {value:.3f}" for size, value in zip(sizes, table, strict=True))
        parts.append(f"{kind}: {words}")
    return f"**Shuffled blocks** (side: accuracy). {'. '.join(parts)}."


def _named(names: Sequence[str], values: np.ndarray, form: str = "+.3f") -> str:
    return ", ".join(
        f"{name} {value:{form}}" if np.isfinite(value) else f"{name} no value"
        for name, value in zip(names, values, strict=True)
    )


def _largest(words: str, names: Sequence[str], values: np.ndarray) -> str:
    if not np.isfinite(values).any():
        return "No layer has a value."
    return f"By this measure {words} in {names[int(np.nanargmax(values))]}."


def _mean(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def _signed(value: float) -> str:
    return f"{value:+.3f}" if np.isfinite(value) else "without a value"


def _log(mu: float | None) -> float:
    return float("nan") if mu is None else float(np.log10(1 + mu))


def numbers(values: Any) -> np.ndarray:
    """Return an array with NaN in place of None."""
    return np.array(values, dtype=float)
