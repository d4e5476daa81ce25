"""The history of a run's edits: complete enough to replay and to undo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pcbm.editing.changes import Change, undo
from pcbm.editing.head import EditableModel, LinearHead, head_of
from pcbm.errors import InputError

SCHEMA_VERSION = 1


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
    structure : tuple of dict
        What was done to the concepts themselves, in order: ``{"op": "rename", "concept", "to"}``,
        ``{"op": "merge", "concepts", "into", "correlation", "kept"}`` and ``{"op":
        "orthogonalise", "against", "shared"}``; see `pcbm.editing.structure` for the figures.
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
    structure: tuple[Mapping[str, Any], ...] = ()
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
            "structure": [dict(record) for record in self.structure],
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
                structure=tuple(record.get("structure", ())),
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


def original_model(model: EditableModel, steps: Sequence[Step]) -> Any:
    """Return the model as it was before the given steps, the last ones of its history.

    Its arrays come back bit for bit. A step that changed the concepts themselves is taken back
    from the snapshot that the model carries (``edits.safetensors`` of a RUN).

    Raises
    ------
    InputError
        The model does not hold what the steps left, or carries no snapshot for one of them.
    """
    past = list(getattr(model, "edits_", None) or [])
    snapshots = dict(getattr(model, "snapshots_", None) or {})
    restored: Any = model
    position = len(past)
    for step in reversed(steps):
        position -= 1
        if step.structure:
            snapshot = snapshots.pop(position, None)
            if snapshot is None:
                raise InputError(
                    f"edit {position + 1} changed the concepts, and the model carries no snapshot "
                    "from before it: use the RUN folder with its edits.safetensors"
                )
            restored = snapshot.restore(restored)
        else:
            restored = with_arrays(restored, undo(head_of(restored), step.changes))
    if restored is model:
        return model
    if hasattr(model, "measured_"):
        restored.measured_ = model.measured_
    _set_or_drop(restored, "edits_", past[:position])
    _set_or_drop(restored, "snapshots_", snapshots)
    return restored


def undone_model(model: EditableModel, count: int = 1) -> Any:
    """Return the model as it was before its last ``count`` edits, arrays bit for bit.

    Raises
    ------
    InputError
        It has fewer edits, or ``count`` is less than 1.
    """
    past = list(getattr(model, "edits_", None) or [])
    if not past:
        raise InputError("there is no edit to undo: the model is as it was fitted")
    if not 1 <= count <= len(past):
        raise InputError(
            f"{count} edits cannot be undone: the history holds {len(past)}, so give a number from "
            f"1 to {len(past)}"
        )
    return original_model(model, read_history(past[len(past) - count :]))


def with_arrays(model: EditableModel, head: LinearHead) -> Any:
    """Return a copy of ``model`` with the head's coefficients, in the model's own shapes."""
    return model.with_head(
        head.coef.reshape(model.head_.coef_.shape),
        head.intercept.reshape(model.head_.intercept_.shape),
    )


def _set_or_drop(model: Any, name: str, value: Any) -> None:
    """Set an attribute of a model that only edited models have."""
    if value:
        setattr(model, name, value)
    elif hasattr(model, name):
        delattr(model, name)
