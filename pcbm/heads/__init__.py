"""Sparse linear heads: the objective, its solver, the path and the estimators."""

from pcbm.heads.certificates import evaluate_path, kkt_violation, lam_max, objective
from pcbm.heads.classifier import SparseLinearHead
from pcbm.heads.holdout import Validation, held_out_rows, validated_lam
from pcbm.heads.links import probabilities
from pcbm.heads.path import elastic_net_path
from pcbm.heads.regressor import SparseLinearRegressor
from pcbm.heads.selection import bic, select_by_bic, select_by_lam, select_by_nec
from pcbm.heads.solutions import Path, nec, sparse_rows
from pcbm.heads.standardise import standardise
from pcbm.heads.threads import threads_for
from pcbm.heads.validation import class_weighted

__all__ = [
    "Path",
    "SparseLinearHead",
    "SparseLinearRegressor",
    "Validation",
    "bic",
    "class_weighted",
    "elastic_net_path",
    "evaluate_path",
    "held_out_rows",
    "kkt_violation",
    "lam_max",
    "nec",
    "objective",
    "probabilities",
    "select_by_bic",
    "select_by_lam",
    "select_by_nec",
    "sparse_rows",
    "standardise",
    "threads_for",
    "validated_lam",
]
