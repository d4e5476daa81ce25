"""The option ``--intervene`` of ``pcbm predict`` and ``pcbm explain``, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from pcbm.cli.output import Block, Line
from pcbm.cli.plans import name_and_number
from pcbm.errors import InputError

InterveneOption = Annotated[
    list[str] | None,
    typer.Option(
        "--intervene",
        metavar="CONCEPT=SCORE",
        help="Hold a concept at this raw score (not standardised) in every row; repeatable.",
    ),
]
UNITS = "raw concept scores"


def held_scores(texts: Sequence[str]) -> dict[str, float]:
    """Return concept -> raw score from ``CONCEPT=SCORE`` texts.

    Raises
    ------
    InputError
        A text has no number after its last ``=``, or a concept is named twice.
    """
    values: dict[str, float] = {}
    for text in texts:
        name, value = name_and_number(text, "--intervene")
        if name in values:
            raise InputError(f"--intervene names {name!r} twice: give one score for each concept")
        values[name] = value
    return values


def told(
    model: Any, values: Mapping[str, float], changed: int, n: int, notes: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the JSON value that says what was held, in which units, and what it changed."""
    from pcbm.model.intervene import RESIDUAL_NOTE

    names = list(model.concept_names_)
    kind = "margin" if model.projection_ is None else model.projection_.kind
    held = []
    for name, value in values.items():
        column = names.index(name)
        mean, std = float(model.mean_[column]), float(model.scale_[column])
        place = (value - mean) / std
        held.append(
            {"concept": name, "score": value, "standardised": place, "mean": mean, "std": std}
        )
    given = list(notes)
    if model.residual_ is not None and RESIDUAL_NOTE not in given:
        given.append(RESIDUAL_NOTE)
    return {
        "units": UNITS,
        "projection": kind,
        "concepts": held,
        "changed": changed,
        "of": n,
        "notes": given,
    }


def intervention_lines(record: Mapping[str, Any] | None) -> list[Block]:
    """Return what a person reads of an intervention; nothing where there is none."""
    if record is None:
        return []
    lines: list[Block] = [
        Line(
            f"{one['concept']} held at {one['score']:g} in {record['units']} "
            f"(projection {record['projection']}; on train mean {one['mean']:.3g}, deviation "
            f"{one['std']:.3g}, so this is {one['standardised']:+.2f} deviations)"
        )
        for one in record["concepts"]
    ]
    lines.append(Line(f"{record['changed']:,} of {record['of']:,} predictions changed"))
    return lines + [Line(f"note: {text}") for text in record["notes"]]
