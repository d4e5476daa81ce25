"""Layer by layer maps of two models: every metric between every layer of one and of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.analysis.cka import ROUNDING, bias_warnings, ratio, unbiased_hsic
from pcbm.analysis.layer_sums import LayerSums, layer_sums
from pcbm.analysis.metrics import Settings, check_metrics, measure
from pcbm.analysis.minibatch import batches, one_class, single_class
from pcbm.analysis.result import RIGID, SYMMETRIC, Comparison, Kind
from pcbm.analysis.rotations import in_frame
from pcbm.analysis.sides import FEWEST_ROWS, centred
from pcbm.errors import InputError

Progress = Callable[[int, int], None]
LINEAR_CKA = ("cka", "cka_debiased", "cka_minibatch")
# Rotations do not change these: a layer of many columns may be seen from a frame of its rows.
FRAME_WILL_DO = ("cka_rbf", "procrustes", "knn", "ridge_r2")
MOST_WARNINGS = 3


@dataclass(frozen=True, eq=False)
class LayerMap:
    """One metric between all layers of two models.

    Attributes
    ----------
    metric : str
    kind : {"similarity", "distance"}
    direction : str
    invariances : tuple of str
    rows, columns : list of str
        Layers of the first and of the second model.
    values : ndarray, shape (rows, columns)
        NaN where there is no value.
    n : int
        Rows of the data.
    reasons : dict
        Why values are missing -> how many of them.
    warnings : tuple of str
    """

    metric: str
    kind: Kind
    direction: str
    invariances: tuple[str, ...]
    rows: list[str]
    columns: list[str]
    values: np.ndarray
    n: int
    reasons: Mapping[str, int]
    warnings: tuple[str, ...] = ()

    def best(self) -> dict[str, str | None]:
        """Return for each layer of the first model the most alike one of the second."""
        towards = self.values if self.kind == "similarity" else -self.values
        return {
            name: None if np.isnan(line).all() else self.columns[int(np.nanargmax(line))]
            for name, line in zip(self.rows, towards, strict=True)
        }

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return {
            "values": [[None if np.isnan(v) else float(v) for v in line] for line in self.values],
            "kind": self.kind,
            "direction": self.direction,
            "invariances": list(self.invariances),
            "n": self.n,
            "best": self.best(),
            "reasons": dict(self.reasons),
            "warnings": list(self.warnings),
        }


def layer_maps(
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    metrics: Sequence[str],
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> dict[str, LayerMap]:
    """Compare all layers of two models.

    Parameters
    ----------
    left, right : mapping of str to array-like (n, d)
        Layers by name, all on the same rows in the same order.
    metrics : sequence of str
        See `pcbm.analysis.METRICS`, all but "frechet". Linear CKA of all pairs costs little more
        than its kernels; other metrics look at one pair after another.
    settings : Settings, optional
    progress : callable, optional
        Called with pairs done and pairs in all.

    Raises
    ------
    InputError
        No layers, layers of different rows, or what the metrics raise.
    """
    settings = settings or Settings()
    wanted = map_metrics(metrics)
    _refuse_other_rows(left, right)
    names = list(left), list(right)
    tables = [_table(t) for t in left.values()], [_table(t) for t in right.values()]
    found: dict[str, LayerMap] = {}
    if "cka" in wanted or "cka_debiased" in wanted:
        sums = layer_sums(*tables)
        widths = [max(t.shape[1] for t in side) for side in tables]
        found["cka"] = _full_cka(names, sums, widths, debiased=False)
        found["cka_debiased"] = _full_cka(names, sums, widths, debiased=True)
    if "cka_minibatch" in wanted:
        state = MinibatchMap(*names)
        for rows in batches(len(tables[0][0]), settings.batch_size, True, settings.seed):
            y = None if settings.y is None else settings.y[rows]
            state.update([t[rows] for t in tables[0]], [t[rows] for t in tables[1]], y)
        found["cka_minibatch"] = state.compute()
    others = [name for name in wanted if name not in LINEAR_CKA]
    found |= _pair_by_pair(left, right, others, settings, progress)
    return {name: found[name] for name in wanted}


def map_metrics(names: Sequence[str]) -> list[str]:
    """Return metric names without repetition; raise InputError for one that maps cannot have."""
    wanted = check_metrics(names)
    if "frechet" in wanted:
        raise InputError(
            "frechet was asked for, but layers have no feature space in common: leave it out, or "
            "compare one layer of both in stores of their own"
        )
    return wanted


class MinibatchMap:
    """Minibatch CKA of all pairs of layers, batch by batch; see `pcbm.analysis.minibatch`.

    Parameters
    ----------
    rows, columns : list of str
        Layers of the first and of the second model.
    """

    def __init__(self, rows: list[str], columns: list[str]) -> None:
        self.rows, self.columns = rows, columns
        self.n = self.batches = self.single_class = 0
        # HSIC of pairs, of each side with itself, and what counts as zero for the latter two.
        self._sums: list[Any] = [0.0] * 5

    def update(
        self, left: Sequence[np.ndarray], right: Sequence[np.ndarray], y: np.ndarray | None = None
    ) -> None:
        """Count one more batch: a table (m, d) for each layer, and perhaps labels."""
        sums = layer_sums(left, right)
        if sums.n < FEWEST_ROWS:
            raise InputError(f"a batch of {sums.n} rows was given: it needs {FEWEST_ROWS}")
        self.n += sums.n
        self.batches += 1
        self.single_class += one_class(y)
        terms = (*_unbiased(sums), ROUNDING * sums.xx, ROUNDING * sums.yy)
        scale = sums.n * (sums.n - 3)
        self._sums = [total + term / scale for total, term in zip(self._sums, terms, strict=True)]

    def compute(self) -> LayerMap:
        """Return the map over all batches so far."""
        if not self.batches:
            raise InputError("minibatch CKA was given no batch: it needs at least one")
        both, one, other, zero_one, zero_other = self._sums
        values, reasons = _ratios(both, one, other, (zero_one, zero_other))
        if self.single_class:
            reason = single_class(self.single_class, self.batches)
            values, reasons = np.full_like(values, np.nan), {reason: values.size}
        return _cka_map("cka_minibatch", (self.rows, self.columns), values, reasons, self.n)


def _full_cka(
    names: tuple[list[str], list[str]], sums: LayerSums, widths: Sequence[int], *, debiased: bool
) -> LayerMap:
    """Return linear CKA on all rows."""
    both, one, other = _unbiased(sums) if debiased else (sums.xy, sums.xx, sums.yy)
    values, reasons = _ratios(both, one, other, (ROUNDING * sums.xx, ROUNDING * sums.yy))
    if debiased:
        return _cka_map("cka_debiased", names, values, reasons, sums.n)
    warnings = bias_warnings(sums.n, (widths[0], widths[1]))
    return _cka_map("cka", names, values, reasons, sums.n, warnings)


def _cka_map(
    metric: str,
    names: tuple[list[str], list[str]],
    values: np.ndarray,
    reasons: Mapping[str, int],
    n: int,
    warnings: tuple[str, ...] = (),
) -> LayerMap:
    kind: Kind = "similarity"
    return LayerMap(metric, kind, SYMMETRIC, RIGID, *names, values, n, reasons, warnings)


def _unbiased(sums: LayerSums) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return n (n - 3) HSIC_1 of all pairs, and of each layer with itself."""
    n = sums.n
    return (
        unbiased_hsic(n, sums.xy, sums.a_b, sums.a * sums.b),
        unbiased_hsic(n, sums.xx, sums.a_a, sums.a**2),
        unbiased_hsic(n, sums.yy, sums.b_b, sums.b**2),
    )


