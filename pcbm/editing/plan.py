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

from pcbm.editing.balance import BALANCES, check_balance, plan_weight
from pcbm.editing.chosen import ChosenOn, LearntOn
from pcbm.editing.data import GROUPS, PAIRS, TRAIN, Pairs, TrainingData
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
from pcbm.editing.guard import FROM_PAIRS, Guard, check_guards, guard_of, guarded_concepts, in_order
from pcbm.editing.guarding import guarded_step
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
    is given when it is applied, and ``needs`` names it by role.

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
    guards : tuple of Guard
        What closes the holes that a removed concept leaves, see `pcbm.editing.guards`; each once,
        in the order they are made, after all else.
    balanced : {"groups", "scores"} or None
        Training rows weigh so that class and cue are unrelated, see
        `pcbm.editing.balanced_weight`; the rows' groups, or the zeroed concepts' own scores, tell
        who has the cue.
    chosen_on : ChosenOn or None
        The rows that suggested the edits, where known: judging on them brings a warning.
    page : PageRecord or None
        What the editor of a report showed of the edits, where they come from there.
    learnt_on : LearntOn or None
        The data the plan was applied with, where known: with the same the model is the same.

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
    guards: tuple[Guard, ...] = ()
    balanced: str | None = None
    chosen_on: ChosenOn | None = None
    page: PageRecord | None = None
    learnt_on: LearntOn | None = None

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

    def guarded(self, guard: str, *, direction: str | None = None) -> EditPlan:
        """Add a guard of the removed concepts.

        Parameters
        ----------
        guard : str
            One of `pcbm.editing.GUARDS`.
        direction : {"scores", "pairs"}, optional
            For ``silent``: where the direction of the concept comes from; default ``scores``.
        """
        return replace(self, guards=in_order((*self.guards, guard_of(guard, direction))))

    def balance(self, by: str | None) -> EditPlan:
        """Let training rows weigh so that class and cue are unrelated; None lets them count alike.

        ``by="groups"``: the training rows' groups tell who has the cue; ``by="scores"``: the
        zeroed concepts' own scores do.
        """
        if by is not None:
            one_of(by, BALANCES, "training rows are balanced by")
        return replace(self, balanced=by)

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
        words += self._then()
        return f"EditPlan({'; '.join(words)})"

    def _repr_html_(self) -> str:
        """Return the edits as a list for notebooks, with who wants them and why."""
        rows = [(number, str(edit)) for number, edit in enumerate(self.edits, 1)]
        said = {
            "then": ", ".join(self._then()),
            "by": self.author,
            "on": self.date,
            "why": self.reason,
        }
        note = "; ".join(f"{word}: {value}" for word, value in said.items() if value)
        return table(
            f"Plan of {len(rows)} edit{'' if len(rows) == 1 else 's'}", ("", "edit"), rows, note
        )

    def _then(self) -> list[str]:
        """Name what follows the edits."""
        words = [name for name in FOLLOW if getattr(self, name)]
        words += [] if self.balanced is None else [f"balanced by {self.balanced}"]
        return [*words, *map(str, self.guards)]

    def learnt(self, on: LearntOn | None) -> EditPlan:
        """Say which data the plan is applied with; None where that is not known."""
        return replace(self, learnt_on=on)

    @property
    def needs_data(self) -> str | None:
        """What of this plan needs training data (the first such word), or None."""
        merges = any(edit.op == "merge" for edit in self.edits)
        for word, wanted in (
            ("merge", merges),
            ("orthogonalise", self.orthogonalise),
            ("refit", self.refit),
            *((str(guard), True) for guard in self.guards),
        ):
            if wanted:
                return word
        return None

    @property
    def needs(self) -> tuple[str, ...]:
        """The data that must be given, by role: of ``train``, ``groups`` and ``pairs``."""
        wanted = {
            TRAIN: self.needs_data is not None,
            GROUPS: self.balanced == GROUPS
            or any(guard.name == "recentre-groups" for guard in self.guards),
            PAIRS: any(guard.direction == FROM_PAIRS for guard in self.guards),
        }
        return tuple(role for role, needed in wanted.items() if needed)

    def check(self, model: Any) -> None:
        """Raise InputError where the plan does not fit a model, before any data is read."""
        self._checked(model)

    def apply(
        self,
        model: Any,
        train: TrainingData | tuple[Any, ...] | None = None,
        pairs: Pairs | None = None,
    ) -> Any:
        """Return an edited copy of ``model``; the model itself stays as it is.

        What deserves attention (a class edit that other rows undo, say) comes as a Python warning.

        Parameters
        ----------
        model : PostHocCBM or PostHocCBMRegressor
            Fitted.
        train : TrainingData, (X, y) or (X, y, sample_weight), optional
            Activations and labels, for the parts of a plan that need them.
        pairs : (having, lacking), optional
            Activations of the same inputs with and without the concept, where a guard needs them.

        Raises
        ------
        InputError
            The plan does not fit the model, or lacks data; nothing was changed.
        """
        edited, step = self.step(model, train=train, pairs=pairs)
        for text in step.warnings:
            warnings.warn(text, stacklevel=2)
        return edited

    def step(
        self,
        model: Any,
        *,
        train: TrainingData | tuple[Any, ...] | None = None,
        pairs: Pairs | None = None,
        held_out: tuple[Any, Any] | None = None,
        renormalise: bool = False,
        refit_on: tuple[Any, ...] | None = None,
        when: str | None = None,
    ) -> tuple[Any, Step]:
        """Return an edited copy of ``model`` and the record of the edit.

        Parameters
        ----------
        model : PostHocCBM or PostHocCBMRegressor
            Fitted.
        train : TrainingData, (X, y) or (X, y, sample_weight), optional
            Activations and labels, for the parts of a plan that need them.
        pairs : (having, lacking), optional
            Activations of the same inputs with and without the concept, where a guard needs them.
        held_out : (X, y), optional
            Rows to measure the prices of guards on.
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
        data = TrainingData.of(refit_on if train is None else train)
        concepts = plan._checked(model)
        plan._check_data(data, pairs)
        data, notes = plan_weight(model, plan.edits, plan.balanced, data)
        result, step = take_step(
            model,
            plan.edits,
            plan.as_dict(),
            follow=plan._follow,
            train=data,
            when=when,
            notes=notes,
        )
        if not plan.guards or data is None:
            return result, step
        return guarded_step(
            model,
            result,
            step,
            plan.guards,
            concepts,
            data,
            refit=plan.refit,
            pairs=pairs,
            held_out=held_out,
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

    def _checked(self, model: Any) -> dict[str, str]:
        """Check the plan against a model; return the removed concepts by name, now and before."""
        check_guards(self.guards, self.edits, refit=self.refit, balanced=self.balanced is not None)
        head = check_edits(model, self.edits, self._follow)
        check_balance(self.balanced, self.edits, self.needs_data, head)
        return guarded_concepts(self.guards, self.edits, head, model) if self.guards else {}

    def _check_data(self, data: TrainingData | None, pairs: Pairs | None) -> None:
        """Refuse data that is not needed, and the lack of what is."""
        needs = self.needs
        if TRAIN not in needs and data is not None:
            raise InputError(
                "training data was given, but nothing in the plan needs it: add --refit, "
                "--orthogonalise, a merge or a guard, or leave the data out"
            )
        if TRAIN in needs and data is None:
            raise InputError(
                f"the plan has {self.needs_data}, which needs training data: give --train DATA, "
                "or in Python train=(X, y)"
            )
        if GROUPS in needs and data is not None and data.group is None:
            what = "balances rows by groups" if self.balanced == GROUPS else "recentres by groups"
            raise InputError(
                f"the plan {what}, but the training data names no groups: add a column 'group', or "
                "in Python give TrainingData(X, y, group)"
            )
        if PAIRS in needs and pairs is None:
            raise InputError(
                "the plan has guard silent with its direction from pairs: give --pairs, or --with "
                "and --without, or in Python pairs=(having, lacking)"
            )
        if PAIRS not in needs and pairs is not None:
            raise InputError(
                "pairs were given, but nothing in the plan needs them: guard silent takes its "
                "direction from them where the plan says so"
            )

    @property
    def _follow(self) -> FollowUps:
        return FollowUps(self.orthogonalise, self.renormalise, self.refit)

    def _with(self, edit: Edit) -> EditPlan:
        return replace(self, edits=(*self.edits, edit))
