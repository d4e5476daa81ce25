"""Sparse linear heads: the objective, its solver, the path and the estimators."""

from pcbm.heads.backends.abilities import SOLVERS
from pcbm.heads.certificates import duality_gap, evaluate_path, kkt_violation, lam_max, objective
from pcbm.heads.classifier import SparseLinearHead
from pcbm.heads.crossval import CrossValidation, cross_validated_lam
from pcbm.heads.folds import assign_folds
from pcbm.heads.holdout import Validation, held_out_rows, validated_lam
from pcbm.heads.links import probabilities
from pcbm.heads.path import elastic_net_path
from pcbm.heads.regressor import SparseLinearRegressor
from pcbm.heads.selection import (
    bic,
    ebic,
    select_by_bic,
    select_by_ebic,
    select_by_lam,
    select_by_nec,
)
from pcbm.heads.settings import NEC_RULES, SELECTIONS, class_weighted
from pcbm.heads.solutions import Path, nec, sparse_rows
from pcbm.heads.sparsity import Selected, at_point, exact_nec, refitted, truncated_nec
from pcbm.heads.standardise import standardise
from pcbm.heads.threads import threads_for

__all__ = [
    "NEC_RULES",
    "SELECTIONS",
    "SOLVERS",
    "CrossValidation",
    "Path",
    "Selected",
    "SparseLinearHead",
    "SparseLinearRegressor",
    "Validation",
    "assign_folds",
    "at_point",
    "bic",
    "class_weighted",
    "cross_validated_lam",
    "duality_gap",
    "ebic",
    "elastic_net_path",
    "evaluate_path",
    "exact_nec",
    "held_out_rows",
    "kkt_violation",
    "lam_max",
    "nec",
    "objective",
    "probabilities",
    "refitted",
    "select_by_bic",
    "select_by_ebic",
    "select_by_lam",
    "select_by_nec",
    "sparse_rows",
    "standardise",
    "threads_for",
    "truncated_nec",
    "validated_lam",
]
