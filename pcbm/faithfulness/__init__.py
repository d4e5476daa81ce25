"""Faithfulness: whether the concepts of a head carry its decisions, and what would flip one."""

from pcbm.faithfulness.checks import CHECKS, Case, ConceptLabels, run_checks
from pcbm.faithfulness.constraint import Constraint, bank_constraint
from pcbm.faithfulness.counterfactuals import Counterfactual, Range, counterfactuals
from pcbm.faithfulness.hard import HardConcepts, hard_concepts
from pcbm.faithfulness.leakage import Leakage, leakage
from pcbm.faithfulness.nec_levels import NecCurve, accuracy_at_nec
from pcbm.faithfulness.rashomon import Rashomon, rashomon
from pcbm.faithfulness.recovery import probe_recovery
from pcbm.faithfulness.rows import FittedRows, JudgedRows
from pcbm.faithfulness.shares import ExplainedShare, explained_share
from pcbm.faithfulness.similarity import linear_cka
from pcbm.faithfulness.stability import Stability, support_stability

__all__ = [
    "CHECKS",
    "Case",
    "ConceptLabels",
    "Constraint",
    "Counterfactual",
    "ExplainedShare",
    "FittedRows",
    "HardConcepts",
    "JudgedRows",
    "Leakage",
    "NecCurve",
    "Range",
    "Rashomon",
    "Stability",
    "accuracy_at_nec",
    "bank_constraint",
    "counterfactuals",
    "explained_share",
    "hard_concepts",
    "leakage",
    "linear_cka",
    "probe_recovery",
    "rashomon",
    "run_checks",
    "support_stability",
]
