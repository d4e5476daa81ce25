"""Agreement of two classifiers on the same rows: same answers, and mistakes at the same places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pcbm.errors import InputError

LEVEL = 0.95
FEWEST_DRAWS = 20
DRAWS = 1000
NO_INTERVAL = ("expected_agreement", "expected_consistency", "error_kappa_range")

Interval = tuple[float, float]


@dataclass(frozen=True)
class Agreement:
    """How two classifiers agree on n rows.

    What needs the right answers is None where they were not given; `reasons` says why any other
    figure is None.

    Attributes
    ----------
    n : int
    agreement : float
        Share of rows with the same answer.
    expected_agreement : float
        The same of independent classifiers that give each answer as often as these do.
    cohen_kappa : float or None
        ``(agreement - expected_agreement) / (1 - expected_agreement)``.
    accuracy : pair of float, or None
        Of A and of B.
    consistency : float or None
        Share of rows on which both are right or both are wrong.
    expected_consistency : float or None
        The same of independent classifiers of these accuracies:
        ``p_a p_b + (1 - p_a)(1 - p_b)``.
    error_kappa : float or None
        Error consistency, ``(consistency - expected_consistency) / (1 - expected_consistency)``:
        1 = mistakes on the same rows, 0 = as many common ones as chance gives, below 0 = fewer.
    error_kappa_range : pair of float, or None
        The least and the most that these accuracies allow; 1 needs equal accuracies.
    common_mistakes : float or None
        Rows that both get wrong, among the rows that either gets wrong.
    same_mistakes : float or None
        Among the rows that both get wrong, those with the same wrong answer.
    intervals : dict
        By bootstrap; what chance alone would give has none.
        Name -> 95 % interval from drawing rows with replacement; empty without draws.
    reasons : dict
        Name -> why there is no value.
    """

    n: int
    agreement: float
    expected_agreement: float
    cohen_kappa: float | None
    accuracy: tuple[float, float] | None = None
    consistency: float | None = None
    expected_consistency: float | None = None
    error_kappa: float | None = None
    error_kappa_range: tuple[float, float] | None = None
    common_mistakes: float | None = None
    same_mistakes: float | None = None
    intervals: Mapping[str, Interval | None] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def measure_agreement(
    a: np.ndarray,
    b: np.ndarray,
    y: np.ndarray | None = None,
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> Agreement:
    """Compare the answers of two classifiers.

    Parameters
    ----------
    a, b : array-like, shape (n,)
        Predicted labels of the same rows. Numbers are compared as numbers; where any side holds
        something else, all are compared as text.
    y : array-like, shape (n,), optional
        The right labels.
    draws : int
        Bootstrap samples of rows for the intervals, 0 or at least 20. A sample in which a figure
        is not defined is left out of its interval.
    seed : int

    Raises
    ------
    InputError
        No rows, lengths that differ, or too few draws.

    References
    ----------
    Geirhos, Meding, Wichmann, "Beyond accuracy: quantifying trial-by-trial behaviour of CNNs and
    humans by means of error consistency", NeurIPS 2020, eq. 1 to 3.
    """
    sides = [np.asarray(side) for side in (a, b, *(() if y is None else (y,)))]
    lengths = {len(side) for side in sides}
    if len(lengths) > 1 or lengths == {0}:
        raise InputError(
            f"the predictions and labels have {', '.join(str(len(s)) for s in sides)} rows: "
            "give the same rows to all, at least one"
        )
    if draws and draws < FEWEST_DRAWS:
        raise InputError(
            f"the bootstrap was given {draws} draws: give 0 or at least {FEWEST_DRAWS}"
        )
    cells, kinds = _cells(sides)
    found = _figures(np.bincount(cells, minlength=len(kinds)), kinds, y is not None)
    intervals = _intervals(cells, kinds, y is not None, draws, seed) if draws else {}
    return Agreement(
        len(cells), **found, intervals=intervals, reasons=_reasons(found, y is not None)
    )


def _cells(sides: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return for each row which combination of answers it is, and the combinations (m, 2 or 3)."""
    numbers = all(side.dtype.kind in "biuf" for side in sides)  # else 1 and 1.0 would differ
    labels = np.concatenate([side if numbers else side.astype(str) for side in sides])
    codes = np.unique(labels, return_inverse=True)[1].reshape(len(sides), -1).T
    kinds, cells = np.unique(codes, axis=0, return_inverse=True)
    return cells.reshape(-1), kinds


