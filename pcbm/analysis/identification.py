"""Layer identification: how often layers of one network find themselves in others like it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pcbm.analysis.layer_maps import LayerMap
from pcbm.errors import InputError


def layer_identification(maps: Sequence[LayerMap]) -> dict[str, Any]:
    """Return how often the most alike layer of another network is the same layer.

    A check of a metric, not of networks: trained from other seeds, layer by layer they ought to
    correspond. Each map counts twice, its rows looking for their columns and the other way round;
    a layer without values finds nothing.

    Parameters
    ----------
    maps : sequence of LayerMap
        One for each pair of networks with the same layers.

    Returns
    -------
    dict
        ``accuracy`` in [0, 1], ``chance`` (1 / layers), ``per_layer`` (name -> accuracy),
        ``pairs`` (maps) and ``n`` (searches in all).

    Raises
    ------
    InputError
        No map, or one whose two networks have other layers.

    References
    ----------
    Kornblith, Norouzi, Lee, Hinton, ICML 2019, section 6.1 and table 2.
    """
    if not maps:
        raise InputError("layer identification was given no map: give one for each two networks")
    names = maps[0].rows
    for found in maps:
        if found.rows != names or found.columns != names:
            raise InputError(
                "layer identification was given networks with other layers: "
                "it needs the same names on both sides of every map"
            )
    hits = np.concatenate([_hits(found) for found in maps])
    return {
        "accuracy": float(hits.mean()),
        "chance": 1 / len(names),
        "per_layer": dict(zip(names, hits.mean(axis=0).tolist(), strict=True)),
        "pairs": len(maps),
        "n": int(hits.size),
    }


def _hits(found: LayerMap) -> np.ndarray:
    """Return (2, layers): whether each row finds its column, and each column its row."""
    worst = -np.inf
    towards = found.values if found.kind == "similarity" else -found.values
    known = np.where(np.isnan(towards), worst, towards)
    own = np.arange(len(known))
    rows = (known.argmax(axis=1) == own) & np.isfinite(known.max(axis=1))
    columns = (known.argmax(axis=0) == own) & np.isfinite(known.max(axis=0))
    return np.stack([rows, columns])
