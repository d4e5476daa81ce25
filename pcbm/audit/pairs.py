"""The paired counterfactual: the same inputs with and without a cue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from pcbm.audit.margins import Margins, margins
from pcbm.errors import InputError
from pcbm.model.run import task_of

CONFIDENCE = 0.95
FEWEST_PAIRS = 2
ROUNDING = 1e-9  # logits

Array = NDArray[np.float64]


def student_mean(values: Array) -> dict[str, Any]:
    """Return the mean of independent values, with Student's 95 % interval and two-sided p-value.

    The p-value is that of a mean of zero. Values that are all within 1e-9 of zero (rounding of
    logits) have p = 1. Fewer than two values have neither: None.
    """
    n, mean = len(values), float(np.mean(values))
    if n < FEWEST_PAIRS:
        return {"mean": mean, "interval": None, "p_value": None, "n": n}
    error = float(np.std(values, ddof=1) / np.sqrt(n))
    reach = float(student.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    p_value = 1.0
    if np.abs(values).max() > ROUNDING:
        p_value = 2 * float(student.sf(abs(mean) / error, n - 1)) if error > 0 else 0.0
    return {"mean": mean, "interval": [mean - reach, mean + reach], "p_value": p_value, "n": n}


def paired_response(model: Any, having: Any, lacking: Any, y: Any = None) -> dict[str, Any]:
    """Measure how a model's margins move when a cue is put into the same inputs.

    Row i of ``having`` and of ``lacking`` is one input with and without the cue.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Fitted.
    having, lacking : array-like, shape (n, d)
        Activations.
    y : array-like, shape (n,), optional
        True classes of the pairs. Those the model does not know give no figure of their own.

    Returns
    -------
    dict
        - ``toward``: class -> ``concepts``, ``residual`` (None without one) and ``total``, each
          the mean of margin(with) - margin(without), see `student_mean`; positive = the cue argues
          for the class. ``per_spread`` is the total's mean over the standard deviation of the
          margin without the cue: how much of a typical difference between inputs the cue makes.
        - ``flips``: ``share`` and ``n`` of pairs with two predictions, and how many went
          ``toward`` each class when the cue came in; None in regression.
        - ``by_class``: the same as ``toward`` within the pairs of each true class: toward the
          second class of two, else toward the class itself. None without labels.
        - ``pairs``: their number.

    Raises
    ------
    InputError
        The two differ in shape, or there are fewer than two pairs.
    """
    having, lacking = np.asarray(having), np.asarray(lacking)
    if having.shape != lacking.shape:
        raise InputError(
            f"the inputs with the cue have shape {having.shape}, those without {lacking.shape}: "
            "give the same inputs in the same order"
        )
    if len(having) < FEWEST_PAIRS:
        raise InputError(f"there is {len(having)} pair: give at least {FEWEST_PAIRS}")
    after, before = margins(model, having), margins(model, lacking)
    spread = np.std(before.total, axis=0)
    every = np.arange(len(having))
    return {
        "toward": {
            name: _response(after, before, every, j, spread) for j, name in enumerate(after.names)
        },
        "by_class": None if y is None else _by_class(after, before, np.asarray(y), spread),
        "flips": None if task_of(model) == "regression" else _flips(model, having, lacking),
        "pairs": len(having),
    }


def _response(
    after: Margins, before: Margins, rows: NDArray[np.intp], column: int, spread: Array
) -> dict[str, Any]:
    old = before.parts()
    record: dict[str, Any] = {}
    for part, values in after.parts().items():
        known = old[part]
        record[part] = (
            None
            if values is None or known is None
            else student_mean((values - known)[rows, column])
        )
    wide = float(spread[column])
    record["per_spread"] = record["total"]["mean"] / wide if wide > 0 else None
    return record


def _by_class(after: Margins, before: Margins, y: NDArray, spread: Array) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for name in np.unique(y):
        rows = np.flatnonzero(y == name)
        if len(after.names) == 1:
            column = 0
        elif str(name) in after.names:
            column = after.names.index(str(name))
        else:
            continue
        record = _response(after, before, rows, column, spread)
        found[str(name)] = {"toward": after.names[column], **record}
    return found or None


def _flips(model: Any, having: NDArray, lacking: NDArray) -> dict[str, Any]:
    now, then = model.predict(having), model.predict(lacking)
    moved = now != then
    moved = moved.any(axis=1) if moved.ndim == 2 else moved
    toward: Mapping[str, int] | None = None
    if now.ndim == 1:
        names, counts = np.unique(now[moved], return_counts=True)
        toward = {str(name): int(count) for name, count in zip(names, counts, strict=True)}
    return {"share": float(moved.mean()), "n": int(moved.sum()), "toward": toward}
