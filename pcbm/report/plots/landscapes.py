"""The charts of studies of weights and of shuffled pictures, from what these studies return."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.report.plots.chart import Chart, dot, dots

Data = Mapping[str, Any]


def barrier_chart(found: Data) -> Chart:
    """Return loss and accuracy along the line between two networks.

    Parameters
    ----------
    found : dict
        From `pcbm.analysis.transfer.Barrier.data`.
    """
    curves = {"as is": found["as_is"], "recalibrated": found["recalibrated"]}
    curves = {name: curve for name, curve in curves.items() if curve is not None}
    first, last = found["as_is"]["loss"][0], found["as_is"]["loss"][-1]
    chord = [first + t * (last - first) for t in found["t"]]
    losses = [_series(name, curve["loss"]) for name, curve in curves.items()]
    losses.append(_series("chord, as is", chord, line="dashed"))
    said = "; ".join(f"{name} {curve['barrier']:.3f}" for name, curve in curves.items())
    return Chart(
        "barrier",
        "Loss and accuracy between two networks",
        f"(1 - t) {found['a']} + t {found['b']}, {found['n']:,} pictures. Barrier: {said}. As is: "
        "batch-norm statistics are mixed like the weights; recalibrated: computed anew at every t.",
        "series",
        {
            "x_axis": "t",
            "x": found["t"],
            "names": None,
            "panels": [
                _panel("cross-entropy (nats)", losses),
                _panel(
                    "accuracy",
                    [_series(name, curve["accuracy"]) for name, curve in curves.items()],
                    percent=True,
                ),
            ],
        },
    )


def shuffle_chart(found: Sequence[Data]) -> Chart:
    """Return accuracy against the size of blocks, a curve for each network.

    Parameters
    ----------
    found : sequence of dict
        From `pcbm.analysis.transfer.ShuffleStudy.data`.
    """
    sizes = list(dict.fromkeys(row["size"] for study in found for row in study["sizes"]))
    sizes.sort(key=lambda size: 0 if size == "channel" else size)
    series = []
    for study in found:
        rows = {row["size"]: row for row in study["sizes"]}
        values = [rows[s]["accuracy"] if s in rows else None for s in sizes]
        spans = [rows[s]["interval"] if s in rows else (None, None) for s in sizes]
        series.append(_series(study["network"], values, intervals=spans))
    one = found[0]
    series.append(_series("most frequent class", [one["majority"]] * len(sizes), line="dashed"))
    return Chart(
        "shuffle",
        "Accuracy on shuffled pictures",
        f"{one['n']:,} pictures, mean over {one['permutations']} permutations, Wilson 95 % "
        "intervals for the pictures. channel: all values permuted across places and channels.",
        "series",
        {
            "x_axis": "side of the blocks (pixels)",
            "x": list(range(len(sizes))),
            "names": [str(size) for size in sizes],
            "panels": [_panel("accuracy", series, percent=True)],
        },
    )


def distance_chart(found: Data) -> Chart:
    """Return the relative distance of each module; `pcbm.analysis.transfer.Distance.data`."""
    parts = found["modules"]
    values = [part["relative"] for part in parts]
    return Chart(
        "distance",
        "Relative L2 distance of parameters, by module",
        f"||a - b|| / ||a||, a = {found['a']}, b = {found['b']}; in all "
        f"{found['total']['distance']:.4g}.",
        "series",
        _by_module([part["name"] for part in parts], "relative distance", values, log=False),
    )


def criticality_chart(found: Data) -> Chart:
    """Return the criticality of each module, from the document of the study."""
    modules = found["modules"]
    values = [module["mu"] or None for module in modules]
    return Chart(
        "criticality",
        "Module criticality",
        f"From {found['start']} to {found['end']}, {found['loss']} at most {found['epsilon']:g} on "
        f"{found['n']:,} pictures. No mark: 0 (the module may stand at its start) or infeasible.",
        "series",
        _by_module([m["module"] for m in modules], "criticality", values, log=any(values)),
    )


def basin_chart(found: Data) -> Chart:
    """Return the three conditions with intervals beside their limits."""
    rows = []
    for name, (check, side) in zip(
        ("flat inside", "around the edge", "beyond the edge"),
        zip(found["checks"].values(), ("at most", "at least", "at least"), strict=True),
        strict=True,
    ):
        number = check["condition"].split()[0]
        value, reach = check["value"], 1.96 * check["error"]
        known = math.isfinite(value) and math.isfinite(reach)
        span = [value - reach, value + reach] if known else None
        rows.append(dot(f"{number} {name}", [value if known else None], [span]))
        rows.append(dot(f"{number} {side}", [check["limit"]], role="base"))
    return Chart(
        "basin",
        "Conditions of an (eps, delta)-basin",
        f"eps = {found['eps']:g}, delta = {found['delta']:g}, {found['draws']} draws; intervals "
        "are 1.96 Monte Carlo standard errors. "
        + "; ".join(check["condition"] for check in found["checks"].values()),
        "dots",
        dots("loss", rows, percent=False),
    )


def _by_module(
    names: list[str], axis: str, values: list[float | None], *, log: bool
) -> dict[str, Any]:
    return {
        "x_axis": "module",
        "x": list(range(len(names))),
        "names": names,
        "panels": [_panel(axis, [_series(axis, values, line="none")], log=log)],
    }


def _panel(
    axis: str, series: list[dict[str, Any]], *, percent: bool = False, log: bool = False
) -> dict[str, Any]:
    return {"axis": axis, "percent": percent, "log": log, "series": series}


def _series(
    name: str,
    values: Sequence[float | None],
    *,
    intervals: Sequence[Sequence[float | None]] | None = None,
    line: str = "solid",
) -> dict[str, Any]:
    return {
        "name": name,
        "values": [v if v is not None and math.isfinite(v) else None for v in values],
        "intervals": None if intervals is None else [list(span) for span in intervals],
        "line": line,
    }
