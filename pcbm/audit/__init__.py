"""What a model still does with a concept, and what an edit of it cost: audits and guards."""

from pcbm.audit.edit_controls import edit_controls
from pcbm.audit.edit_curve import edit_curve
from pcbm.audit.guarded import GUARDS, guarded_step
from pcbm.audit.guards import TrainingData
from pcbm.audit.judged import Judged
from pcbm.audit.leaks import within_class_auc
from pcbm.audit.margins import Margins, margins
from pcbm.audit.pairs import paired_response
from pcbm.audit.record import Evidence, audit_model
from pcbm.audit.reliance import accuracy_gap, group_gap
from pcbm.audit.suggest import Suggestions, suggest_edits

__all__ = [
    "GUARDS",
    "Evidence",
    "Judged",
    "Margins",
    "Suggestions",
    "TrainingData",
    "accuracy_gap",
    "audit_model",
    "edit_controls",
    "edit_curve",
    "group_gap",
    "guarded_step",
    "margins",
    "paired_response",
    "suggest_edits",
    "within_class_auc",
]
