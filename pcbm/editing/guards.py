"""Guards: what closes the holes that an edit leaves, each with what it does not guarantee.

An edit has set the coefficients of the removed concepts to zero; a guard changes what is left.
Every function returns a new model and a record; the model that was given stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pcbm.editing.apply import Edited
from pcbm.editing.data import TrainingData
from pcbm.editing.follow import check_labels, refit, refit_settings
from pcbm.editing.head import LinearHead, head_of
from pcbm.editing.history import with_arrays
from pcbm.editing.rebuild import check_can_mix, rebuilt
from pcbm.editing.silent import silent_fit
from pcbm.editing.structure import NOTHING_LEFT, score_moments
from pcbm.errors import InputError
from pcbm.heads import class_weighted
from pcbm.model.logits import UNLABELLED
from pcbm.residual import erasure

Array = NDArray[np.float64]
Guarded = tuple[Any, dict[str, Any]]

NOT_GUARANTEED = {
    "scores": "nothing but linear readers of the scores is covered, on the training rows: the "
    "residual reads raw activations, and where the concept is tied to the class much of what tells "
    "the class goes too",
    "silent": "the mean response of the head is zero, not that to each input, and other directions "
    "in which the concept shows are free; the residual is not covered",
    "recentre": "an intercept moves, nothing else: what other concepts or the residual know of the "
    "concept stays",
    "residual": "linear residuals alone are covered, on the training rows, and the concept's "
    "score, which is not all that shows the concept; the head still reads the activations, and a "
    "residual fitted on top of it can use what it erased as a difference to the head",
    "residual-balanced": "nothing is erased: class and cue are unrelated on the weighted training "
    "rows as far as groups or scores tell who has the cue, and the residual can still read it",
}


def guard_scores(
    model: Any, concepts: Sequence[str], data: TrainingData, *, refitted: bool = False
) -> Guarded:
    r"""Erase removed concepts from the scores of the others (LEACE; see `pcbm.residual.erasure`).

    With S the scores of the other concepts and R those of the removed ones on the training rows,
    ``S' = S (I - P)`` has Cov(S', R) = 0 with the least change of S. P reads the other scores
    alone, so that each new score is a direction again. Coefficients follow their scores' new
    deviations, so that logits lose the erased part and nothing else; or they are fitted again.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Edited.
    concepts : sequence of str
        Removed: without coefficients.
    data : TrainingData
    refitted : bool
        Fit the other coefficients and the intercepts again on the erased scores.

    Returns
    -------
    model, record
        ``lost``: concept -> the part of its score's variance that was erased, and ``covariance``,
        the largest correlation left between a score in use and a removed one.

    Raises
    ------
    InputError
        A concept is still in use, the projection is ``least_squares``, or nothing is left.
    """
    head, removed = head_of(model), _removed(model, concepts)
    check_can_mix(model)
    others = np.setdiff1d(np.arange(len(head.mean)), removed)
    weight = _weight(model, data)
    share = np.full(len(data.y), 1.0) if weight is None else np.asarray(weight, dtype=float)
    share = share / share.sum()
    scores = model.transform(data.X)
    erased = erasure(scores[:, others], scores[:, removed], weight)
    mix = np.eye(len(head.mean))
    mix[np.ix_(others, others)] -= erased.left @ erased.right
    old, new = (_variance(S, share) for S in (scores, scores @ mix))
    left = np.divide(new, old, out=np.zeros_like(new), where=old > 0)
    copies = (left < NOTHING_LEFT) & ~np.isin(np.arange(len(left)), removed)
    mix[:, copies] = np.eye(len(head.mean))[:, copies]  # nothing is left of it: out of use
    scale = np.where(copies | np.isin(np.arange(len(left)), removed), head.scale, np.sqrt(new))
    coef = np.where(copies, 0.0, head.coef * scale / head.scale)
    after = replace(head, coef=coef, mean=head.mean @ mix, scale=scale)
    held = np.broadcast_to(copies | np.isin(np.arange(len(left)), removed), coef.shape)
    result = rebuilt(
        model,
        Edited(
            after,
            (),
            held,
            np.zeros(coef.shape, dtype=int),
            mix=mix,
            carry=np.diag(scale / head.scale),
        ),
    )
    fit = None
    if refitted:
        result, fit = _refitted(result, held, data, weight)
    used = ~held[0]
    units = result.transform(data.X)[:, used] / result.scale_[used]
    gone = scores[:, removed] / head.scale[removed]
    names = head.concept_names
    record = {
        "lost": {names[j]: float(1 - left[j]) for j in others},
        "out_of_use": [names[j] for j in np.flatnonzero(copies)],
        "covariance": _covariance(units, gone, share),
        "refit": fit,
    }
    return result, _record("scores", concepts, **record)


def guard_silent(
    model: Any,
    concepts: Sequence[str],
    data: TrainingData,
    *,
    direction: NDArray | None = None,
) -> Guarded:
    """Refit the head so that the direction in which a concept shows leaves its logits alone.

    See `pcbm.audit.silent.silent_fit` for the constrained fit.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Edited.
    concepts : sequence of str
        Removed: without coefficients.
    data : TrainingData
    direction : ndarray, shape (K,), optional
        What the concept does to the raw scores: the mean of scores with it minus scores without
        it over pairs. Default, for each removed concept: how the scores move with that concept's
        score among training rows of one class, Cov(s, s_r | class).

    Returns
    -------
    model, record
        ``response``: the head's response in logits to the direction ``before`` and ``after``, by
        row (unit length in standardised scores), ``direction``, ``pairs`` or ``scores``, and
        ``refit``, with the ``counterweights``.
    """
    removed = _removed(model, concepts)
    head, weight = head_of(model), _weight(model, data)
    scores = model.transform(data.X)
    if direction is None:
        by_class = head.family not in UNLABELLED
        moments = score_moments(scores, np.asarray(data.y), by_class=by_class, weight=weight)
        moves = moments.within[:, removed]
    else:
        moves = np.asarray(direction, dtype=np.float64).reshape(len(head.mean), -1)
    moves = moves / head.scale[:, None]
    length = np.linalg.norm(moves, axis=0)
    moves = moves[:, length > 0] / length[length > 0]
    if not moves.shape[1]:
        raise InputError("the concept moves no score, so there is nothing to keep silent")
    allowed = ~np.isin(np.arange(len(head.mean)), removed)
    coef, intercept, fit = silent_fit(
        (scores - head.mean) / head.scale,
        np.asarray(data.y),
        moves,
        allowed,
        family=head.family,
        settings=refit_settings(model),
        sample_weight=weight,
    )
    response = {"before": (head.coef @ moves).tolist(), "after": (coef @ moves).tolist()}
    result = with_arrays(model, replace(head, coef=coef, intercept=intercept))
    where = "scores" if direction is None else "pairs"
    fit["counterweights"] = [head.concept_names[j] for j in fit["counterweights"]]
    return result, _record("silent", concepts, direction=where, response=response, refit=fit)


def guard_recentre(
    model: Any,
    before: Any,
    concepts: Sequence[str],
    data: TrainingData,
    *,
    by: str,
    old_names: Sequence[str] | None = None,
) -> Guarded:
    """Hold removed concepts at a mean in which classes or groups count alike.

    Zeroing holds a concept at its training mean, which leans to the larger class or group. With w
    its coefficients before the edit, the intercepts gain w * (balanced - mean) / scale, where
    ``balanced`` is the average over classes or groups of the concept's mean score in each.

    Parameters
    ----------
    model, before : PostHocCBM or PostHocCBMRegressor
        After and before the edit.
    concepts : sequence of str
    data : TrainingData
    by : {"classes", "groups"}
    old_names : sequence of str, optional
        What the concepts were called before; default: the same.

    Returns
    -------
    model, record
        ``held_at`` (concept -> ``mean``, ``balanced``, raw scores) and ``intercept`` (what each
        row gained, in logits).

    Raises
    ------
    InputError
        There are no groups or no classes, or a concept did not exist before the edit.
    """
    _removed(model, concepts)
    old, head = head_of(before), head_of(model)
    labels = _cells(old, data, by)
    columns = [old.column(name) for name in old_names or concepts]
    scores = before.transform(data.X)[:, columns]
    balanced = np.mean([scores[labels == cell].mean(axis=0) for cell in np.unique(labels)], axis=0)
    mean, scale = old.mean[columns], old.scale[columns]
    gain = old.coef[:, columns] @ ((balanced - mean) / scale)
    held = {
        name: {"mean": float(m), "balanced": float(b)}
        for name, m, b in zip(concepts, mean, balanced, strict=True)
    }
    result = with_arrays(model, replace(head, intercept=head.intercept + gain))
    name = f"recentre-{by}"
    return result, _record(name, concepts, held_at=held, intercept=gain.tolist())


def guard_residual(
    model: Any,
    concepts: Sequence[str],
    data: TrainingData,
    *,
    in_class: bool = False,
    erased: bool = True,
) -> Guarded:
    """Erase removed concepts' scores from what the residual reads, and fit it again.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Edited.
    concepts : sequence of str
        Removed: without coefficients.
    data : TrainingData
    in_class : bool
        Erase what goes with the scores within the classes. A concept that is tied to the class
        takes part of the class along when it is erased as a whole, and what is left turns against
        the concept: each input's score is subtracted, times what it goes with.
    erased : bool
        False erases nothing: the residual is fitted again under the rows' weights alone.

    Returns
    -------
    model, record
        ``kind`` of the residual, and where something is erased ``covariance``: the largest one
        left between what the residual reads and a removed score, both in standard units, on the
        training rows (``in_class``: within the classes).

    Raises
    ------
    InputError
        The model has no residual.
    """
    name = "residual-in-class" if in_class else "residual" if erased else "residual-balanced"
    if model.residual_ is None:
        raise InputError(f"guard {name} was given, but the model has no residual: leave it out")
    columns = _removed(model, concepts)
    if in_class:
        _classes(head_of(model), data, name)
    weight = _weight(model, data)
    erase = list(concepts) if erased else []
    result = model.refit_residual(
        data.X, data.y, erase=erase, in_class=in_class, sample_weight=weight
    )
    kind = result.residual_.kind
    if not erased:
        return result, _record(name, concepts, kind=kind)
    share = np.full(len(data.y), 1.0) if weight is None else np.asarray(weight)
    scores = result.transform(data.X)[:, columns] / head_of(model).scale[columns]
    read = result.residual_.reading.apply(data.X)
    largest = _covariance(read, scores, share, np.asarray(data.y) if in_class else None)
    return result, _record(name, concepts, kind=kind, covariance=largest)


def _removed(model: Any, concepts: Sequence[str]) -> list[int]:
    """Return the columns of removed concepts; refuse those that a class still uses."""
    head = head_of(model)
    columns = [head.column(name) for name in concepts]
    used = [name for name, j in zip(concepts, columns, strict=True) if head.coef[:, j].any()]
    if used or not columns:
        what = f"some class still uses {used[0]!r}" if used else "no concept was removed"
        raise InputError(f"a guard needs a removed concept, but {what}: --zero it for all classes")
    return columns


def _weight(model: Any, data: TrainingData) -> Array | None:
    if head_of(model).family not in UNLABELLED:
        check_labels(np.asarray(data.y), model.head_.classes_)
    return class_weighted(getattr(model, "class_weight", None), np.asarray(data.y), data.weight)


def _refitted(
    model: Any, held: NDArray, data: TrainingData, weight: Array | None
) -> tuple[Any, dict[str, Any]]:
    head = head_of(model)
    Z = (model.transform(data.X) - head.mean) / head.scale
    start = Edited(head, (), np.array(held), np.zeros(head.coef.shape, dtype=int))
    edited, record = refit(start, Z, np.asarray(data.y), refit_settings(model), weight)
    return with_arrays(model, edited.head), record


def _cells(head: LinearHead, data: TrainingData, by: str) -> NDArray:
    if by == "classes":
        return _classes(head, data, "recentre-classes")
    if data.group is None:
        raise InputError(
            "guard recentre-groups needs groups, but the training data has none: add a column "
            "'group', or take recentre-classes"
        )
    return np.asarray(data.group)


def _classes(head: LinearHead, data: TrainingData, guard: str) -> NDArray:
    if head.family in UNLABELLED:
        raise InputError(f"guard {guard} needs one class a row, not a {head.family} head")
    return np.asarray(data.y)


def _variance(scores: Array, share: Array) -> Array:
    return share @ np.square(scores - share @ scores)


def _covariance(one: Array, other: Array, share: Array, within: NDArray | None = None) -> float:
    """Return the largest |covariance| of two tables on weighted rows, pooled within classes."""
    centred = one.copy()
    labels = np.zeros(len(one)) if within is None else within
    for name in np.unique(labels):
        rows = labels == name
        centred[rows] -= share[rows] @ one[rows] / share[rows].sum()
    return float(np.abs(centred.T @ (share[:, None] * other)).max(initial=0.0) / share.sum())


def _record(guard: str, concepts: Sequence[str], **figures: Any) -> dict[str, Any]:
    return {
        "op": "guard",
        "guard": guard,
        "concepts": list(concepts),
        **figures,
        "not_guaranteed": NOT_GUARANTEED.get(guard) or NOT_GUARANTEED[guard.partition("-")[0]],
    }
