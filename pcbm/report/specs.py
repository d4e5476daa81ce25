"""Charts as Vega-Lite specifications, each a pure function of a chart's values.

The values are those that `pcbm.report.plots` draws for papers: one source for both pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.report.figures import effective
from pcbm.report.svg import count_ticks
from pcbm.report.vega import Spec, across, colour, names, values

STEP = 34  # pixels a row of names takes; less where there are many
NARROW = 22
MANY = 12
ROLES = ("base", "random", "model", "probe")
SIDES = ("base", "pos")  # colours of before and after
SINGLE = {"filled": True, "opacity": 1, "type": "point"}
TICKS = 6


def dots_spec(data: Mapping[str, Any]) -> Spec:
    """Return rows of values with intervals and single repeats; two series are joined by a line.

    Parameters
    ----------
    data : dict
        As `pcbm.report.plots.chart.dots` gives it.
    """
    series, rows = data["series"], data["rows"]
    format_ = {"format": "%"} if data["percent"] else {}
    scale: Spec = {"domain": [0, 1]} if data["whole"] else {"zero": data["zero"]}
    x = across("value", data["axis"], scale=scale, axis={**format_, "tickCount": TICKS})
    y = names("name", [row["name"] for row in rows])
    paired = len(series) == 2
    tint = _by("series", series, SIDES) if paired else _by("role", ROLES, ROLES)
    if paired:
        tint["legend"] = {"title": None}
    place = {"y": y, "color": tint}
    points = [
        {"name": row["name"], "role": row["role"], "series": series[i], "value": value}
        | ({} if interval is None else {"low": interval[0], "high": interval[1]})
        for row in rows
        for i, (value, interval) in enumerate(zip(row["values"], row["intervals"], strict=True))
        if value is not None
    ]
    repeats = [
        {"name": row["name"], "role": row["role"], "value": value}
        for row in rows
        for value in row["repeats"]
    ]
    bounded = [point for point in points if "low" in point]
    layers: list[Spec] = []
    if data["zero"] or any(point["value"] < 0 for point in (*points, *repeats)):
        zero = {"type": "rule", "color": colour("soft"), "strokeWidth": 0.75}
        layers.append({"data": values([{"value": 0}]), "mark": zero, "encoding": {"x": x}})
    if paired:
        ends = [_ends(row) for row in rows if None not in row["values"]]
        line = {"type": "rule", "color": colour("soft"), "strokeWidth": 1.5}
        layers.append({"data": values(ends), "mark": line, "encoding": {"y": y, **_from_to(x)}})
    if bounded:
        bar = {"type": "rule", "strokeWidth": 6, "opacity": 0.3, "strokeCap": "round"}
        layers.append({"data": values(bounded), "mark": bar, "encoding": {**place, **_from_to(x)}})
    if repeats:
        small = {"type": "circle", "size": 24, "opacity": 0.4}
        layers.append({"data": values(repeats), "mark": small, "encoding": {**place, "x": x}})
    mark = {**SINGLE, "size": 110 if len(rows) <= MANY else 60}
    layers.append({"data": values(points), "mark": mark, "encoding": {**place, "x": x}})
    step = STEP if len(rows) <= MANY else NARROW
    return {"width": "container", "height": step * len(rows), "layer": layers}


def path_spec(data: Mapping[str, Any]) -> Spec:
    """Return a figure of merit against sparsity along the regularisation path.

    Parameters
    ----------
    data : dict
        ``figure``, ``percent``, ``nec`` and ``train`` along the path; ``chosen`` (``nec``,
        ``test``, ``interval``), ``random`` (``nec``, ``mean``, ``std``) or None, and the levels
        ``probe`` and ``majority`` on test.
    """
    chosen, random = data["chosen"], data["random"]
    x = _sparsity([*data["nec"], chosen["nec"]])
    axis = {"tickCount": TICKS, **({"format": "%"} if data["percent"] else {})}
    y = across("value", data["figure"], axis=axis)
    layers: list[Spec] = [
        {
            "data": values([{"value": data[key]}]),
            "mark": {"type": "rule", "strokeDash": dash, "color": colour(kind)},
            "encoding": {"y": y},
        }
        for key, kind, dash in (("probe", "probe", [7, 4]), ("majority", "base", [2, 4]))
        if data[key] is not None
    ]
    small = {"filled": True, "size": 18, "color": colour("pos")}
    layers += [
        _upright(x, chosen["nec"]),
        {
            "data": values(
                [
                    {"nec": nec, "value": value, "order": i}
                    for i, (nec, value) in enumerate(zip(data["nec"], data["train"], strict=True))
                ]
            ),
            "mark": {"type": "line", "color": colour("pos"), "point": small},
            "encoding": {"x": x, "y": y, "order": {"field": "order", "type": "quantitative"}},
        },
    ]
    if random is not None:
        mean, std = random["mean"], random["std"]
        layers += _bounded(x, y, random["nec"], mean, (mean - std, mean + std), "random", 80)
    if chosen["test"] is not None:
        layers += _bounded(x, y, chosen["nec"], chosen["test"], chosen["interval"], "model", 120)
    layers.append(_note(x, chosen["nec"], max(data["nec"]), f"chosen: {effective(chosen['nec'])}"))
    return {"width": "container", "height": 300, "layer": layers}


def curve_spec(data: Mapping[str, Any]) -> Spec:
    """Return a figure before and after an edit along the path.

    Parameters
    ----------
    data : dict
        ``figure``, and along the path ``nec``, ``before`` and ``after``; ``chosen``, the point of
        the run's head, or None.
    """
    necs = data["nec"]
    x = _along(necs)
    y = across("value", data["figure"], axis={"format": "%", "tickCount": TICKS})
    sides = ("before", "after")
    rows = [
        {"place": i, "side": side, "value": data[side][i]}
        for i in range(len(necs))
        for side in sides
    ]
    tint = _by("side", sides, SIDES)
    dashes = {"domain": list(sides), "range": [[5, 4], [1, 0]]}
    dashed = {"field": "side", "type": "nominal", "scale": dashes, "legend": None}
    layers: list[Spec] = [
        {
            "data": values(rows),
            "mark": {"type": "line", "strokeWidth": 2},
            "encoding": {"x": x, "y": y, "color": tint, "strokeDash": dashed},
        }
    ]
    chosen = data["chosen"]
    if chosen is not None:
        own = [row for row in rows if row["place"] == chosen]
        dots = {"x": x, "y": y, "color": tint}
        layers = [
            _upright(x, chosen),
            *layers,
            {"data": values(own), "mark": {**SINGLE, "size": 100}, "encoding": dots},
            _note(x, chosen, len(necs), "this head"),
        ]
    return {"width": "container", "height": 240, "layer": layers}


def calibration_spec(data: Mapping[str, Any]) -> Spec:
    """Return the share of right rows against confidence; on the diagonal they agree.

    Parameters
    ----------
    data : dict
        As `pcbm.model.calibration.calibration` gives it.
    """
    unit = {"domain": [0, 1], "nice": False}
    x = across("confidence", "predicted probability", scale=unit, axis={"format": "%"})
    y = across("share", "share that is right", scale=unit, axis={"format": "%"})
    rows = [
        {"confidence": row["confidence"], "share": row["share"], "of": row["n"] / data["n"]}
        | {"low": row["interval"][0], "high": row["interval"][1]}
        | {"from": row["low"], "to": row["high"]}
        for row in data["bins"]
    ]
    corners = [{"confidence": v, "share": v} for v in (0, 1)]
    held = {"x": {**x, "field": "from"}, "x2": {"field": "to"}, "y": {**y, "field": "of"}}
    ends = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    dashed = {"type": "line", "color": colour("base"), "strokeDash": [5, 4]}
    return {
        "width": "container",
        "height": 300,
        "data": values(rows),
        "layer": [
            {
                "mark": {"type": "rect", "color": colour("rule")},
                "encoding": {**held, "y2": {"datum": 0}},
            },
            {"data": values(corners), "mark": dashed, "encoding": {"x": x, "y": y}},
            {
                "mark": {"type": "rule", "color": colour("pos"), "opacity": 0.4, "strokeWidth": 3},
                "encoding": ends,
            },
            {"mark": _dot("pos", 60), "encoding": {"x": x, "y": y}},
        ],
    }


def _sparsity(known: Sequence[float]) -> Spec:
    """Return the channel of NEC, bent so that the sparse end has room."""
    highest = max(*known, 1.0)
    return across(
        "nec",
        "effective concepts a class (NEC)",
        scale={"type": "symlog", "constant": 1, "domain": [0, highest], "nice": False},
        axis={"values": count_ticks(highest), "grid": False},
    )


def _along(necs: Sequence[float]) -> Spec:
    """Return the channel of places along the path, labelled by NEC, which may fall and rise."""
    step = max(1, -(-len(necs) // TICKS))
    shown = list(range(0, len(necs), step))
    # Numbers alone: nothing from outside gets into an expression.
    labels = "".join(f"datum.value == {i} ? '{effective(necs[i])}' : " for i in shown) + "''"
    return across(
        "place",
        "effective concepts a class (NEC) along the path",
        scale={"domain": [0, max(len(necs) - 1, 1)], "nice": False},
        axis={"values": shown, "labelExpr": labels, "grid": False},
    )


def _upright(x: Spec, place: float) -> Spec:
    mark = {"type": "rule", "strokeDash": [2, 3], "color": colour("ink")}
    return {"data": values([{x["field"]: place}]), "mark": mark, "encoding": {"x": x}}


def _note(x: Spec, place: float, highest: float, words: str) -> Spec:
    """Return words above the upright line, on its side that has room."""
    late = place > highest / 3
    mark = {
        "type": "text",
        "text": words,
        "baseline": "bottom",
        "fontWeight": 600,
        "align": "right" if late else "left",
        "dx": 3 if late else -3,
    }
    encoding = {"x": x, "y": {"value": -4}}
    return {"data": values([{x["field"]: place}]), "mark": mark, "encoding": encoding}


def _bounded(
    x: Spec,
    y: Spec,
    nec: float,
    value: float,
    interval: Sequence[float] | None,
    kind: str,
    size: float,
) -> list[Spec]:
    """Return a dot with its interval, where there is one."""
    point = {"nec": nec, "value": value}
    layers: list[Spec] = [
        {"data": values([point]), "mark": _dot(kind, size), "encoding": {"x": x, "y": y}}
    ]
    if interval is not None:
        ends = point | {"low": interval[0], "high": interval[1]}
        bar = {"type": "rule", "color": colour(kind), "strokeWidth": 4, "opacity": 0.35}
        low_high = {"y": {**y, "field": "low"}, "y2": {"field": "high"}}
        layers.insert(0, {"data": values([ends]), "mark": bar, "encoding": {"x": x, **low_high}})
    return layers


def _dot(kind: str, size: float) -> Spec:
    return {**SINGLE, "size": size, "color": colour(kind)}


def _by(field: str, domain: Sequence[str], colours: Sequence[str]) -> Spec:
    scale = {"domain": list(domain), "range": [colour(name) for name in colours]}
    return {"field": field, "type": "nominal", "scale": scale, "legend": None}


def _from_to(x: Spec) -> Spec:
    return {"x": {**x, "field": "low"}, "x2": {"field": "high"}}


def _ends(row: Mapping[str, Any]) -> Spec:
    return {"name": row["name"], "low": row["values"][0], "high": row["values"][1]}
