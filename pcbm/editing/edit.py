"""One wanted change of a model's concepts, as a checked value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pcbm.errors import InputError, quoted

HOLD_AT = ("mean", "boundary")
SIGNS = ("+", "-")
# What each operation must be told, then what it may be told, under the names of the JSON form.
KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "zero": (("concept",), ("classes", "at")),
    "scale": (("concept", "factor"), ("classes",)),
    "set": (("concept", "value"), ("classes",)),
    "clamp": (("concept", "sign"), ("classes",)),
    "rename": (("concept", "to"), ()),
    "merge": (("concepts", "into"), ()),
}
NUMBER_OF = {"scale": "factor", "set": "value"}


@dataclass(frozen=True)
class Edit:
    """One wanted change; numbers are in the units of ``coef_`` (on standardised concept scores).

    Attributes
    ----------
    op : {"zero", "scale", "set", "clamp", "rename", "merge"}
        With w a coefficient: ``zero``: w becomes 0; ``scale``: ``number`` * w; ``set``: ``number``;
        ``clamp``: max(w, 0) or min(w, 0); ``rename``: the concept is called ``to``; ``merge``:
        the concepts ``parts`` become one, called ``concept``.
    concept : str
        The concept's name; for ``merge`` the name of the merged concept.
    number : float or None
        The factor of ``scale``, the value of ``set``.
    classes : tuple of str or None
        The classes whose rows change; None means all rows. Renaming and merging serve all classes.
    at : {"mean", "boundary"}
        For ``zero``: where the concept is held. ``mean`` leaves the intercept alone, so the concept
        stays at its training mean; ``boundary`` holds its score at 0.
    sign : {"+", "-"} or None
        For ``clamp``: the side that coefficients may lie on.
    to : str or None
        For ``rename``: the new name.
    parts : tuple of str
        For ``merge``: the concepts that become one.
    """

    op: str
    concept: str
    number: float | None = None
    classes: tuple[str, ...] | None = None
    at: str = "mean"
    sign: str | None = None
    to: str | None = None
    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.op == "rename":
            return f"rename {self.concept!r} to {self.to!r}"
        if self.op == "merge":
            return f"merge {', '.join(map(repr, self.parts))} into {self.concept!r}"
        number = "" if self.number is None else f" {'by' if self.op == 'scale' else 'to'} "
        number += "" if self.number is None else f"{self.number:g}"
        sign = {"+": " to 0 or more", "-": " to 0 or less"}.get(self.sign or "", "")
        where = "" if self.classes is None else " for " + ", ".join(map(repr, self.classes))
        held = " at the boundary" if self.at == "boundary" else ""
        return f"{self.op} {self.concept!r}{number}{sign}{held}{where}"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of this edit."""
        values = {
            "concept": self.concept,
            "concepts": list(self.parts),
            "into": self.concept,
            "to": self.to,
            "factor": self.number,
            "value": self.number,
            "sign": self.sign,
            "classes": None if self.classes is None else list(self.classes),
            "at": self.at,
        }
        needed, optional = KEYS[self.op]
        return {"op": self.op} | {key: values[key] for key in (*needed, *optional)}


def concept_name(concept: object) -> str:
    """Return a concept's name; anything but a string raises InputError."""
    if not isinstance(concept, str):
        raise InputError(f"an edit names the concept {concept!r}: give its name, a string")
    return concept


def finite(value: float, where: str) -> float:
    """Return a finite float; booleans are no numbers here."""
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: {value!r} is not a finite number: give one, like 0.5")
    return number


def chosen_classes(classes: str | Iterable[object] | None) -> tuple[str, ...] | None:
    """Return class names as distinct strings in the given order; one string is one class."""
    if classes is None:
        return None
    names = [classes] if isinstance(classes, str) else [str(name) for name in classes]
    if not names:
        raise InputError("an edit names an empty list of classes: name some, or give None for all")
    return tuple(dict.fromkeys(names))


def one_of(value: object, known: Sequence[str], where: str) -> str:
    """Return ``value`` if it is one of two known words."""
    if not isinstance(value, str) or value not in known:
        raise InputError(
            f"{where} {known[0]!r} or {known[1]!r}, not {value!r}: choose one of the two"
        )
    return value


def merged_parts(concepts: Iterable[object]) -> tuple[str, ...]:
    """Return the names of the concepts to merge, at least two and each once."""
    listed = [concepts] if isinstance(concepts, str) else list(concepts)
    names = tuple(concept_name(name) for name in listed)
    repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if repeated:
        raise InputError(
            f"merge names {quoted(repeated)} more than once: name each concept once, a concept "
            "is not merged with itself"
        )
    if len(names) < 2:
        raise InputError(f"merge was given {quoted(names) or 'no concept'}: name at least two")
    return names


def zeroed(edits: Iterable[Edit]) -> list[tuple[str, str | None]]:
    """Return the concepts that edits zero: each by its last name and by its first.

    The first name is None where the concept came from a merge in the same edits; a zeroed part of
    a merge is no concept any more.
    """
    first: dict[str, str | None] = {}  # the names that edits gave -> the names before
    found: list[str] = []
    for edit in edits:
        if edit.op == "zero" and edit.concept not in found:
            found.append(edit.concept)
        elif edit.op == "rename":
            first[str(edit.to)] = first.pop(edit.concept, edit.concept)
            found = [str(edit.to) if name == edit.concept else name for name in found]
        elif edit.op == "merge":
            found = [name for name in found if name not in edit.parts]
            for part in edit.parts:
                first.pop(part, None)
            first[edit.concept] = None
    return [(name, first.get(name, name)) for name in found]
