"""What a user can choose about a fit, and how the choice of the head is told."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pcbm.activations.labels import TASKS
from pcbm.errors import InputError, near
from pcbm.heads import NEC_RULES, SOLVERS
from pcbm.heads.backends.from_glmnet import load_glmnet
from pcbm.projection import PROJECTIONS
from pcbm.residual import RESIDUALS

HELD_OUT = ("1se", "min")  # rules on one validation part of train
ESTIMATORS = {"bic": "bic", "ebic": "ebic", "cv": "cv", "cv-1se": "cv_1se"}
SELECTS = (*HELD_OUT, *ESTIMATORS)


@dataclass(frozen=True)
class FitSettings:
    """What a user can choose about a fit; the fields are the options of ``pcbm fit``.

    One of ``concepts_per_class``, ``lam`` and ``select`` chooses the head; without any, ``select``
    is "1se": the sparsest path point within one standard error of the best on a validation part
    of train ("min": the best itself). "bic", "ebic", "cv" and "cv-1se" are the ``selection`` of
    `PostHocCBM`, ``nec_rule`` is its parameter. ``group_folds`` keeps rows of one group in one
    fold of a cross-validation. ``control_rows`` bounds the training rows of the random-bank
    control; above it, the named bank is refitted on the same. ``solver`` finds the path of the
    head; held-out choice and random banks use the default one.
    """

    projection: str = "margin"
    concepts_per_class: float | None = None
    lam: float | None = None
    select: str | None = None
    nec_rule: str | None = None
    group_folds: bool = False
    l1_ratio: float = 0.99
    solver: str = "newton"
    residual: str = "none"
    task: str = "auto"
    seed: int = 0
    control_repeats: int = 20
    control_rows: int = 20_000

    def __post_init__(self) -> None:
        # A misspelt name must show before a backbone runs for hours, not after.
        choices = {
            "projection": PROJECTIONS,
            "residual": RESIDUALS,
            "solver": SOLVERS,
            "task": ("auto", *TASKS),
            "select": (None, *SELECTS),
            "nec_rule": (None, *NEC_RULES),
        }
        for name, known in choices.items():
            choice = getattr(self, name)
            if choice not in known:
                offer = near(str(choice), [option for option in known if option is not None])
                raise InputError(f"{_option(name)} {choice!r} is unknown: {offer}")
        choosing = [
            n for n in ("concepts_per_class", "lam", "select") if getattr(self, n) is not None
        ]
        if len(choosing) > 1:
            named = " and ".join(_option(name) for name in choosing)
            raise InputError(f"{named} each choose the path point: give one of them")
        if self.lam is not None and not 0 < self.lam < math.inf:
            raise InputError(f"lam was given as {self.lam:g}: give a number above 0")
        if self.solver == "glmnet":
            load_glmnet()  # likewise a package that is not there
        if self.solver == "sgd" and self.lam is None:
            raise InputError(
                "solver 'sgd' fits one strength, as the official code does: give lam too (its "
                "default is 1e-5, its README uses 2e-4)"
            )
        if self.nec_rule is not None and self.concepts_per_class is None:
            raise InputError(
                f"nec-rule {self.nec_rule!r} says how concepts-per-class is met: give that too"
            )
        if self.group_folds and self.select not in ("cv", "cv-1se"):
            raise InputError(
                "group-folds is for cross-validation: give select 'cv' or 'cv-1se' too"
            )

    def resolved(self) -> FitSettings:
        """Return the settings with the defaults that depend on others filled in."""
        if self.concepts_per_class is not None:
            return replace(self, nec_rule=self.nec_rule or "path")
        return self if self.lam is not None else replace(self, select=self.select or "1se")


def _option(field: str) -> str:
    return field.replace("_", "-")


def selection_record(
    settings: FitSettings, validation: dict[str, Any] | None, note: str | None
) -> dict[str, Any]:
    """Return how the head was chosen, for metrics.json.

    Parameters
    ----------
    settings : FitSettings, resolved
    validation : dict, optional
        The record of a validation part or of a cross-validation.
    note : str, optional
        Why the number of concepts asked for was not met.

    Returns
    -------
    dict
        ``rule``: a value of ``select`` or ``nec_rule``, or "lam"; ``text``: the same in words;
        ``note``.
    """
    rule = settings.select or settings.nec_rule or "lam"
    text = _SENTENCES[rule]
    if settings.concepts_per_class is not None:
        text = text.format(n=f"{settings.concepts_per_class:g}")
    elif validation is not None:
        figure = "accuracy" if validation["measure"] == "accuracy" else "loss"
        text = text.format(figure=figure, **validation)
        text += " of whole groups" if settings.group_folds else ""
    return {"rule": rule, "text": text, "note": note}


def solver_record(model: Any) -> dict[str, Any]:
    """Return what found the head of a fitted model and how well, for metrics.json.

    Returns
    -------
    dict
        ``name``; ``kkt``: the violation over lam at the chosen head, of a cut head that of the
        point it was cut from; ``tol``; ``converged``: whether it is within tol; ``points`` of the
        path, ``missed``: how many of them are above tol, ``worst``: the largest violation of them
        all; ``text``: the same in words.
    """
    path, tol = model.path_, float(model.tol)
    kkt = model.selection_.get("kkt")
    if kkt is None:
        kkt = float(path.kkt[np.abs(path.lams - model.lam_).argmin()])
    worst, missed = float(path.kkt.max()), int((path.kkt > tol).sum())
    text = f"{path.solver}, {'converged' if kkt <= tol else 'NOT converged'} "
    text += f"(violation {kkt:.1e} lam, tol {tol:g})"
    if missed and len(path) > 1:
        text += f"; {missed} of {len(path)} path points missed tol, at worst {worst:.1e} lam"
    if path.solver == "sgd":
        text += ", one-versus-rest on scores that are not standardised, as in the official code"
    return {
        "name": path.solver,
        "kkt": kkt,
        "tol": tol,
        "converged": kkt <= tol,
        "points": len(path),
        "missed": missed,
        "worst": worst,
        "text": text,
    }


_SENTENCES = {
    "lam": "lam as given",
    "path": "the densest path point of at most {n} concepts a class",
    "exact": "at most {n} concepts a class, met between path points",
    "truncate": "the largest coefficients of a denser path point, {n} a class",
    "refit": "the concepts of the densest path point of at most {n} a class, "
    "fitted again without the 1-norm",
    "1se": "the sparsest path point within one standard error of the best {figure} on "
    "{n_validation} held-out training rows",
    "min": "the best {figure} on {n_validation} held-out training rows",
    "bic": "the least BIC",
    "ebic": "the least EBIC",
    "cv": "the best {figure} in cross-validation with {n_folds} folds",
    "cv-1se": "the largest lam within one standard error of the best {figure} in "
    "cross-validation with {n_folds} folds",
}
