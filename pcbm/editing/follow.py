"""What may follow an edit: rescaling the other coefficients, or fitting them again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pcbm.editing.apply import Edited
from pcbm.editing.changes import changes_between
from pcbm.editing.head import LinearHead
from pcbm.errors import InputError
from pcbm.heads import elastic_net_path


def renormalise(before: LinearHead, edited: Edited) -> Edited:
    """Rescale the untouched coefficients so that each touched row keeps its L1 norm.

    As in "prune + normalize" of Yuksekgonul et al. 2023 (section 4.2). Coefficients that an edit
    set or scaled keep the value that was asked for; the others of the row are multiplied by
    (L1 before - L1 of the edited ones) / (L1 of the others).

    Returns
    -------
    Edited
        With the further changes appended. A row that cannot be rescaled stays, with a warning.
    """
    coef = edited.head.coef.copy()
    warnings = list(edited.warnings)
    for row in np.flatnonzero(edited.touched.any(axis=1)):
        held = edited.touched[row]
        wanted = np.abs(before.coef[row]).sum() - np.abs(coef[row, held]).sum()
        others = np.abs(coef[row, ~held]).sum()
        if others == 0 or wanted <= 0:
            if wanted != 0:
                reason = (
                    "it has no other concepts" if others == 0 else "the edit made it larger already"
                )
                name = edited.head.row_names[row]
                warnings.append(f"the row of {name!r} was not renormalised: {reason}")
            continue
        coef[row, ~held] *= wanted / others
    head = replace(edited.head, coef=coef)
    return replace(
        edited,
        head=head,
        changes=edited.changes + changes_between("renormalise", edited.head, head),
        warnings=tuple(warnings),
    )


@dataclass(frozen=True)
class RefitSettings:
    """How the head was fitted, so that a refit minimises the same objective."""

    lam: float
    l1_ratio: float
    tol: float
    nonnegative: bool = False


def refit_settings(model: Any) -> RefitSettings:
    """Return how a model's head was fitted; InputError where its lam is for other units."""
    if model.head_.path_.solver == "sgd":
        raise InputError(
            "the head was fitted by solver 'sgd', whose lam is for scores that are not "
            "standardised: fit with another solver, or leave out what fits it again"
        )
    return RefitSettings(model.head_.lam_, model.l1_ratio, model.tol, model.nonnegative)


def refit(
    edited: Edited,
    Z: np.ndarray,
    y: np.ndarray,
    settings: RefitSettings,
    sample_weight: np.ndarray | None = None,
) -> tuple[Edited, dict[str, Any]]:
    """Fit the other coefficients and the intercepts again while the edited ones are held.

    Minimises the head's objective over the coefficients that no edit named; the held ones enter
    as an offset Z w. Concepts that had no weight may get some: on the data that taught the model
    a spurious cue, that is how the cue comes back.

    A clamped coefficient may move on its side of zero: the fit is the optimum under that bound.

    Parameters
    ----------
    edited : Edited
        The head after the edits.
    Z : ndarray of shape (n, K)
        Scores standardised with the head's own mean and scale.
    y : ndarray
        Labels as `pcbm.heads.elastic_net_path` wants them for the head's family.
    settings : RefitSettings
    sample_weight : ndarray of shape (n,), optional

    Returns
    -------
    edited : Edited
        With the refit's changes appended.
    record : dict
        ``lam``, ``l1_ratio``, ``n``, and ``kkt``, the violation at the solution.
    """
    fixed = edited.touched & (edited.signs == 0)
    held = np.where(fixed, edited.head.coef, 0.0)
    lower, upper = _bounds(edited, settings)
    path = elastic_net_path(
        Z,
        y,
        family=edited.head.family,
        l1_ratio=settings.l1_ratio,
        lams=np.array([settings.lam]),
        tol=settings.tol,
        sample_weight=sample_weight,
        offset=Z @ held.T if held.any() else None,
        free=~fixed,
        lower=lower,
        upper=upper,
    )
    coef = np.where(fixed, edited.head.coef, path.coef(0))
    head = replace(edited.head, coef=coef, intercept=np.array(path.intercepts[0]))
    record = {
        "lam": float(settings.lam),
        "l1_ratio": float(settings.l1_ratio),
        "n": len(Z),
        "kkt": float(path.kkt[0]),
    }
    changes = edited.changes + changes_between("refit", edited.head, head)
    return replace(edited, head=head, changes=changes), record


def _bounds(
    edited: Edited, settings: RefitSettings
) -> tuple[np.ndarray | float | None, np.ndarray | None]:
    """Return the least and the largest coefficients that clamps and the head allow."""
    least = 0.0 if settings.nonnegative else None
    if not edited.signs.any():
        return least, None
    if edited.head.family == "grouped":
        raise InputError(
            "a grouped head cannot be refitted under a clamp, because its penalty binds a "
            "concept's classes together: clamp without refit, or refit first"
        )
    lower = np.where(edited.signs > 0, 0.0, -np.inf if least is None else least)
    return lower, np.where(edited.signs < 0, 0.0, np.inf)


def check_labels(y: np.ndarray, classes: np.ndarray) -> None:
    """Raise InputError unless the labels to refit on are exactly the model's classes."""
    found, known = {str(v) for v in np.unique(y)}, {str(v) for v in classes}
    if found != known:
        strange, absent = sorted(found - known), sorted(known - found)
        what = f"the unknown class {strange[0]!r}" if strange else f"no row of {absent[0]!r}"
        raise InputError(
            f"the data to refit on has {what}: give the training data of the run, "
            f"with its {len(known)} classes"
        )
