"""Weights that make rows with a cue and rows without it count alike in every class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pcbm.errors import InputError, near


def balanced_weight(y: ArrayLike, group: ArrayLike) -> NDArray[np.float64]:
    """Return row weights under which every pair of class and group that there is weighs the same.

    Where a cue is tied to the class in training, the rows that break the tie are few. A refit
    under these weights sees class and cue as unrelated (Idrissi et al. 2022, "Simple data balancing
    achieves competitive worst-group-accuracy", reweighting by group).

    Parameters
    ----------
    y : array-like, shape (n,)
        Classes.
    group : array-like, shape (n,)
        Who has the cue: given groups, or `told_by_scores`.

    Returns
    -------
    ndarray, shape (n,)
        Positive, with mean 1: n / (number of pairs * rows of the pair).

    Raises
    ------
    InputError
        Other lengths, or a class without rows of one of the groups: no weight can replace those.
    """
    names, groups = np.asarray(y), np.asarray(group)
    if names.ndim != 1 or names.shape != groups.shape:
        raise InputError(
            f"y has shape {names.shape} and group {groups.shape}: give one class and one group "
            "a row"
        )
    classes, row = np.unique(names, return_inverse=True)
    kinds, column = np.unique(groups, return_inverse=True)
    count = np.zeros((len(classes), len(kinds)), dtype=int)
    np.add.at(count, (row, column), 1)
    if not count.all():
        i, j = np.argwhere(count == 0)[0]
        raise InputError(
            f"the class {str(classes[i])!r} has no row of the group {str(kinds[j])!r}: add such "
            "rows, or refit without balancing"
        )
    return len(names) / (count.size * count[row, column])


def told_by_scores(model: Any, X: Any, concepts: Sequence[str]) -> NDArray[np.str_]:
    """Return who has a cue as its concepts' scores tell it, where no one has labelled it.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    X : array-like, shape (n, d)
        Activations.
    concepts : sequence of str
        The concepts that name the cue.

    Returns
    -------
    ndarray of str, shape (n,)
        One concept: ``"with"`` where its score is positive, else ``"without"``. Several: the
        name of the one whose standardised score is the largest.

    Raises
    ------
    InputError
        No concept was named, or the model has not got one.
    """
    if not concepts:
        raise InputError("no concept was named: give those that name the cue")
    for name in concepts:
        if name not in model.concept_names_:
            raise InputError(
                f"the model has no concept {name!r}: {near(name, model.concept_names_)}"
            )
    columns = [model.concept_names_.index(name) for name in concepts]
    scores = model.transform(X)[:, columns]
    if len(columns) == 1:
        return np.where(scores[:, 0] > 0, "with", "without")
    standard = (scores - model.mean_[columns]) / model.scale_[columns]
    return np.array(concepts, dtype=str)[standard.argmax(axis=1)]
