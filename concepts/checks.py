"""What every bank must satisfy: usable names, finite non-zero directions, plain JSON facts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pcbm.errors import InputError, quoted
from pcbm.files import to_json


def check_names(names: Sequence[str]) -> list[str]:
    """Return the names as a list; refuse none, a repeated one, or one that is no Unicode text."""
    if isinstance(names, str):
        raise InputError(f"concept names are the string {names!r}: give a list of strings")
    listed = list(names)
    if not listed:
        raise InputError("no concepts were given: a bank needs at least one")
    for name in listed:
        if not isinstance(name, str):
            raise InputError(
                f"the concept name {name!r} is of type {type(name).__name__}: give strings"
            )
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(f"the concept name {name!r} is no valid Unicode: rename it") from None
    repeated = [name for name, times in Counter(listed).items() if times > 1]
    if repeated:
        raise InputError(
            f"{quoted(repeated)} named more than once: give every concept its own name"
        )
    return [str(name) for name in listed]


def check_direction_rows(vectors: ArrayLike, names: Sequence[str]) -> np.ndarray:
    """Return directions as a read-only float64 array (K, d), one finite non-zero row a name."""
    try:
        rows = np.array(vectors, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"the concept vectors are no array of numbers ({error}): give shape (concepts, d)"
        ) from None
    if rows.ndim != 2 or rows.shape[0] != len(names) or rows.shape[1] == 0:
        raise InputError(
            f"the concept vectors have shape {rows.shape}, expected ({len(names)}, d): "
            "give one row a concept"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(rows, axis=1)
    bad = [name for name, length in zip(names, lengths, strict=True) if not np.isfinite(length)]
    if bad:
        raise InputError(
            f"the vector of {quoted(bad)} holds NaN or infinite values: give finite numbers"
        )
    zero = [name for name, length in zip(names, lengths, strict=True) if length == 0]
    if zero:
        raise InputError(
            f"the vector of {quoted(zero)} is zero: a concept needs a direction, drop it"
        )
    rows.flags.writeable = False
    return rows


def json_copy(value: Any, what: str) -> Any:
    """Return a deep copy of a JSON value, numpy numbers as Python's; refuse anything else."""
    try:
        return json.loads(to_json(value))
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must hold plain JSON values ({error}): convert them") from None


def about(name: str, remark: str) -> str:
    """Return a note about one concept, in the form by which `ConceptBank.select` finds it.

    >>> about("stripes", "few examples")
    "concept 'stripes': few examples"
    """
    return f"concept {name!r}: {remark}"
