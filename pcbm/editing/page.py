"""What an editor showed of a plan: figures on a sample, for the CLI to compare with all rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pcbm.errors import InputError

OF = ("all", "group", "class")
MEASURES = ("accuracy", "rmse", "r2")
FORM = "leave 'page' out, or export the plan again"

Interval = tuple[float, float]


@dataclass(frozen=True)
class PageFigure:
    """One figure before and after the edits.

    Attributes
    ----------
    of : {"all", "group", "class"}
        What it is the figure of.
    name : str or None
        The name of the group or class.
    measure : {"accuracy", "rmse", "r2"}
    before, after : float
    interval : (float, float)
        Of the one after.
    """

    of: str
    name: str | None
    measure: str
    before: float
    after: float
    interval: Interval

    def __str__(self) -> str:
        return self.measure if self.name is None else f"{self.measure} of {self.of} {self.name!r}"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        names = ("of", "name", "measure", "before", "after")
        return {name: getattr(self, name) for name in names} | {"interval": list(self.interval)}


@dataclass(frozen=True)
class PageRecord:
    """Where figures were shown, and what they were.

    Attributes
    ----------
    run : str
        SHA-256 of the run's ``model.safetensors``: figures are of that model alone.
    sample : int
        How many rows the page held; of which rows, ``chosen_on`` of the plan says.
    interval : str
        What the intervals are, for people.
    figures : tuple of PageFigure
    changed : float
        Share of the rows with another prediction.
    changed_interval : (float, float)
    """

    run: str
    sample: int
    interval: str
    figures: tuple[PageFigure, ...]
    changed: float
    changed_interval: Interval

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "run": self.run,
            "sample": self.sample,
            "interval": self.interval,
            "figures": [figure.as_dict() for figure in self.figures],
            "changed": {"share": self.changed, "interval": list(self.changed_interval)},
        }

    @classmethod
    def from_dict(cls, record: Any, source: str) -> PageRecord:
        """Read the JSON form; every fault is one line that begins with ``source``."""
        where = f"{source}, page"
        _keys(record, {"run", "sample", "interval", "figures", "changed"}, where)
        _keys(record["changed"], {"share", "interval"}, f"{where}, changed")
        for key in ("run", "interval"):
            if not isinstance(record[key], str):
                raise InputError(f"{where} has {key} {record[key]!r}, expected a text: {FORM}")
        sample, figures = record["sample"], record["figures"]
        if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
            raise InputError(f"{where} has sample {sample!r}, expected a count of rows: {FORM}")
        if not isinstance(figures, list):
            raise InputError(f"{where} has figures {figures!r}, expected a list: {FORM}")
        return cls(
            record["run"],
            sample,
            record["interval"],
            tuple(_figure(item, f"{where}, figure {j}") for j, item in enumerate(figures, 1)),
            _number(record["changed"]["share"], where),
            _interval(record["changed"]["interval"], where),
        )


def _figure(record: Any, where: str) -> PageFigure:
    _keys(record, {"of", "name", "measure", "before", "after", "interval"}, where)
    for key, known in (("of", OF), ("measure", MEASURES)):
        if record[key] not in known:
            raise InputError(f"{where} has {key} {record[key]!r}, expected one of {known}: {FORM}")
    if not isinstance(record["name"], str | None):
        raise InputError(f"{where} has name {record['name']!r}, expected a text or null: {FORM}")
    return PageFigure(
        record["of"],
        record["name"],
        record["measure"],
        _number(record["before"], where),
        _number(record["after"], where),
        _interval(record["interval"], where),
    )


def _keys(record: Any, keys: set[str], where: str) -> None:
    if not isinstance(record, Mapping) or set(record) != keys:
        raise InputError(f"{where} is not an object with {', '.join(sorted(keys))}: {FORM}")


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where} has {value!r} where a number is expected: {FORM}")
    return float(value)


def _interval(value: Any, where: str) -> Interval:
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"{where} has the interval {value!r}, expected two numbers: {FORM}")
    return _number(value[0], where), _number(value[1], where)
