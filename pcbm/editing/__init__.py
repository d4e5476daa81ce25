"""Recorded changes of a model's concepts: plans, what they did, and taking them back."""

from pcbm.editing.apply import Edited, apply_edits
from pcbm.editing.balance import balanced_weight, told_by_scores
from pcbm.editing.changes import Change, undo
from pcbm.editing.chosen import ChosenOn, LearntOn, content_of, judged_on_chosen
from pcbm.editing.data import TrainingData
from pcbm.editing.edit import Edit
from pcbm.editing.evaluate import (
    accuracy_difference,
    evaluate_edit,
    evaluations,
    joined_evaluation,
    signed_reliance,
)
from pcbm.editing.follow import RefitSettings, refit, refit_settings, renormalise
from pcbm.editing.guard import GUARDS, Guard
from pcbm.editing.head import LinearHead, head_of
from pcbm.editing.history import Step, original_model, read_history, undone_model
from pcbm.editing.page import PageFigure, PageRecord
from pcbm.editing.plan import EditPlan
from pcbm.editing.plan_file import plan_schema
from pcbm.editing.runs import edited_run, undone_run
from pcbm.editing.steps import history_of
from pcbm.editing.structure import ScoreMoments, merge, orthogonalise, score_moments

__all__ = [
    "GUARDS",
    "Change",
    "ChosenOn",
    "Edit",
    "EditPlan",
    "Edited",
    "Guard",
    "LearntOn",
    "LinearHead",
    "PageFigure",
    "PageRecord",
    "RefitSettings",
    "ScoreMoments",
    "Step",
    "TrainingData",
    "accuracy_difference",
    "apply_edits",
    "balanced_weight",
    "content_of",
    "edited_run",
    "evaluate_edit",
    "evaluations",
    "head_of",
    "history_of",
    "joined_evaluation",
    "judged_on_chosen",
    "merge",
    "original_model",
    "orthogonalise",
    "plan_schema",
    "read_history",
    "refit",
    "refit_settings",
    "renormalise",
    "score_moments",
    "signed_reliance",
    "told_by_scores",
    "undo",
    "undone_model",
    "undone_run",
]
