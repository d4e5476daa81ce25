"""The data that a plan learns from: what was given, what is needed, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcbm.cli.inputs import activations_like, marks_test, read, training_rows
from pcbm.cli.judging import source_of
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.pairs import read_pairs
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
    part = "not test" if marks_test(data) else "train" if drawn else "all"
    return source_of(data, part, len(acts))


def pairs_source(found: tuple[Any, Any], given: PairsGiven) -> ChosenOn:
    """Return where pairs come from; their content is that of their activations."""
    from hashlib import sha256

    from pcbm.editing import ChosenOn, content_of

    content = sha256("".join(content_of(side) for side in found).encode()).hexdigest()
    names = ", ".join(str(value) for value in given if value is not None)
    return ChosenOn(content, n=len(found[0]), data=names)


@dataclass(frozen=True)
class Learnt:
    """What an edit learns from: the data, where it comes from, and what to say of it."""

    given: Any = None
    train: Any = None
    pairs: Any = None
    source: Any = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def learnt_from(
    before: Any,
    run: Path,
    plan: Any,
    given: tuple[str | None, PairsGiven],
    choice: BackboneChoice,
    common: Common,
) -> Learnt:
    """Read the data that an edit learns from, and compare it with what its plan names."""
    from pcbm.editing import LearntOn, TrainingData
    from pcbm.model.pipeline import labels_for

    train, beside = given
    if train is None:
        return Learnt()
    data = read(train, common)
    acts = activations_like(before, run, data, choice, common)
    rows, note = training_rows(before, data, acts)
    acts = acts.take(rows)
    found = read_pairs(before, run, acts, beside, choice, common)
    pairs = None if found is None else found[:2]
    learnt = TrainingData(acts.X, labels_for(before.model, acts), acts.group)
    source = None
    if plan.needs_data is not None:
        told = None if pairs is None else pairs_source(pairs, beside)
        source = LearntOn(train_source(data, acts, note is not None), told)
    warnings = plan.learnt_on.differs(source) if plan.learnt_on and source else []
    return Learnt(data, learnt, pairs, source, (note,) if note else (), tuple(warnings))
