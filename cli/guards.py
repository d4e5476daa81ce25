"""The guards of ``pcbm edit``: what they need, and how their prices are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Table
from pcbm.cli.pairs import read_pairs
from pcbm.errors import InputError

if TYPE_CHECKING:
    from pcbm.activations import ActivationSet
    from pcbm.cli.judging import JudgedSet


@dataclass(frozen=True)
class Guards:
    """The guards that were asked for, and the pairs that tell a direction.

    Attributes
    ----------
    names : sequence of str
    pairs : (--pairs, --with, --without)
    """

    names: Sequence[str]
    pairs: tuple[Path | None, str | None, str | None]

    def given(self) -> dict[str, Any]:
        """Return the options as they are spelt, with what was given."""
        values = (self.names, *self.pairs)
        return dict(zip(("--guard", "--pairs", "--with", "--without"), values, strict=True))

    def check(self, plan: Any, train: str | None) -> None:
        """Refuse, before data is read, guards that cannot be and options that serve none."""
        from pcbm.audit.guarded import check_guards

        beside = [option for option, value in self.given().items() if value]
        if beside and "silent" not in self.names and beside != ["--guard"]:
            raise InputError(f"{beside[-1]} was given without --guard silent, which alone needs it")
        if self.names and train is None:
            raise InputError("--guard needs training data: add --train DATA, the data of the fit")
        check_guards(self.names, plan)

    def caution(self, beside: bool) -> list[str]:
        """Say, where controls or a curve stand beside, that those have no guards."""
        text = "controls and curve repeat the plan alone, without its guards"
        return [text] if self.names and beside else []


def guarded(
    guards: Guards,
    runs: tuple[Any, Path],
    edited: tuple[Any, Any],
    train: tuple[ActivationSet, Any],
    sets: Sequence[JudgedSet],
    options: tuple[BackboneChoice, Common],
) -> tuple[Any, Any]:
    """Put guards on an edited model; return it with its step.

    Parameters
    ----------
    guards : Guards
    runs : (run before, its folder)
    edited : (model, step)
    train : (activations, labels)
    sets : sequence of JudgedSet
        The first is in distribution, for the prices; there may be none.
    options : (choice, common)
    """
    from pcbm.audit.guarded import guarded_step
    from pcbm.audit.guards import TrainingData

    (before, folder), (model, step), (acts, y) = runs, edited, train
    pairs = read_pairs(before, folder, acts, guards.pairs, *options)
    return guarded_step(
        before.model,
        model,
        step,
        guards.names,
        TrainingData(acts.X, y, acts.group),
        pairs=None if pairs is None else pairs[:2],
        held_out=(sets[0].acts.X, sets[0].y) if sets else None,
    )


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
