"""What a model still does with a concept, and what edits without meaning would do: audits."""

from pcbm.audit.edit_controls import edit_controls
from pcbm.audit.edit_curve import edit_curve
from pcbm.audit.judged import Judged
from pcbm.audit.leaks import within_class_auc
from pcbm.audit.margins import Margins, margins
from pcbm.audit.pairs import paired_response
from pcbm.audit.record import Evidence, audit_model
from pcbm.audit.reliance import accuracy_gap, group_gap
from pcbm.audit.suggest import Suggestions, suggest_edits

__all__ = [
    "Evidence",
    "Judged",
    "Margins",
    "Suggestions",
    "accuracy_gap",
    "audit_model",
    "edit_controls",
    "edit_curve",
    "group_gap",
    "margins",
    "paired_response",
    "suggest_edits",
    "within_class_auc",
]
