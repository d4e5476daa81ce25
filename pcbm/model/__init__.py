"""The concept-bottleneck model: estimators, metrics, controls, and the RUN folder."""

from pcbm.model.cbm import PostHocCBM, PostHocCBMRegressor
from pcbm.model.contributions import Contributions, contributions
from pcbm.model.intervene import Intervention, intervene
from pcbm.model.load import load, load_run
from pcbm.model.metrics import evaluate
from pcbm.model.pipeline import fit_run
from pcbm.model.run import Run, save_run
from pcbm.model.settings import FitSettings

__all__ = [
    "Contributions",
    "FitSettings",
    "Intervention",
    "PostHocCBM",
    "PostHocCBMRegressor",
    "Run",
    "contributions",
    "evaluate",
    "fit_run",
    "intervene",
    "load",
    "load_run",
    "save_run",
]
