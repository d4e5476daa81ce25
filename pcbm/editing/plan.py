"""The edit plan: what a person wants changed in a model, as a value to be stored and replayed.

A plan knows nothing of a model. It is checked against one only when it is applied
(`pcbm.editing.steps.take_step`), so one plan can be replayed on several runs.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pcbm.editing.chosen import ChosenOn
from pcbm.editing.edit import (
    HOLD_AT,
    SIGNS,
    Edit,
    chosen_classes,
    concept_name,
    finite,
    merged_parts,
    one_of,
)
from pcbm.editing.history import Step
from pcbm.editing.page import PageRecord
from pcbm.editing.plan_file import plan_record, plan_text, read_plan
from pcbm.editing.steps import FollowUps, check_edits, take_step
from pcbm.errors import InputError
from pcbm.files import read_json, write_text
from pcbm.notebook import table

FOLLOW = ("orthogonalise", "renormalise", "refit")  # what may follow the edits, in this order


@dataclass(frozen=True, repr=False)
class EditPlan:
    """A list of edits and what follows them; every method returns a new plan.

    Edits are applied in order and all or nothing. The plan holds everything that is applied; data
    (for ``merge``, ``orthogonalise`` and ``refit``) is given when it is applied.

    Attributes
    ----------
    edits : tuple of Edit
    author, reason, date : str or None
        Who wants the edits, why, and when; any text.
    orthogonalise : bool
        Clear the other concepts' scores of what they share with the removed concepts.
    renormalise : bool
        Rescale the other coefficients so that each changed row keeps its L1 norm.
    refit : bool
        Fit the other coefficients and the intercepts again.
    chosen_on : ChosenOn or None
        The rows that suggested the edits, where known: judging on them brings a warning.
    page : PageRecord or None
        What the editor of a report showed of the edits, where they come from there.

    Examples
    --------
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
    orthogonalise: bool = False
    renormalise: bool = False
    refit: bool = False
    chosen_on: ChosenOn | None = None
    page: PageRecord | None = None

    def zero(
        self, concept: str, classes: str | Iterable[object] | None = None, *, at: str = "mean"
    ) -> EditPlan:
        """Remove a concept: hold it at its training mean, or (``at="boundary"``) at score 0."""
        one_of(at, HOLD_AT, f"zero {concept!r}: a concept is held at")
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

    def clamp(
        self, concept: str, sign: str, classes: str | Iterable[object] | None = None
    ) -> EditPlan:
        """Keep a concept's coefficients on one side: ``"+"`` at 0 or more, ``"-"`` at 0 or less.

        Those on the other side become 0. In a binary head ``"+"`` lets the concept argue for the
        second class only. A refit of the same plan keeps the sign.
        """
        one_of(sign, SIGNS, f"clamp {concept!r}: the sign is")
        chosen = chosen_classes(classes)
        return self._with(Edit("clamp", concept_name(concept), classes=chosen, sign=sign))

    def rename(self, concept: str, to: str) -> EditPlan:
        """Call a concept ``to``, a name that no concept has, in bank, head and every output."""
        return self._with(Edit("rename", concept_name(concept), to=concept_name(to)))

    def merge(self, concepts: Iterable[str], into: str) -> EditPlan:
        """Make one concept of several; see `pcbm.editing.structure.merge` for the definition.

        Parameters
        ----------
        concepts : iterable of str
            At least two.
        into : str
            The name of the merged concept: one of theirs, or one that no concept has.
        """
        return self._with(Edit("merge", concept_name(into), parts=merged_parts(concepts)))

    def followed_by(
        self,
        *,
        orthogonalise: bool | None = None,
        renormalise: bool | None = None,
        refit: bool | None = None,
    ) -> EditPlan:
        """Say what follows the edits, in this order; None leaves it as it was."""
        return replace(
            self,
            orthogonalise=self.orthogonalise if orthogonalise is None else orthogonalise,
            renormalise=self.renormalise if renormalise is None else renormalise,
            refit=self.refit if refit is None else refit,
        )

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

    def chosen(self, on: ChosenOn | None) -> EditPlan:
        """Say which rows suggested the edits; None if none did."""
        return replace(self, chosen_on=on)

    def seen(self, page: PageRecord | None) -> EditPlan:
        """Say what the editor of a report showed of the edits; None if it showed nothing."""
        return replace(self, page=page)

    def __repr__(self) -> str:
        words = [str(edit) for edit in self.edits] or ["no edits"]
        words += [name for name in FOLLOW if getattr(self, name)]
        return f"EditPlan({'; '.join(words)})"

    def _repr_html_(self) -> str:
        """Return the edits as a list for notebooks, with who wants them and why."""
        rows = [(number, str(edit)) for number, edit in enumerate(self.edits, 1)]
        follow = [name for name in FOLLOW if getattr(self, name)]
        said = {"then": ", ".join(follow), "by": self.author, "on": self.date, "why": self.reason}
        note = "; ".join(f"{word}: {value}" for word, value in said.items() if value)
        return table(
            f"Plan of {len(rows)} edit{'' if len(rows) == 1 else 's'}", ("", "edit"), rows, note
        )

    @property
    def needs_data(self) -> str | None:
        """What of this plan needs training data (the first such word), or None."""
        merges = any(edit.op == "merge" for edit in self.edits)
        for word, wanted in (
            ("merge", merges),
            ("orthogonalise", self.orthogonalise),
            ("refit", self.refit),
        ):
            if wanted:
                return word
        return None

    def check(self, model: Any) -> None:
        """Raise InputError where the plan does not fit a model, before any data is read."""
        check_edits(model, self.edits, self._follow)

    def apply(self, model: Any, train: tuple[Any, ...] | None = None) -> Any:
        """Return an edited copy of ``model``; the model itself stays as it is.

        What deserves attention (a class edit that other rows undo, say) comes as a Python warning.

        Parameters
        ----------
        model : PostHocCBM or PostHocCBMRegressor
            Fitted.
        train : (X, y) or (X, y, sample_weight), optional
            Activations and labels, for the parts of a plan that need them.

        Raises
        ------
        InputError
            The plan does not fit the model; nothing was changed.
        """
        edited, step = self.step(model, train=train)
        for text in step.warnings:
            warnings.warn(text, stacklevel=2)
        return edited

    def step(
        self,
        model: Any,
        *,
        train: tuple[Any, ...] | None = None,
        renormalise: bool = False,
        refit_on: tuple[Any, ...] | None = None,
        when: str | None = None,
    ) -> tuple[Any, Step]:
        """Return an edited copy of ``model`` and the record of the edit.

        Parameters
        ----------
        model : PostHocCBM or PostHocCBMRegressor
            Fitted.
        train : (X, y) or (X, y, sample_weight), optional
            Activations and labels, for the parts of a plan that need them.
        renormalise : bool
            Short for ``followed_by(renormalise=True)``.
        refit_on : (X, y) or (X, y, sample_weight), optional
            Short for ``followed_by(refit=True)`` with this as ``train``.
        when : str, optional
            The time to record, ISO 8601; none is recorded without it.

        Returns
        -------
        model, step
            Warnings are in the step, as text.
        """
        plan = self.followed_by(
            renormalise=True if renormalise else None, refit=None if refit_on is None else True
        )
        if train is not None and refit_on is not None:
            raise InputError("train and refit_on were both given: they are the same, give one")
        data = refit_on if train is None else train
        if plan.needs_data is None and data is not None:
            raise InputError(
                "training data was given, but nothing in the plan needs it: add --refit, "
                "--orthogonalise or a merge, or leave the data out"
            )
        if plan.needs_data is not None and data is None:
            raise InputError(
                f"the plan has {plan.needs_data}, which needs training data: give --train DATA, "
                "or in Python train=(X, y)"
            )
        return take_step(
            model, plan.edits, plan.as_dict(), follow=plan._follow, train=data, when=when
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form of the plan."""
        return plan_record(self)

    def to_json(self) -> str:
        """Return the plan as JSON text, the content of a plan file: one edit a line."""
        return plan_text(self.as_dict())

    def save(self, path: str | Path) -> None:
        """Write the plan file."""
        write_text(Path(path), self.to_json())

    @classmethod
    def from_dict(cls, record: Any, *, source: str = "the plan") -> EditPlan:
        """Read the JSON form; every fault is one line that begins with ``source``."""
        return read_plan(cls(), record, source)

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

    @property
    def _follow(self) -> FollowUps:
        return FollowUps(self.orthogonalise, self.renormalise, self.refit)

    def _with(self, edit: Edit) -> EditPlan:
        return replace(self, edits=(*self.edits, edit))
