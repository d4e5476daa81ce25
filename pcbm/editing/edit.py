"""One wanted change of a head's coefficients, as a checked value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pcbm.errors import InputError

HOLD_AT = ("mean", "boundary")
# The number each operation needs, under the name it has in the JSON form.
NUMBER_OF = {"zero": None, "scale": "factor", "set": "value"}


@dataclass(frozen=True)
class Edit:
    """One wanted change, in the units of ``coef_`` (on standardised concept scores).

    Attributes
    ----------
    op : {"zero", "scale", "set"}
        ``zero``: w becomes 0; ``scale``: w becomes ``number`` * w; ``set``: w becomes ``number``.
    concept : str
        The concept's name.
    number : float or None
        The factor of ``scale``, the value of ``set``.
    classes : tuple of str or None
        The classes whose rows change; None means all rows.
    at : {"mean", "boundary"}
        For ``zero``: where the concept is held. ``mean`` leaves the intercept alone, so the concept
        stays at its training mean; ``boundary`` holds its score at 0.
    """

    op: str
    concept: str
    number: float | None = None
    classes: tuple[str, ...] | None = None
    at: str = "mean"

    def __str__(self) -> str:
        number = "" if self.number is None else f" {'by' if self.op == 'scale' else 'to'} "
        number += "" if self.number is None else f"{self.number:g}"
        where = "" if self.classes is None else " for " + ", ".join(map(repr, self.classes))
        held = " at the boundary" if self.at == "boundary" else ""
        return f"{self.op} {self.concept!r}{number}{held}{where}"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of this edit."""
        record: dict[str, Any] = {"op": self.op, "concept": self.concept}
        key = NUMBER_OF[self.op]
        if key is not None:
            record[key] = self.number
        record["classes"] = None if self.classes is None else list(self.classes)
        if self.op == "zero":
            record["at"] = self.at
        return record


def concept_name(concept: str) -> str:
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
