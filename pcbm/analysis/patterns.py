"""Layers by name or pattern, whatever they are layers of; the order of names with numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pcbm.errors import InputError, near


def matching(known: Sequence[str], patterns: Sequence[str], what: str) -> list[str]:
    """Return the names that any of the patterns matches, each once, in their order.

    ``*`` stands for anything within one part of a name, ``**`` for any number of parts:
    ``layer1.*`` are the blocks of ``layer1``, ``**.conv1`` every ``conv1`` that lies in something.

    Parameters
    ----------
    known : sequence of str
        Parts are divided by dots.
    patterns : sequence of str
    what : str
        What has these layers, for messages.

    Raises
    ------
    InputError
        A pattern matches nothing; near matches are offered.
    """
    wanted: set[str] = set()
    for pattern in patterns:
        expression = _regex(pattern)
        found = [name for name in known if expression.fullmatch(name)]
        if not found:
            ends = [name for name in known if pattern and name.endswith(f".{pattern}")]
            raise InputError(f"{what} has no layer {pattern!r}: {near(pattern, ends or known)}")
        wanted.update(found)
    return [name for name in known if name in wanted]


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a key that sorts the numbers in names by their value.

    >>> sorted(["step-10", "step-9", "start"], key=natural_key)
    ['start', 'step-9', 'step-10']
    """
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def _regex(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*|\*)", pattern)
    symbols = {"**": ".*", "*": "[^.]*"}
    return re.compile("".join(symbols.get(part, re.escape(part)) for part in parts))
