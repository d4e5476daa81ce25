"""Layers from activation stores: a folder with one store a layer, or a store alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pcbm.activations import ActivationSet
from pcbm.activations.store import is_store
from pcbm.analysis.align import aligned
from pcbm.analysis.patterns import matching, natural_key

ALONE = "output"


@dataclass(frozen=True, eq=False)
class StoredLayers:
    """Layers that were read from stores.

    Attributes
    ----------
    rows : ActivationSet
        The first layer; its ids, labels and splits are those of all.
    tables : mapping of str to ndarray (n, d)
        Layer -> activations, rows in the order of `rows`.
    """

    rows: ActivationSet
    tables: Mapping[str, np.ndarray]


def holds_layers(path: str | Path) -> bool:
    """Return whether there is a folder with one store a layer at this path."""
    return bool(_stores(Path(path)))


def read_layers(path: str | Path, patterns: Sequence[str] = ()) -> StoredLayers:
    """Read layers into memory; those that no pattern matches are left alone.

    Parameters
    ----------
    path : path
        What ``pcbm embed --layer ... --layer ...`` wrote, or any other activations, which then
        are a layer by themselves.
    patterns : sequence of str
        See `pcbm.analysis.patterns.matching`; without any, all layers in the order of their
        names, numbers by their value.

    Raises
    ------
    InputError
        No such path or layer, or layers of other inputs.
    """
    path = Path(path)
    found = _stores(path)
    if not found:
        alone = ActivationSet.load(path)
        name = (alone.record or {}).get("layer") or ALONE
        return StoredLayers(
            alone, {n: np.asarray(alone.X) for n in _chosen([name], patterns, path)}
        )
    names = _chosen(list(found), patterns, path)
    first = ActivationSet.load(found[names[0]])
    tables = {names[0]: np.asarray(first.X)}
    for name in names[1:]:
        acts = ActivationSet.load(found[name])
        order = aligned(first, acts, (str(found[names[0]]), str(found[name])))
        values = np.asarray(acts.X)
        tables[name] = values if np.array_equal(order, np.arange(len(acts))) else values[order]
    return StoredLayers(first, tables)


def _stores(path: Path) -> dict[str, Path]:
    if not path.is_dir() or is_store(path):
        return {}
    found = [child for child in path.iterdir() if child.is_dir() and is_store(child)]
    return {child.name: child for child in sorted(found, key=lambda child: natural_key(child.name))}


def _chosen(known: Sequence[str], patterns: Sequence[str], path: Path) -> list[str]:
    return matching(known, patterns, str(path)) if patterns else list(known)
