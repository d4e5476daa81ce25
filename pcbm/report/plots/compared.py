"""Charts of comparisons: maps of layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcbm.report.plots.chart import Chart


def layer_map(metric: str, entry: Mapping[str, Any], document: Mapping[str, Any]) -> Chart:
    """Return the map of one metric.

    Parameters
    ----------
    metric : str
    entry : dict
        ``values`` (None where there is none), ``kind`` and ``n``.
    document : dict
        ``a``, ``b`` (names of the models) and ``layers`` (``a`` and ``b``, lists of names).
    """
    known = [v for line in entry["values"] for v in line if v is not None]
    alike = entry["kind"] == "similarity"
    bounds = [min(0.0, *known, 0.0), 1.0 if alike else max([*known, 0.0]) or 1.0]
    word = "most" if alike else "least"
    return Chart(
        name=f"map-{metric}",
        title=f"{metric} of all layers of {document['a']} and {document['b']}",
        caption=(
            f"{metric} ({entry['kind']}) on {entry['n']:,} rows, {len(document['layers']['a'])} x "
            f"{len(document['layers']['b'])} layers. Framed: the {word} of each row, its most "
            "alike layer. Grey: no value."
        ),
        kind="map",
        data={
            "rows": document["layers"]["a"],
            "columns": document["layers"]["b"],
            "values": entry["values"],
            "row_axis": _model(document["a"]),
            "column_axis": _model(document["b"]),
            "bar": metric,
            "kind": entry["kind"],
            "bounds": bounds,
        },
    )


def _model(name: str) -> str:
    """Return what stands last in a path or in the name of a backbone.

    >>> _model("python:nets/resnet.py:resnet20"), _model("runs/first/")
    ('resnet.py:resnet20', 'first')
    """
    return name.rstrip("/").rpartition("/")[2]
