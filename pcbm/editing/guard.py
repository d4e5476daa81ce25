"""Guards as values: which there are, and which go together with a plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pcbm.editing.edit import Edit, zeroed
from pcbm.editing.head import LinearHead
from pcbm.errors import InputError, near, quoted
from pcbm.model.logits import UNLABELLED

# In the order they are made: what fits the head again comes before what follows the head.
GUARDS = (
    "scores",
    "silent",
    "recentre-classes",
    "recentre-groups",
    "residual",
    "residual-in-class",
    "residual-balanced",
)
SILENT = "silent"
FROM_SCORES, FROM_PAIRS = DIRECTIONS = ("scores", "pairs")
EXCLUSIVE = (
    ("recentre-classes", "recentre-groups"),
    ("residual", "residual-in-class"),
    ("residual", "residual-balanced"),
    ("residual-in-class", "residual-balanced"),
)
BY_CLASS = ("recentre-classes", "residual-in-class")
REFITTED = "the intercepts are fitted anew by {what}, so that recentring would be undone: "


@dataclass(frozen=True)
class Guard:
    """One guard of a plan.

    Attributes
    ----------
    name : str
        Of `GUARDS`; see `pcbm.editing.guards` for what each does.
    direction : {"scores", "pairs"} or None
        For ``silent`` alone: whether the direction comes from the training rows' scores or from
        pairs of the same inputs with and without the concept.
    """

    name: str
    direction: str | None = None

    def __str__(self) -> str:
        return f"guard {self.name}" + (" (pairs)" if self.direction == FROM_PAIRS else "")

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of this guard."""
        own = {} if self.direction is None else {"direction": self.direction}
        return {"guard": self.name, **own}

    @classmethod
    def from_dict(cls, record: Any, where: str) -> Guard:
        """Read the JSON form; every fault is one line that begins with ``where``."""
        if not isinstance(record, Mapping) or not isinstance(record.get("guard"), str):
            raise InputError(f'{where} is {record!r}: give an object like {{"guard": "scores"}}')
        for key in record:
            if key not in ("guard", "direction"):
                raise InputError(
                    f"{where} has an unknown key {key!r}: {near(key, ('guard', 'direction'))}"
                )
        try:
            return guard_of(record["guard"], record.get("direction"))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def guard_of(name: str, direction: str | None = None) -> Guard:
    """Return a guard; an unknown one, or a direction that it has not got, raises InputError."""
    if name not in GUARDS:
        raise InputError(f"the guard {name!r} is unknown: {near(name, GUARDS)}")
    if name != SILENT:
        if direction is not None:
            raise InputError(f"guard {name} has no direction, only silent has: leave it out")
        return Guard(name)
    if direction not in (None, *DIRECTIONS):
        raise InputError(
            f"guard silent takes its direction from {DIRECTIONS[0]!r} or {DIRECTIONS[1]!r}, not "
            f"{direction!r}: choose one of the two"
        )
    return Guard(name, direction or FROM_SCORES)


def in_order(guards: Iterable[Guard]) -> tuple[Guard, ...]:
    """Return each guard once, in the order they are made; two directions raise InputError."""
    found = sorted(set(guards), key=lambda guard: GUARDS.index(guard.name))
    names = [guard.name for guard in found]
    if names.count(SILENT) > 1:
        raise InputError("guard silent was given with two directions: take pairs, or scores")
    return tuple(found)


def check_guards(
    guards: Sequence[Guard], edits: Sequence[Edit], *, refit: bool, balanced: bool
) -> None:
    """Refuse guards that the plan or another guard would undo, whatever the model.

    Raises
    ------
    InputError
    """
    names = [guard.name for guard in guards]
    for one, other in EXCLUSIVE:
        if one in names and other in names:
            raise InputError(f"the guards {one} and {other} exclude each other: take one")
    recentred = any(name.startswith("recentre") for name in names)
    anew = "guard silent" if SILENT in names else "refit" if refit else None
    if recentred and anew:
        raise InputError(REFITTED.format(what=anew) + "leave one of them out")
    if recentred and any(edit.at == "boundary" for edit in edits):
        raise InputError(
            "zero at the boundary and guard recentre hold a concept at two values: take one"
        )
    fits = SILENT in names or ("scores" in names and refit)
    kept = [edit.concept for edit in edits if edit.op in ("scale", "set", "clamp")]
    if fits and kept:
        raise InputError(
            f"the guard fits the other coefficients again, and that of {kept[0]!r} with them: "
            "edit it in a second step"
        )
    if "residual-balanced" in names and not balanced:
        raise InputError(
            "guard residual-balanced fits the residual under balanced weights: add --balanced "
            "groups or --balanced scores"
        )


def guarded_concepts(
    guards: Sequence[Guard], edits: Sequence[Edit], head: LinearHead, model: Any
) -> dict[str, str]:
    """Return the removed concepts that guards are for: last name -> name before the edits.

    Parameters
    ----------
    guards : sequence of Guard
    edits : sequence of Edit
    head : LinearHead
        After the edits.
    model : PostHocCBM or PostHocCBMRegressor
        Before them.

    Raises
    ------
    InputError
        The edits removed no concept, or not for all classes; or a guard needs classes or a
        residual, and the model has none; or it recentres a concept that the edits made.
    """
    first = {name: old for name, old in zeroed(edits) if name in head.concept_names}
    found = list(first)
    if not found:
        raise InputError(
            "a guard closes what a removed concept leaves open, and the plan zeroes none: "
            "add --zero CONCEPT"
        )
    if any(edit.classes is not None for edit in edits if edit.op == "zero"):
        raise InputError(f"a guard serves all classes: zero {quoted(found)} without naming classes")
    used = [name for name in found if head.coef[:, head.column(name)].any()]
    if used:
        raise InputError(
            f"a guard needs a removed concept, but some class still uses {used[0]!r}: --zero it "
            "for all classes"
        )
    for guard in guards:
        if guard.name in BY_CLASS and head.family in UNLABELLED:
            raise InputError(f"guard {guard.name} needs one class a row, not a {head.family} head")
        if guard.name.startswith("residual") and model.residual_ is None:
            raise InputError(
                f"guard {guard.name} was given, but the model has no residual: leave it out"
            )
        merged = [name for name, old in first.items() if old is None]
        if guard.name.startswith("recentre") and merged:
            raise InputError(
                f"guard {guard.name} holds {merged[0]!r} at its old contribution, but this plan "
                "merges it: merge in a first edit"
            )
    return {name: old or name for name, old in first.items()}
