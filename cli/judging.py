"""Judging an edit: on the data that was named, beside controls, along the whole path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcbm.cli.inputs import (
    activations_like,
    fitted_rows_warning,
    marks_test,
    read,
    split_part,
)
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.progress import stages
from pcbm.errors import InputError

if TYPE_CHECKING:
    from pcbm.activations import ActivationSet, Dataset
    from pcbm.editing import ChosenOn

SETS = ("in_distribution", "shifted")


@dataclass(frozen=True)
class Judging:
    """What the options say about judging an edit."""

    data: str | None
    shifted: str | None
    repeats: int
    curve: bool

    def __post_init__(self) -> None:
        if self.shifted is not None and self.data is None:
            raise InputError(
                "--shifted was given without --eval: add --eval DATA, in distribution, to compare"
            )

    @property
    def controls(self) -> bool:
        """Whether random edits are to be set beside the edit."""
        return self.data is not None and self.repeats > 0


@dataclass(frozen=True)
class JudgedSet:
    """Rows to judge on: their name, activations, labels, and where they come from."""

    name: str
    acts: ActivationSet
    y: Any
    rows: ChosenOn


def source_of(data: Dataset, rows: str = "all", n: int | None = None) -> ChosenOn:
    """Return where rows of DATA come from, as a plan records it."""
    from pcbm.editing import ChosenOn

    return ChosenOn(data.content_hash(), rows, len(data) if n is None else n, str(data.source))


def judged_sets(
    before: Any, run: Path, wished: Judging, choice: BackboneChoice, common: Common
) -> tuple[list[JudgedSet], list[str]]:
    """Return the rows to judge on, the first in distribution, and what to warn of."""
    found, warnings = [], []
    for name in (wished.data, wished.shifted):
        if name is None:
            continue
        one, told = judged_set(before, run, name, choice, common)
        found.append(one)
        warnings += told
    return found, warnings


def judged_set(
    before: Any,
    run: Path,
    name: str,
    choice: BackboneChoice,
    common: Common,
    split: str | None = None,
) -> tuple[JudgedSet, list[str]]:
    """Return the rows of one DATA to judge on: its test rows where it marks some."""
    from pcbm.model.pipeline import labels_for

    given = read(name, common)
    acts = activations_like(before, run, given, choice, common)
    rows, taken = split_part(acts, split, default_test=True)
    acts = acts.take(rows)
    source = source_of(given, taken, len(rows))
    return (
        JudgedSet(name, acts, labels_for(before.model, acts), source),
        fitted_rows_warning(before, given),
    )


def learnt_there(learnt_on: Dataset, sets: Sequence[JudgedSet]) -> list[str]:
    """Warn where an edit is judged on the rows that its follow-ups learnt from."""
    content, apart = learnt_on.content_hash(), marks_test(learnt_on)
    return [
        f"the edit learnt from {learnt_on.source} (--train) and is judged on the same data: the "
        "figures there are no test"
        for one in sets
        if one.rows.content == content and not apart
    ]


def evaluation_of(
    before: Any,
    after: Any,
    plan: Any,
    sets: Sequence[JudgedSet],
    wished: Judging,
    learnt: tuple[Any, Any],
    common: Common,
) -> dict[str, Any] | None:
    """Return everything that is measured of an edit; None where nothing is to be judged.

    ``learnt`` holds the training data and the pairs that were given, each or None.
    """
    from pcbm.editing import evaluate_edit, joined_evaluation
    from pcbm.model.intervals import Resampling

    if not sets:
        return None
    how = Resampling(seed=common.seed)
    record = joined_evaluation(
        {
            one.name: evaluate_edit(
                before, after, one.acts.X, one.y, one.acts.group, rows=one.rows, how=how
            )
            for one in sets
        },
        how=how,
    )
    return record | _beside(before, after, plan, sets, wished, learnt, common, record)


def _beside(
    before: Any,
    after: Any,
    plan: Any,
    sets: Sequence[JudgedSet],
    wished: Judging,
    learnt: tuple[Any, Any],
    common: Common,
    record: dict[str, Any],
) -> dict[str, Any]:
    """Return the controls of an edit and its curve along the path, where wished for."""
    from pcbm.audit import Judged, edit_controls, edit_curve

    rows = {
        name: Judged(one.acts.X, one.y, one.acts.group)
        for name, one in zip(SETS, sets, strict=False)
    }
    train, pairs = learnt
    found: dict[str, Any] = {"controls": None, "curve": None}
    with stages(quiet=common.quiet) as progress:
        if wished.controls:
            found["controls"] = edit_controls(
                before,
                after,
                plan,
                rows,
                train=train,
                repeats=wished.repeats,
                seed=common.seed,
                progress=progress,
            )
            told = found["controls"]["warnings"]
            found["warnings"] = [*(record.get("warnings") or []), *told]
        if wished.curve:
            found["curve"] = edit_curve(
                before, plan, rows, train=train, pairs=pairs, progress=progress
            )
    return found
