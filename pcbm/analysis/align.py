"""Bringing the rows of two sets of activations together by their ids."""

from __future__ import annotations

import numpy as np

from pcbm.activations import ActivationSet
from pcbm.errors import InputError, quoted

SHOWN = 3


def aligned(a: ActivationSet, b: ActivationSet, names: tuple[str, str] = ("A", "B")) -> np.ndarray:
    """Return the rows of ``b`` in the order of ``a``'s ids.

    Parameters
    ----------
    a, b : ActivationSet
    names : pair of str
        What the sets are called in messages.

    Raises
    ------
    InputError
        The numbers of rows differ, or an id of one is missing in the other.
    """
    if len(a) != len(b):
        raise InputError(
            f"{names[0]} has {len(a)} rows and {names[1]} {len(b)}: "
            "compare activations of the same inputs"
        )
    if np.array_equal(a.ids, b.ids):
        return np.arange(len(a))
    order = np.argsort(b.ids)
    found = order[np.minimum(np.searchsorted(b.ids, a.ids, sorter=order), len(b) - 1)]
    missing = a.ids[b.ids[found] != a.ids]
    if len(missing):
        raise InputError(
            f"{len(missing)} of the {len(a)} ids of {names[0]} are not in {names[1]}: "
            f"{quoted(missing.tolist(), SHOWN)}; compare activations of the same inputs"
        )
    return found
