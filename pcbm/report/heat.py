"""Heat maps as Vega-Lite specifications: weights, confusion, similarity of concepts.

The strength of a cell is its opacity over a colour of the page, so that maps follow the light and
the dark page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.report.figures import count, signed
from pcbm.report.vega import Spec, colour, names, values

CELL = 28  # pixels, at most
FEW, WIDE = 5, 48  # columns that fit a phone at this width each
HIGHEST = 600  # pixels of a whole map
CROWDED = 12  # names; more are written smaller, and upright over columns
LABELLED = 45  # rows or columns; more are drawn without names
WRITTEN = 12  # columns; more are drawn without numbers
FAINTEST = 0.08
SIGNS = {"pos": "pos", "neg": "neg"}


def heat_map(
    cells: Sequence[Mapping[str, Any]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    colours: Mapping[str, str],
    titles: tuple[str | None, str | None] = (None, None),
) -> Spec:
    """Return a map of cells, with their numbers where there are few.

    Parameters
    ----------
    cells : sequence of dict
        ``row``, ``column``, ``kind`` (a key of ``colours``), ``strength`` in [0, 1], ``shown``
        (the number in words). Cells that are left out stay empty.
    rows, columns : sequence of str
        In their order.
    colours : dict
        Kind -> name of a colour.
    titles : (rows, columns)
    """
    x = names("column", columns, title=titles[1], axis=_axis(columns, top=True))
    y = names("row", rows, title=titles[0], axis=_axis(rows))
    kinds = {"domain": list(colours), "range": [colour(name) for name in colours.values()]}
    fields = (("row", titles[0] or "row"), ("column", titles[1] or "column"), ("shown", "value"))
    layers: list[Spec] = [
        {
            "mark": {"type": "rect"},
            "encoding": {
                "x": x,
                "y": y,
                "color": {"field": "kind", "type": "nominal", "scale": kinds, "legend": None},
                "fillOpacity": {"field": "strength", "type": "quantitative", "scale": None},
                "tooltip": [{"field": f, "type": "nominal", "title": t} for f, t in fields],
            },
        }
    ]
    if len(columns) <= WRITTEN:
        strong = {"test": "datum.strength > 0.55", "value": colour("paper")}
        layers.append(
            {
                "mark": {"type": "text", "fontSize": 11},
                "encoding": {
                    "x": x,
                    "y": y,
                    "text": {"field": "shown", "type": "nominal"},
                    "color": {"condition": strong, "value": colour("ink")},
                },
            }
        )
    return {
        "width": {"step": WIDE} if len(columns) <= FEW else "container",
        "height": min(CELL * len(rows), HIGHEST),
        "data": values(cells),
        "layer": layers,
        "usermeta": {"columns": len(columns)},  # the page leaves numbers out where they overlap
    }


def counts_spec(data: Mapping[str, Any]) -> Spec:
    """Return counts by given and predicted class, coloured by their share of the row.

    Right cells have a colour of their own; wrong ones are scaled to the largest of them, so that
    rare confusions are seen beside many right rows.

    Parameters
    ----------
    data : dict
        ``rows``, ``columns``, ``values`` (the counts), ``row_axis``, ``column_axis``; without
        axes the columns are kinds of answers, the first and the last of which are right.
    """
    rows, columns, counts = data["rows"], data["columns"], data["values"]
    square = bool(data["row_axis"])
    right = [
        [i == j if square else j in (0, len(columns) - 1) for j in range(len(columns))]
        for i in range(len(rows))
    ]
    shares = [[n / (sum(row) or 1) for n in row] for row in counts]
    wrong = [
        share
        for line, marks in zip(shares, right, strict=True)
        for share, mark in zip(line, marks, strict=True)
        if not mark
    ]
    most = max(wrong, default=0.0) or 1.0
    cells = [
        {
            "row": rows[i],
            "column": columns[j],
            "kind": "right" if right[i][j] else "wrong",
            "strength": max(share if right[i][j] else share / most, FAINTEST),
            "shown": count(counts[i][j]),
        }
        for i, line in enumerate(shares)
        for j, share in enumerate(line)
        if counts[i][j]
    ]
    titles = (data["row_axis"] or None, data["column_axis"] or None)
    return heat_map(cells, rows, columns, colours={"right": "good", "wrong": "neg"}, titles=titles)


def similarity_spec(data: Mapping[str, Any]) -> Spec:
    """Return signed similarities in [-1, 1].

    Parameters
    ----------
    data : dict
        ``rows``, ``columns`` and ``values``, None where there is none.
    """
    rows, columns = data["rows"], data["columns"]
    cells = [
        _signed_cell(rows[i], columns[j], value, 1.0)
        for i, line in enumerate(data["values"])
        for j, value in enumerate(line)
        if value
    ]
    return heat_map(cells, rows, columns, colours=SIGNS)


def weights_spec(
    weights: Sequence[tuple[str, str, float]], classes: Sequence[str], concepts: Sequence[str]
) -> Spec:
    """Return (class, concept, weight) with both signs, the largest at full strength."""
    longest = max((abs(value) for _, _, value in weights), default=1.0)
    cells = [_signed_cell(name, concept, value, longest) for name, concept, value in weights]
    return heat_map(cells, classes, concepts, colours=SIGNS)


def _signed_cell(row: str, column: str, value: float, longest: float) -> Spec:
    return {
        "row": row,
        "column": column,
        "kind": "pos" if value > 0 else "neg",
        "strength": max(abs(value) / longest, FAINTEST),
        "shown": signed(value, 2),
    }


def _axis(shown: Sequence[str], *, top: bool = False) -> Spec:
    axis: Spec = {
        "labels": len(shown) <= LABELLED,
        "ticks": False,
        "domain": False,
        "grid": False,
        "labelOverlap": "greedy" if len(shown) > CROWDED else False,
    }
    if len(shown) > CROWDED:
        axis["labelFontSize"] = 10
    angle = -90 if len(shown) > CROWDED else -45
    return axis | ({"orient": "top", "labelAngle": angle, "labelLimit": 110} if top else {})
