"""The edit plan: what a person wants changed in a head, as a value that can be stored and replayed.

A plan knows nothing of a model. It is checked against one only when it is applied
(`pcbm.editing.apply.apply_edits`), so one plan can be replayed on several runs.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcbm.editing.edit import HOLD_AT, NUMBER_OF, Edit, chosen_classes, concept_name, finite
from pcbm.editing.history import Step
from pcbm.editing.steps import take_step
from pcbm.errors import InputError, near
from pcbm.files import read_json, to_json, write_text

SCHEMA_VERSION = 1
PLAN_KEYS = ("schema_version", "author", "reason", "date", "edits")


@dataclass(frozen=True)
class EditPlan:
    """A list of edits, applied in order and all or nothing; every method returns a new plan.

    >>> plan = EditPlan().zero("stripes", classes=["cat"]).scale("metal", 0.5)
    >>> [str(edit) for edit in plan.edits]
    ["zero 'stripes' for 'cat'", "scale 'metal' by 0.5"]
    >>> EditPlan.from_json(plan.to_json()) == plan
    True
    """

    edits: tuple[Edit, ...] = ()
    author: str | None = None
    reason: str | None = None
    date: str | None = None

    def zero(
        self, concept: str, classes: str | Iterable[object] | None = None, *, at: str = "mean"
    ) -> EditPlan:
        """Remove a concept: hold it at its training mean, or (``at="boundary"``) at score 0."""
        if at not in HOLD_AT:
            raise InputError(
                f"zero {concept!r}: a concept is held at 'mean' or 'boundary', "
                f"not at {at!r}: choose one of the two"
            )
        return self._with(Edit("zero", concept_name(concept), None, chosen_classes(classes), at))

    def scale(
        self, concept: str, factor: float, classes: str | Iterable[object] | None = None
    ) -> EditPlan:
        """Multiply a concept's coefficients by ``factor``."""
        number = finite(factor, f"scale {concept!r}")
        return self._with(Edit("scale", concept_name(concept), number, chosen_classes(classes)))

    def set(
        self, concept: str, value: float, classes: str | Iterable[object] | None = None
    ) -> EditPlan:
        """Set a concept's coefficients to ``value``, in the units of ``coef_``."""
        number = finite(value, f"set {concept!r}")
        return self._with(Edit("set", concept_name(concept), number, chosen_classes(classes)))

    def signed(
        self, author: str | None = None, reason: str | None = None, date: str | None = None
    ) -> EditPlan:
        """Say who wants the edits, why, and when; what is not given stays as it was."""
        return replace(
            self,
            author=self.author if author is None else author,
            reason=self.reason if reason is None else reason,
            date=self.date if date is None else date,
        )

    def apply(self, model: Any) -> Any:
        """Return an edited copy of ``model``; the model itself stays as it is.

        What deserves attention (a class edit that other rows undo, say) comes as a Python warning.

        Parameters
        ----------
        model : PostHocCBM or PostHocCBMRegressor
            Fitted.

        Raises
        ------
        InputError
            The plan does not fit the model; nothing was changed.
        """
        edited, step = self.step(model)
        for text in step.warnings:
            warnings.warn(text, stacklevel=2)
        return edited

    def step(
        self,
        model: Any,
        *,
        renormalise: bool = False,
        refit_on: tuple[Any, ...] | None = None,
        when: str | None = None,
    ) -> tuple[Any, Step]:
        """Return an edited copy of ``model`` and the record of the edit.

        Parameters
        ----------
        model : PostHocCBM or PostHocCBMRegressor
            Fitted.
        renormalise : bool
            Rescale the other coefficients so that each row keeps its L1 norm.
        refit_on : (X, y) or (X, y, sample_weight), optional
            Fit the other coefficients and the intercepts again on these activations and labels.
        when : str, optional
            The time to record, ISO 8601; none is recorded without it.

        Returns
        -------
        model, step
            Warnings are in the step, as text.
        """
        return take_step(
            model,
            self.edits,
            self.as_dict(),
            renormalised=renormalise,
            refit_on=refit_on,
            when=when,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of the plan."""
        return {
            "schema_version": SCHEMA_VERSION,
            "author": self.author,
            "reason": self.reason,
            "date": self.date,
            "edits": [edit.as_dict() for edit in self.edits],
        }

    def to_json(self) -> str:
        """Return the plan as JSON text, the content of a plan file."""
        return to_json(self.as_dict()) + "\n"

    def save(self, path: str | Path) -> None:
        """Write the plan file."""
        write_text(Path(path), self.to_json())

    @classmethod
    def from_dict(cls, record: Any, *, source: str = "the plan") -> EditPlan:
        """Read the JSON form; every fault is one line that begins with ``source``."""
        if not isinstance(record, Mapping):
            raise InputError(
                f"{source} is a JSON {_kind(record)}, expected an object with "
                f"'schema_version' and 'edits': see docs/editing.md for the form"
            )
        _known_keys(record, PLAN_KEYS, source)
        version = record.get("schema_version")
        if version != SCHEMA_VERSION:
            raise InputError(
                f"{source} has schema_version {version!r}, expected {SCHEMA_VERSION}: "
                "write the plan in that version, or use the pcbm that wrote it"
            )
        edits = record.get("edits")
        if not isinstance(edits, list) or not edits:
            raise InputError(
                f"{source} holds no edits: give 'edits' as a list of at least one object, like "
                '{"op": "zero", "concept": "stripes"}'
            )
        plan = cls(
            author=_text(record, "author", source),
            reason=_text(record, "reason", source),
            date=_text(record, "date", source),
        )
        for number, edit in enumerate(edits, start=1):
            plan = _read_edit(plan, edit, f"{source}, edit {number}")
        return plan

    @classmethod
    def from_json(cls, text: str, *, source: str = "the plan") -> EditPlan:
        """Read a plan from JSON text; see `from_dict`."""
        try:
            record = json.loads(text)
        except json.JSONDecodeError as error:
            raise InputError(f"{source} is not JSON ({error}): check the file") from None
        return cls.from_dict(record, source=source)

    @classmethod
    def load(cls, path: str | Path) -> EditPlan:
        """Read a plan file; see `from_dict`."""
        return cls.from_dict(read_json(Path(path)), source=str(path))

    def _with(self, edit: Edit) -> EditPlan:
        return replace(self, edits=(*self.edits, edit))


def _read_edit(plan: EditPlan, record: Any, where: str) -> EditPlan:
    """Add one edit's JSON form to a plan."""
    if not isinstance(record, Mapping):
        raise InputError(
            f"{where} is a JSON {_kind(record)}, expected an object like "
            '{"op": "zero", "concept": "stripes"}: correct it'
        )
    op = record.get("op")
    if op not in NUMBER_OF:
        raise InputError(
            f"{where} has op {op!r}, expected 'zero', 'scale' or 'set': {near(str(op), NUMBER_OF)}"
        )
    key = NUMBER_OF[op]
    allowed = ["op", "concept", "classes", "at" if key is None else key]
    _known_keys(record, allowed, where)
    if not isinstance(record.get("concept"), str):
        raise InputError(f"{where} names no concept: give 'concept' as a string")
    classes = record.get("classes")
    if not (classes is None or isinstance(classes, str | list)):
        raise InputError(f"{where} has classes {classes!r}: give a list of class names, or null")
    try:
        if op == "zero":
            return plan.zero(record["concept"], classes, at=record.get("at", "mean"))
        if key not in record:
            raise InputError(f"{op} needs a number: give {key!r}")
        change = plan.scale if op == "scale" else plan.set
        return change(record["concept"], record[key], classes)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _known_keys(record: Mapping[str, Any], allowed: Iterable[str], where: str) -> None:
    for key in record:
        if key not in allowed:
            raise InputError(f"{where} has an unknown key {key!r}: {near(key, allowed)}")


def _text(record: Mapping[str, Any], key: str, source: str) -> str | None:
    value = record.get(key)
    if value is not None and not isinstance(value, str):
        raise InputError(f"{source} has {key} {value!r}: give a string, or leave it out")
    return value


def _kind(value: Any) -> str:
    names = {list: "list", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")