def _ratios(
    both: np.ndarray, one: np.ndarray, other: np.ndarray, zero: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, dict[str, int]]:
    """Return all CKA values, NaN where there is none, and the reasons with their numbers."""
    sound = (one > zero[0]) & (other > zero[1])
    values = np.full(both.shape, np.nan)
    np.divide(both, np.sqrt(np.abs(one)) * np.sqrt(np.abs(other)), out=values, where=sound)
    reasons: Counter[str] = Counter()
    for i, j in np.argwhere(~sound):
        least = np.array([zero[0][i, 0], zero[1][0, j]])
        _, reason = ratio(both[i, j], one[i, 0], other[0, j], least)
        reasons[str(reason)] += 1
    return values, dict(reasons)


def _pair_by_pair(
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    metrics: Sequence[str],
    settings: Settings,
    progress: Progress | None,
) -> dict[str, LayerMap]:
    """Return the maps of metrics that look at one pair of layers after another."""
    if not metrics:
        return {}
    cells: dict[str, list[Comparison]] = {name: [] for name in metrics}
    framed = [name for name in metrics if name in FRAME_WILL_DO]
    whole = [name for name in metrics if name not in framed]
    rights = [(_table(t), _frame(t, bool(framed))) for t in right.values()]
    for i, table in enumerate(left.values()):
        X, frame = _table(table), _frame(table, bool(framed))
        for j, (Y, other_frame) in enumerate(rights):
            found = measure(X, Y, whole, settings)
            found |= measure(frame, other_frame, framed, settings)
            for name, result in found.items():
                cells[name].append(result)
            if progress:
                progress(i * len(rights) + j + 1, len(left) * len(rights))
    return {name: _collected(results, list(left), list(right)) for name, results in cells.items()}


def _collected(results: Sequence[Comparison], rows: list[str], columns: list[str]) -> LayerMap:
    values = [np.nan if r.value is None else r.value for r in results]
    first = results[0]
    return LayerMap(
        first.metric,
        first.kind,
        first.direction,
        first.invariances,
        rows,
        columns,
        np.array(values).reshape(len(rows), len(columns)),
        first.n,
        Counter(r.reason for r in results if r.reason),
        tuple(dict.fromkeys(text for r in results for text in r.warnings))[:MOST_WARNINGS],
    )


def _frame(table: Any, wanted: bool) -> np.ndarray:
    """Return a layer from a frame of its rows, where it has more columns than rows."""
    values = _table(table)
    if not wanted or values.shape[1] <= len(values):
        return values
    return in_frame(centred(values.astype(np.float64)))


def _table(table: Any) -> np.ndarray:
    return np.asarray(table)


def _refuse_other_rows(left: Mapping[str, Any], right: Mapping[str, Any]) -> None:
    lengths = {name: len(t) for side in (left, right) for name, t in side.items()}
    if not left or not right:
        raise InputError("a map of layers was given no layer: give at least one of each model")
    if len(set(lengths.values())) > 1:
        few, many = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise InputError(
            f"the layer {few!r} has {lengths[few]} rows and {many!r} {lengths[many]}: "
            "give all layers on the same rows"
        )
    if min(lengths.values()) < FEWEST_ROWS:
        raise InputError(
            f"the layers have {min(lengths.values())} rows: a map needs at least {FEWEST_ROWS}"
        )
