"""Recorded changes of a head's coefficients: plans, what they did, and taking them back."""

from pcbm.editing.apply import Change, Edited, apply_edits, undo
from pcbm.editing.edit import Edit
from pcbm.editing.evaluate import evaluate_edit, evaluations, joined_evaluation, signed_reliance
from pcbm.editing.follow import RefitSettings, refit, renormalise
from pcbm.editing.head import LinearHead, head_of
from pcbm.editing.history import Step, original_model, read_history, undo_steps
from pcbm.editing.plan import EditPlan
from pcbm.editing.runs import edited_run
from pcbm.editing.steps import history_of

__all__ = [
    "Change",
    "Edit",
    "EditPlan",
    "Edited",
    "LinearHead",
    "RefitSettings",
    "Step",
    "apply_edits",
    "edited_run",
    "evaluate_edit",
    "evaluations",
    "head_of",
    "history_of",
    "joined_evaluation",
    "original_model",
    "read_history",
    "refit",
    "renormalise",
    "signed_reliance",
    "undo",
    "undo_steps",
]
