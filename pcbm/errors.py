"""The errors a user can cause, and the sentence that helps them on.

Every message is one line: what was given, what was expected, what to do.
"""

from __future__ import annotations

import importlib
from bisect import bisect
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from types import ModuleType

COMPARED = 2_000  # names that are compared letter by letter; more would take minutes


class InputError(ValueError):
    """The user's input is wrong; the command line turns it into one line and exit code 2."""


class MissingExtraError(InputError, ImportError):
    """An optional dependency is not installed; the message names the extra that brings it."""


def near(name: str, options: Iterable[str], *, limit: int = 3) -> str:
    """Return a clause that offers the options closest to ``name``, for the end of a message.

    >>> near("stripe", ["stripes", "metal"])
    "did you mean 'stripes'?"
    >>> near("zebra", ["stripes", "metal"])
    'known: metal, stripes'
    """
    known = sorted(set(options))
    folded = {option.casefold(): option for option in known}
    alike = folded if len(folded) <= COMPARED else _alike(name.casefold(), folded)
    close = get_close_matches(name.casefold(), alike, n=limit, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(folded[c]) for c in close) + "?"
    shown = ", ".join(known[:10]) + (f", ... ({len(known)} in all)" if len(known) > 10 else "")
    return f"known: {shown}" if known else "there are none"


def _alike(name: str, options: Iterable[str]) -> list[str]:
    """Return the options that begin or end most like a name: among ids all are too many."""
    found: dict[str, None] = {}
    for step in (1, -1):
        ordered = sorted(option[::step] for option in options)
        at = bisect(ordered, name[::step])
        nearby = ordered[max(at - COMPARED // 4, 0) : at + COMPARED // 4]
        found |= dict.fromkeys(option[::step] for option in nearby)
    return list(found)


def quoted(names: Sequence[str], limit: int = 5) -> str:
    """Return up to ``limit`` quoted names for a message.

    >>> quoted(["a", "b"])
    "'a', 'b'"
    >>> quoted(list("abcdefg"), limit=2)
    "'a', 'b' and 5 more"
    """
    shown = ", ".join(repr(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit} more"


def need(module: str, extra: str) -> ModuleType:
    """Import an optional dependency, or raise an error that names the extra to install."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"the package {module!r} is not installed ({error}): "
            f"install it with  pip install 'pcbm[{extra}]'"
        ) from error
