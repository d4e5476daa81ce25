"""Charts as data: Vega-Lite specifications that the page's own script draws.

A specification stands beside its chart as JSON and holds names from outside only as values of its
data, never as field names or expressions. Colours are the page's CSS variables, so that one drawing
serves the light page, the dark one and the printed one. Without scripts the tables remain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from pcbm.report.parts import json_block

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"

Spec = dict[str, Any]


def figure(spec: Spec, words: str) -> Markup:
    """Return a chart's place in the page: its text for screen readers, and its specification.

    Parameters
    ----------
    spec : dict
        Vega-Lite, without ``$schema`` and ``config``, which all charts of a page share.
    words : str
        What the chart shows; the table beside it has the numbers.
    """
    place = Markup(
        '<figure class="chart" role="img" aria-label="{}">{}<div aria-hidden="true"></div></figure>'
    )
    return place.format(words, json_block(None, spec))


def values(rows: Sequence[Mapping[str, Any]]) -> Spec:
    """Return rows as the inline data of a specification, floats short enough to draw."""
    return {"values": [{key: _short(value) for key, value in row.items()} for row in rows]}


def colour(name: str) -> str:
    """Return a colour of the page's style sheet, as in ``--pos``."""
    return f"var(--{name})"


def across(field: str, title: str | None = None, **more: Any) -> Spec:
    """Return a quantitative channel that need not start at zero."""
    return {"field": field, "type": "quantitative", "title": title, **_scaled(more)}


def names(field: str, order: Sequence[str], **more: Any) -> Spec:
    """Return a channel of names in the given order, without a title."""
    scale = {"domain": list(order)}
    return {"field": field, "type": "nominal", "title": None, "scale": scale, **more}


def _scaled(more: Mapping[str, Any]) -> Spec:
    return {**more, "scale": {"zero": False, **more.get("scale", {})}}


def _short(value: Any) -> Any:
    """Round to six digits: a picture shows no more, and equal values are written alike."""
    return float(f"{value:.6g}") if isinstance(value, float) else value
