"""Charts of comparisons: maps of layers, and layouts of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pcbm.report.plots.chart import Chart
from pcbm.report.plots.draw_points import MOST_CLASSES

if TYPE_CHECKING:
    from pcbm.analysis.layouts import Layout

NAMES = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}


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


def points(found: Sequence[Layout], method: str, source: str, y: np.ndarray | None = None) -> Chart:
    """Return the panels of layouts.

    Parameters
    ----------
    found : sequence of Layout
    method : {"pca", "tsne", "umap"}
    source : str
        What the tables are of; its last part names the file.
    y : ndarray, shape (n,), optional
        Classes, which become colours.
    """
    n = len(found[0].points)
    classes = None if y is None else np.unique(y)
    labels = None if y is None or classes is None else np.searchsorted(classes, y)
    many = 0 if classes is None or len(classes) <= MOST_CLASSES else len(classes)
    shares = [f"{layout.explained:.0%}" for layout in found if layout.explained is not None]
    return Chart(
        name=f"layout-{method}-{_file_name(source)}",
        title=f"{NAMES[method]} of {source}",
        caption=(
            f"{NAMES[method]} of {n:,} rows, {len(found)} panels in one frame: each is turned "
            "towards the one before and brought to one size."
            + (f" Share of the variance: {', '.join(shares)}." if shares else "")
            + (f" {many} classes are too many for colours." if many else "")
        ),
        kind="points",
        data={
            "panels": [
                {
                    "name": layout.name,
                    "points": layout.points.tolist(),
                    "scale": layout.scale,
                    "explained": layout.explained,
                }
                for layout in found
            ],
            "labels": None if labels is None else labels.tolist(),
            "classes": None if classes is None else [str(name) for name in classes],
        },
    )


def _file_name(source: str) -> str:
    """Return the last part of a path as a file name.

    >>> _file_name("python:nets/resnet.py:resnet20"), _file_name("runs/first run/")
    ('resnet.py-resnet20', 'first-run')
    """
    kept = "".join(c if c.isalnum() or c in "._" else "-" for c in _model(source))
    return kept.strip("-.") or "data"


def _model(name: str) -> str:
    """Return what stands last in a path or in the name of a backbone.

    >>> _model("python:nets/resnet.py:resnet20"), _model("runs/first/")
    ('resnet.py:resnet20', 'first')
    """
    return name.rstrip("/").rpartition("/")[2]
