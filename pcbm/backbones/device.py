"""Where and in which number format a backbone runs, and what happens when memory runs out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch

from pcbm.errors import InputError, near

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
Item = TypeVar("Item")


def choose_device(name: str) -> torch.device:
    """Return the device for ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    ``auto`` takes CUDA before MPS before the processor.

    Raises
    ------
    InputError
        The name is unknown or the device is not there.
    """
    there = ["cpu"]
    if torch.backends.mps.is_available():
        there.insert(0, "mps")
    if torch.cuda.is_available():
        there.insert(0, "cuda")
    if name == "auto":
        return torch.device(there[0])
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise InputError(
            f"unknown device {name!r}: expected auto, cpu, cuda, cuda:N or mps; "
            f"{near(name, ['auto', *there])}"
        )
    if kind not in there or (kind == "cuda" and int(index or 0) >= torch.cuda.device_count()):
        raise InputError(f"the device {name} is not available here: use auto or {there[0]}")
    return torch.device(name)


def choose_dtype(name: str) -> torch.dtype:
    """Return the torch number format for ``float32``, ``float16`` or ``bfloat16``."""
    if name not in DTYPES:
        raise InputError(
            f"unknown number format {name!r}: expected {', '.join(DTYPES)}; {near(name, DTYPES)}"
        )
    return DTYPES[name]


def run_halving(
    run: Callable[[Sequence[Item]], np.ndarray], items: Sequence[Item], limit: int
) -> tuple[np.ndarray, int]:
    """Run over ``items`` in batches, halving the batch each time memory runs out.

    Parameters
    ----------
    run
        A batch -> its rows, shape (len(batch), d).
    items
        At least one item.
    limit
        Largest batch to try.

    Returns
    -------
    rows : (len(items), d)
        In the order of ``items``.
    limit : int
        Largest batch that fitted, for the next call.

    Raises
    ------
    InputError
        Not even one item fits.
    """
    parts: list[np.ndarray] = []
    start = 0
    while start < len(items):
        batch = items[start : start + limit]
        rows = _try(run, batch)
        if rows is not None:
            parts.append(rows)
            start += len(batch)
        elif len(batch) == 1:
            raise InputError(
                "the backbone runs out of memory on a single input: "
                "use a smaller model, --device cpu, or a device with more memory"
            )
        else:
            limit = len(batch) // 2
    return np.concatenate(parts), limit


def _try(run: Callable[[Sequence[Item]], np.ndarray], batch: Sequence[Item]) -> np.ndarray | None:
    """Run one batch; None when memory ran out.

    The memory is given back outside the ``except`` block: inside it, the traceback still holds
    the tensors of the failed batch.
    """
    try:
        return run(batch)
    except torch.OutOfMemoryError:
        pass
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None
