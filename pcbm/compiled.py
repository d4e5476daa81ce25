"""Compilation to machine code, kept on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function with numba when it is first called, and keep the result on disk.

    numba writes beside the source, else into the user's cache folder. Where it can write to
    neither it would raise on import; the function is then compiled anew in every process.
    """
    if function is None:
        return lambda f: compiled(f, **options)
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder for the cache
        return numba.njit(**options)(function)
