"""The guards of ``pcbm edit``: the data a plan needs, and how the prices of guards are shown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcbm.cli.output import Block, Line, Table
from pcbm.errors import InputError

if TYPE_CHECKING:
    from pcbm.activations import ActivationSet, Dataset
    from pcbm.editing import ChosenOn, EditPlan

PairsGiven = tuple[Path | None, str | None, str | None]
PAIR_OPTIONS = ("--pairs", "--with", "--without")


def check_needed(plan: EditPlan, train: str | None, pairs: PairsGiven, *, controls: bool) -> None:
    """Refuse data that nothing needs, and the lack of what a plan needs, before any is read.

    Raises
    ------
    InputError
    """
    needs = plan.needs
    if train is not None and "train" not in needs and not controls:
        raise InputError(
            "--train was given, but nothing needs it: add --refit, --orthogonalise, --merge, "
            "--guard, or --eval with controls, or leave it out"
        )
    if train is None and "train" in needs:
        word = plan.needs_data
        words = f"--{word}" if word in ("refit", "orthogonalise") else word
        raise InputError(f"{words} needs training data: add --train DATA, the data of the fit")
    given = [option for option, value in zip(PAIR_OPTIONS, pairs, strict=True) if value is not None]
    if given and "pairs" not in needs:
        silent = any(guard.name == "silent" for guard in plan.guards)
        raise InputError(
            f"{given[-1]} was given, but the plan's guard silent takes its direction from scores: "
            "leave it out, or set the direction in the plan to pairs"
            if silent
            else f"{given[-1]} was given without --guard silent, which alone needs it"
        )
    if not given and "pairs" in needs:
        raise InputError(
            "the plan's guard silent takes its direction from pairs: add --pairs, or --with and "
            "--without"
        )


def train_source(data: Dataset, acts: ActivationSet, drawn: bool) -> ChosenOn:
    """Return where training rows come from; ``drawn``: without the test rows of the fit."""
    from pcbm.cli.inputs import marks_test
    from pcbm.cli.judging import source_of

    part = "not test" if marks_test(data) else "train" if drawn else "all"
    return source_of(data, part, len(acts))


def pairs_source(found: tuple[Any, Any], given: PairsGiven) -> ChosenOn:
    """Return where pairs come from; their content is that of their activations."""
    from hashlib import sha256

    from pcbm.editing import ChosenOn, content_of

    content = sha256("".join(content_of(side) for side in found).encode()).hexdigest()
    names = ", ".join(str(value) for value in given if value is not None)
    return ChosenOn(content, n=len(found[0]), data=names)


def guard_blocks(structure: Sequence[dict[str, Any]]) -> list[Block]:
    """Return the prices of guards, and what each does not guarantee."""
    records = [record for record in structure if record["op"] == "guard"]
    if not records:
        return []
    prices = [record["price"] for record in records]
    rows = [
        (record["guard"], price.get("before"), price.get("after"))
        for record, price in zip(records, prices, strict=True)
    ]
    first = prices[0]
    if "not_measurable" in first:
        title = f"Guards; their price is not measurable: {first['not_measurable']}"
    else:
        title = f"Guards and their price: {first['figure']} on {first['n']:,} held-out rows"
    blocks: list[Block] = [Table(("guard", "before", "after"), rows, title)]
    return blocks + [Line(f"{r['guard']}: {r['not_guaranteed']}") for r in records]