def _figures(counts: np.ndarray, kinds: np.ndarray, labelled: bool) -> dict[str, Any]:
    """Return all figures from how often each combination of answers occurs."""
    shares = counts / counts.sum()
    a, b = kinds[:, 0], kinds[:, 1]
    size = int(kinds.max()) + 1
    same = float(shares[a == b].sum())
    marginals = [np.bincount(side, weights=shares, minlength=size) for side in (a, b)]
    by_chance = float(marginals[0] @ marginals[1])
    found: dict[str, Any] = {
        "agreement": same,
        "expected_agreement": by_chance,
        "cohen_kappa": _kappa(same, by_chance),
    }
    if not labelled:
        return found
    right_a, right_b = a == kinds[:, 2], b == kinds[:, 2]
    p, q = float(shares[right_a].sum()), float(shares[right_b].sum())
    both_wrong = ~right_a & ~right_b
    together = float(shares[right_a & right_b].sum() + shares[both_wrong].sum())
    expected = p * q + (1 - p) * (1 - q)
    limits = [_kappa(limit, expected) for limit in (abs(p + q - 1), 1 - abs(p - q))]
    return found | {
        "accuracy": (p, q),
        "consistency": together,
        "expected_consistency": expected,
        "error_kappa": _kappa(together, expected),
        "error_kappa_range": None if None in limits else tuple(limits),
        "common_mistakes": _ratio(counts[both_wrong], counts[~right_a | ~right_b]),
        "same_mistakes": _ratio(counts[both_wrong & (a == b)], counts[both_wrong]),
    }


def _kappa(observed: float, expected: float) -> float | None:
    """Return agreement beyond chance; None where chance alone gives all."""
    left = 1 - expected
    return (observed - expected) / left if left > np.finfo(float).eps else None


def _ratio(part: np.ndarray, whole: np.ndarray) -> float | None:
    total = int(whole.sum())
    return int(part.sum()) / total if total else None


def _intervals(
    cells: np.ndarray, kinds: np.ndarray, labelled: bool, draws: int, seed: int
) -> dict[str, Interval | None]:
    rng = np.random.default_rng(seed)
    n = len(cells)
    shares = np.bincount(cells, minlength=len(kinds)) / n
    drawn: dict[str, list[float]] = {}
    for counts in rng.multinomial(n, shares, size=draws):  # rows drawn with replacement
        figures = _figures(counts, kinds, labelled)
        for name in NO_INTERVAL:
            figures.pop(name, None)
        pair = figures.pop("accuracy", None)
        if pair is not None:
            figures |= {"accuracy_a": pair[0], "accuracy_b": pair[1]}
            figures["accuracy_difference"] = pair[0] - pair[1]
        for name, value in figures.items():
            drawn.setdefault(name, [])
            if value is not None:
                drawn[name].append(value)
    tails = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    found: dict[str, Interval | None] = {}
    for name, values in drawn.items():
        enough = len(values) >= FEWEST_DRAWS
        low, high = np.quantile(values, tails) if enough else (0.0, 0.0)
        found[name] = (float(low), float(high)) if enough else None
    return found


def _reasons(found: Mapping[str, Any], labelled: bool) -> dict[str, str]:
    reasons = {}
    if found["cohen_kappa"] is None:
        reasons["cohen_kappa"] = "both give one and the same answer to every row"
    if not labelled:
        return reasons
    if found["error_kappa"] is None:
        reasons["error_kappa"] = "both are right on every row, or both are wrong on every row"
        reasons["error_kappa_range"] = reasons["error_kappa"]
    if found["common_mistakes"] is None:
        reasons["common_mistakes"] = "neither makes a mistake"
    if found["same_mistakes"] is None:
        reasons["same_mistakes"] = "there is no row that both get wrong"
    return reasons
