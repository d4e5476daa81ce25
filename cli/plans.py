"""From the options of ``pcbm edit`` to an edit plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcbm.errors import InputError

UNDO = "--undo"


@dataclass(frozen=True)
class Wanted:
    """The edits that the options of one command name, and what follows them.

    ``pairs`` says whether any option names pairs: guard silent takes its direction from them then.
    """

    zero: Sequence[str] = ()
    scale: Sequence[str] = ()
    set_to: Sequence[str] = ()
    clamp: Sequence[str] = ()
    rename: Sequence[str] = ()
    merge: Sequence[str] = ()
    into: str | None = None
    classes: Sequence[str] = ()
    at: str = "mean"
    orthogonalise: bool = False
    renormalise: bool = False
    refit: bool = False
    guards: Sequence[str] = ()
    pairs: bool = False
    balanced: str | None = None

    def given(self) -> list[str]:
        """Return the options that were given, as they are spelt."""
        named = {
            "--zero": self.zero,
            "--scale": self.scale,
            "--set": self.set_to,
            "--clamp": self.clamp,
            "--rename": self.rename,
            "--merge": self.merge,
            "--into": self.into is not None,
            "--class": self.classes,
            "--at": self.at != "mean",
        }
        return [option for option, value in named.items() if value]

    def follow_ups(self) -> dict[str, bool | None]:
        """Return what follows the edits; None where the options do not say."""
        return {
            "orthogonalise": self.orthogonalise or None,
            "renormalise": self.renormalise or None,
            "refit": self.refit or None,
        }

    def added_to(self, plan: Any) -> Any:
        """Return a plan with what follows the edits, as far as the options say."""
        result = plan.followed_by(**self.follow_ups())
        direction = "pairs" if self.pairs else "scores"
        for name in self.guards:
            result = result.guarded(name, direction=direction if name == "silent" else None)
        return result if self.balanced is None else result.balance(self.balanced)


def edit_plan(wanted: Wanted, plan: Path | None) -> Any:
    """Return the plan that the options describe; ``--class`` holds for every one of them.

    ``--orthogonalise``, ``--renormalise``, ``--refit``, ``--guard`` and ``--balanced`` may stand
    beside a plan file and add to what it says.

    Raises
    ------
    InputError
        No edit, a plan beside other edits, one concept edited twice, no number after ``=``.
    """
    from pcbm.editing import EditPlan

    given = wanted.given()
    if plan is not None:
        if given:
            raise InputError(
                f"--plan was given beside {', '.join(given)}: put all edits into the plan, or run "
                "pcbm edit twice"
            )
        return wanted.added_to(EditPlan.load(plan))
    if wanted.at != "mean" and not wanted.zero:
        raise InputError(
            f"--at {wanted.at} was given without --zero: it says where --zero holds a concept"
        )
    check_together(wanted)
    result = _plan_of(wanted)
    if not result.edits:
        raise InputError(
            "no edit was given: add --zero, --scale, --set, --clamp, --rename, --merge or --plan"
        )
    concepts = [name for edit in result.edits for name in (edit.parts or (edit.concept,))]
    twice = [concept for concept in concepts if concepts.count(concept) > 1]
    if twice:
        raise InputError(
            f"the concept {twice[0]!r} is edited twice in one command: "
            "put edits whose order matters into a plan, see --plan"
        )
    return wanted.added_to(result)


def check_together(wanted: Wanted) -> None:
    """Refuse options that need or exclude each other."""
    if bool(wanted.merge) != (wanted.into is not None):
        raise InputError(
            "--merge and --into belong together: write --merge A --merge B --into NAME"
        )
    for option, value in (("--rename", wanted.rename), ("--merge", wanted.merge)):
        if value and wanted.classes:
            raise InputError(
                f"{option} was given with --class, but a concept has one name and one score for "
                "all classes: leave --class out"
            )


def _plan_of(wanted: Wanted) -> Any:
    from pcbm.editing import EditPlan

    names = list(wanted.classes) or None
    plan = EditPlan()
    for concept in wanted.zero:
        plan = plan.zero(concept, names, at=wanted.at)
    for text in wanted.scale:
        concept, number = name_and_number(text, "--scale")
        plan = plan.scale(concept, number, names)
    for text in wanted.set_to:
        concept, number = name_and_number(text, "--set")
        plan = plan.set(concept, number, names)
    for text in wanted.clamp:
        concept, sign = _name_and_text(text, "--clamp", "CONCEPT=+ or CONCEPT=-, like stripes=+")
        plan = plan.clamp(concept, sign, names)
    for text in wanted.rename:
        plan = plan.rename(*_name_and_text(text, "--rename", "OLD=NEW, like stripe=stripes"))
    if wanted.into is not None:
        plan = plan.merge(wanted.merge, wanted.into)
    return plan


def name_and_number(text: str, option: str) -> tuple[str, float]:
    """Split ``NAME=0.5`` at the last ``=``.

    >>> name_and_number("a=b=0.5", "--scale")
    ('a=b', 0.5)
    """
    name, equals, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = None
    if not equals or not name or value is None:
        raise InputError(f"{option} was given as {text!r}: write CONCEPT=NUMBER, like stripes=0.5")
    return name, value


def _name_and_text(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.rpartition("=")
    if not equals or not name or not value:
        raise InputError(f"{option} was given as {text!r}: write {form}")
    return name, value


def with_undo_count(arguments: Sequence[str]) -> list[str]:
    """Give ``--undo`` its number where it has none; typer's options take a value always or never.

    >>> with_undo_count(["edit", "run", "--undo", "--out", "run2"])
    ['edit', 'run', '--undo', '1', '--out', 'run2']
    """
    found = list(arguments)
    if UNDO in found and "edit" in found[:1]:
        place = found.index(UNDO) + 1
        if place == len(found) or not found[place].lstrip("-").isdigit():
            found.insert(place, "1")
    return found
