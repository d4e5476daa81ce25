"""What ``pcbm transfer`` measured of invariances, as maps of layers and curves over checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcbm.report.plots.chart import Chart


def layer_map(
    name: str,
    title: str,
    caption: str,
    values: np.ndarray,
    layers: tuple[Sequence[str], Sequence[str]],
    axes: tuple[str, str],
    *,
    limit: float | None = None,
) -> Chart:
    """Return a matrix of layers; NaN was not measured.

    Parameters
    ----------
    name, title, caption : str
        See `Chart`.
    values : ndarray (J, I)
    layers : (rows, columns)
        Their names.
    axes : (rows, columns)
        What they are.
    limit : float, optional
        The value of the strongest colour; default the largest there is.
    """
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size else 0.0
    data: dict[str, Any] = {
        "rows": list(layers[0]),
        "columns": list(layers[1]),
        "values": _plain(values),
        "row_axis": axes[0],
        "column_axis": axes[1],
        "limit": (largest or 1.0) if limit is None else limit,
    }
    return Chart(name, title, caption, "similarity", data)


def trend(
    name: str,
    title: str,
    caption: str,
    checkpoints: Sequence[str],
    axis: str,
    series: Sequence[tuple[str, np.ndarray, np.ndarray | None]],
) -> Chart:
    """Return curves over checkpoints.

    Parameters
    ----------
    name, title, caption : str
        See `Chart`.
    checkpoints : sequence of str
        T names.
    axis : str
        What the values are.
    series : sequence of (name, values (T,), spread (T,) or None)
    """
    lines = [
        {
            "name": line,
            "values": _plain(values),
            "spread": None if spread is None else _plain(spread),
        }
        for line, values, spread in series
    ]
    data = {"x": list(checkpoints), "x_axis": "checkpoint", "axis": axis, "series": lines}
    return Chart(name, title, caption, "trend", data)


def _plain(values: np.ndarray) -> Any:
    """Return nested lists with None in place of NaN."""
    nested = values.astype(object)
    nested[~np.isfinite(values)] = None
    return nested.tolist()
