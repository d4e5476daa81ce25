"""The history of a run's edits: complete enough to replay and to undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pcbm.editing.apply import Change, undo
from pcbm.editing.head import EditableModel, LinearHead, head_of
from pcbm.errors import InputError

SCHEMA_VERSION = 1
FOLLOW_UPS = (None, "renormalise", "refit")


@dataclass(frozen=True)
class Step:
    """One application of a plan: what was asked, what changed, and what it did.

    Attributes
    ----------
    plan : dict
        The plan's JSON form; `pcbm.EditPlan.from_dict` reads it.
    changes : tuple of Change
        Every coefficient and intercept that was touched, in order.
    follow_up : {None, "renormalise", "refit"}
    refit : dict or None
        Penalty, rows and KKT violation of the refit.
    notes, warnings : tuple of str
    evaluation : dict or None
        ``{"before": E, "after": E, ...}`` of `pcbm.editing.evaluate_edit`.
    when : str or None
        A time the caller gave, ISO 8601.
    """

    plan: Mapping[str, Any]
    changes: tuple[Change, ...]
    follow_up: str | None = None
    refit: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    evaluation: Mapping[str, Any] | None = None
    when: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, one entry of edits.json."""
        return {
            "schema_version": SCHEMA_VERSION,
            "when": self.when,
            "plan": dict(self.plan),
            "follow_up": self.follow_up,
            "refit": None if self.refit is None else dict(self.refit),
            "changes": [change.as_dict() for change in self.changes],
            "notes": list(self.notes),
            "warnings": list(self.warnings),
            "evaluation": None if self.evaluation is None else dict(self.evaluation),
        }

    @classmethod
    def from_dict(cls, record: Any) -> Step:
        """Read an entry of edits.json.

        Raises
        ------
        InputError
            The entry is of another version or malformed.
        """
        version = record.get("schema_version") if isinstance(record, Mapping) else None
        if version != SCHEMA_VERSION:
            raise InputError(
                f"an entry of edits.json has schema_version {version!r}, expected "
                f"{SCHEMA_VERSION}: use the pcbm that wrote it"
            )
        try:
            return cls(
                plan=record["plan"],
                changes=tuple(Change.from_dict(change) for change in record["changes"]),
                follow_up=record["follow_up"],
                refit=record["refit"],
                notes=tuple(record["notes"]),
                warnings=tuple(record["warnings"]),
                evaluation=record["evaluation"],
                when=record["when"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"an entry of edits.json is malformed ({error!r}): use the file pcbm wrote"
            ) from None


def read_history(records: Iterable[Any]) -> list[Step]:
    """Read all entries of edits.json."""
    return [Step.from_dict(record) for record in records]


def undo_steps(head: LinearHead, steps: Sequence[Step]) -> LinearHead:
    """Take steps back, last first; the coefficients come back bit for bit."""
    for step in reversed(steps):
        head = undo(head, step.changes)
    return head


def original_model(model: EditableModel, steps: Sequence[Step]) -> EditableModel:
    """Return the model as it was before the given steps, the last ones of its history."""
    original = with_arrays(model, undo_steps(head_of(model), steps))
    if hasattr(model, "edits_"):
        original.edits_ = model.edits_[: len(model.edits_) - len(steps)]
    return original


def with_arrays(model: EditableModel, head: LinearHead) -> Any:
    """Return a copy of ``model`` with the head's coefficients, in the model's own shapes."""
    return model.with_head(
        head.coef.reshape(model.head_.coef_.shape),
        head.intercept.reshape(model.head_.intercept_.shape),
    )
