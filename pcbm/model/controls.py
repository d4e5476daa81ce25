"""What accuracy alone would prove: the same fit without the meaning of the concepts.

Random directions in a good activation space classify well, so an accurate concept model is no
evidence for its concepts. Every fit is therefore set beside three controls: a linear probe on
the raw activations (what the backbone knows), the majority class or the mean (what the labels
alone give), and banks of random directions compared at equal sparsity (what any bank would do).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pcbm.concepts import ConceptBank
from pcbm.heads import Path, elastic_net_path, held_out_rows, standardise
from pcbm.model.metrics import figure_interval, headline, row_scores
from pcbm.projection import fit_projection

PROBE_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
VALIDATION_SHARE = 0.2
PROBE_ROWS = 20_000  # bounds the search of a strength; the probe itself is fitted on all rows
BOOTSTRAPS = 2000
MANY_ROWS = 10_000  # from here on a mean over resampled rows is drawn from its normal limit


@dataclass(frozen=True)
class Sample:
    """Activations and labels of one part of the data, as the head wants them."""

    X: np.ndarray
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> Sample:
        """Return the given rows."""
        return Sample(self.X[rows], self.y[rows])


@dataclass(frozen=True)
class RandomBanks:
    """How random directions do at the sparsity of the named concepts.

    ``difference`` is named minus random, with a 95 % interval that resamples both the test rows
    and the random banks. ``p_value`` is ``(1 + #{random >= named}) / (1 + repeats)``.
    """

    mean: float
    std: float
    repeats: int
    p_value: float
    nec: float
    named: float
    difference: float
    interval: tuple[float, float]
    values: tuple[float, ...]
    train_rows: int

    @property
    def beaten(self) -> bool:
        """Whether the interval of the difference lies above zero."""
        return self.interval[0] > 0

    def to_json(self) -> dict[str, Any]:
        """Return the record that goes into metrics.json."""
        return {**asdict(self), "beaten": self.beaten}


def majority(train: Sample, test: Sample, task: str) -> dict[str, Any]:
    """Measure the most frequent class (regression: the training mean) on test.

    Returns
    -------
    dict
        ``value``: accuracy or R^2; ``interval``: its 95 % interval.
    """
    dummy = DummyRegressor() if task == "regression" else DummyClassifier(strategy="most_frequent")
    dummy.fit(np.zeros((len(train), 1)), train.y)
    return _measured(test.y, dummy.predict(np.zeros((len(test), 1))), task)


def full_probe(train: Sample, test: Sample, task: str, *, seed: int = 0) -> dict[str, Any]:
    """Fit a ridge-penalised linear probe on all activations, its strength chosen on validation.

    Parameters
    ----------
    train, test : Sample
    task : {"binary", "multiclass", "multilabel", "regression"}
    seed : int

    Returns
    -------
    dict
        ``value``: accuracy or R^2 on test; ``interval``: its 95 % interval; ``C``: the inverse
        strength that was chosen on a fifth of at most 20,000 training rows before the probe was
        fitted on all of them.
    """
    searched = train
    if len(train) > PROBE_ROWS:
        drawn = np.random.default_rng(seed).permutation(len(train))[:PROBE_ROWS]
        searched = train.take(np.sort(drawn))
    strata = searched.y if task in ("binary", "multiclass") else len(searched)
    held = held_out_rows(strata, VALIDATION_SHARE, seed)
    part = searched.take(np.setdiff1d(np.arange(len(searched)), held))
    validation = searched.take(held)

    def predicted(strength: float, fitted: Sample, judged: Sample) -> np.ndarray:
        return _probe(task, strength).fit(fitted.X, fitted.y).predict(judged.X)

    best = max(
        PROBE_STRENGTHS,
        key=lambda C: headline(validation.y, predicted(C, part, validation), task),
    )
    return {**_measured(test.y, predicted(best, train, test), task), "C": best}


def _measured(y: np.ndarray, predicted: np.ndarray, task: str) -> dict[str, Any]:
    return {
        "value": headline(y, predicted, task),
        "interval": figure_interval(y, predicted, task),
    }


def _probe(task: str, strength: float) -> Any:
    if task == "regression":
        return make_pipeline(StandardScaler(), Ridge(alpha=1.0 / strength))
    model = LogisticRegression(C=strength, max_iter=2000, tol=1e-3)
    return make_pipeline(
        StandardScaler(), MultiOutputClassifier(model) if task == "multilabel" else model
    )


def random_bank(bank: ConceptBank | None, dim: int, rng: np.random.Generator) -> ConceptBank:
    """Return as many random directions as the bank has concepts, Gaussian in activation space."""
    count = dim if bank is None else len(bank)
    names = [f"random {j + 1}" for j in range(count)]
    # Random directions lie around zero: that is their mean for the projection "centred".
    return ConceptBank(
        names, rng.standard_normal((count, dim)), source="random", text_mean=np.zeros(dim)
    )


def random_banks(
    train: Sample,
    test: Sample,
    bank: ConceptBank | None,
    *,
    named_scores: np.ndarray,
    nec: float,
    task: str,
    family: str,
    projection: str = "margin",
    l1_ratio: float = 0.99,
    n_lams: int = 50,
    lam_min_ratio: float = 1e-3,
    tol: float = 1e-2,
    repeats: int = 20,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> RandomBanks:
    """Fit the whole path on random banks and compare at the sparsity of the named concepts.

    A random bank's figure at NEC ``nec`` is interpolated, row by row, between the two path
    points around it; where its path ends below ``nec`` its last point counts.

    Parameters
    ----------
    train, test : Sample
        The rows that the named bank was fitted and judged on.
    bank : ConceptBank or None
        Gives the number of directions.
    named_scores : ndarray, shape (n_test,)
        `row_scores` of the named model on ``test``.
    nec : float
        NEC of the named model.
    task, family : str
    projection : str
        As for the named bank.
    l1_ratio, n_lams, lam_min_ratio, tol
        As in `pcbm.heads.elastic_net_path`.
    repeats, seed : int
    progress : callable, optional

    Returns
    -------
    RandomBanks
    """
    rng = np.random.default_rng(seed)
    spread = float(np.var(test.y)) if task == "regression" else None
    rows = np.empty((repeats, len(test)))
    for r in range(repeats):
        directions = random_bank(bank, train.X.shape[1], rng)
        fitted = fit_projection(train.X, directions, projection)
        scores = fitted.transform(train.X)
        mean, scale = standardise(scores)
        path = elastic_net_path(
            (scores - mean) / scale,
            train.y,
            family=family,
            l1_ratio=l1_ratio,
            n_lams=n_lams,
            lam_min_ratio=lam_min_ratio,
            tol=tol,
        )
        rows[r] = _rows_at_nec(
            path, (fitted.transform(test.X) - mean) / scale, test.y, nec, task, spread
        )
        if progress:
            progress(r + 1, repeats)
    return _summary(named_scores, rows, nec, len(train), rng)


def _rows_at_nec(
    path: Path, Z: np.ndarray, y: np.ndarray, nec: float, task: str, spread: float | None
) -> np.ndarray:
    """Row scores at a given NEC, between the two neighbouring points of a path."""
    above = np.flatnonzero(path.nec >= nec)
    upper = int(above[0]) if len(above) else len(path.nec) - 1
    lower = max(upper - 1, 0)
    gap = path.nec[upper] - path.nec[lower]
    share = float(np.clip((nec - path.nec[lower]) / gap, 0.0, 1.0)) if gap > 0 else 1.0

    def at(point: int) -> np.ndarray:
        return row_scores(y, path_predictions(path, point, Z), task, spread)

    return at(upper) if share == 1.0 else (1 - share) * at(lower) + share * at(upper)


def path_predictions(path: Path, point: int, Z: np.ndarray) -> np.ndarray:
    """Return the predictions of one path point on standardised scores."""
    logits = Z @ path.coef(point).T + path.intercepts[point]
    if path.family == "gaussian":
        return logits[:, 0] if logits.shape[1] == 1 else logits
    if path.family == "multilabel":
        return (logits > 0).astype(int)
    assert path.classes is not None
    if path.family == "binomial":
        return path.classes[(logits[:, 0] > 0).astype(int)]
    return path.classes[logits.argmax(axis=1)]


def _summary(
    named: np.ndarray, rows: np.ndarray, nec: float, train_rows: int, rng: np.random.Generator
) -> RandomBanks:
    repeats, n = rows.shape
    values = rows.mean(axis=1)
    banks = rng.integers(repeats, size=BOOTSTRAPS)
    if n > MANY_ROWS:
        gaps = named - rows
        means, errors = gaps.mean(axis=1), gaps.std(axis=1) / np.sqrt(n)
        differences = rng.normal(means[banks], errors[banks])
    else:
        draws = (rng.integers(0, n, n) for _ in banks)
        pairs = zip(banks, draws, strict=True)
        differences = np.array([(named[drawn] - rows[r, drawn]).mean() for r, drawn in pairs])
    low, high = np.percentile(differences, [2.5, 97.5])
    own = float(named.mean())
    return RandomBanks(
        mean=float(values.mean()),
        std=float(values.std(ddof=1)) if repeats > 1 else 0.0,
        repeats=repeats,
        p_value=float((1 + np.sum(values >= own - 1e-12)) / (1 + repeats)),
        nec=float(nec),
        named=own,
        difference=own - float(values.mean()),
        interval=(float(low), float(high)),
        values=tuple(float(v) for v in values),
        train_rows=train_rows,
    )
