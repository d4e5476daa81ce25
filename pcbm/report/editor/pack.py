"""What the editor reads: a head, and a weighted sample of rows, as one JSON value.

Arrays are base64 of little-endian numbers. Scores and residual logits are float32, everything else
that enters a sum is float64, so that margins agree with Python's to about 1e-6 of their size.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.activations import ActivationSet, Dataset
from pcbm.editing import ChosenOn, head_of
from pcbm.files import tensor_bytes
from pcbm.model.base import UNLABELLED
from pcbm.model.run import Run, class_names, model_state, task_of
from pcbm.report.editor.inputs import shown_inputs
from pcbm.report.editor.rows import EditingRows
from pcbm.report.editor.sample import FEWEST_ROWS, Drawn, draw, label_kinds, sample_size

SCHEMA = 1
ROWS_WANTED = 200  # below this, concepts without any coefficient are left out to make room


@dataclass(frozen=True)
class Cases:
    """The data that edits are tried on, before a sample is drawn from it.

    Attributes
    ----------
    data : Dataset
        The inputs.
    acts : ActivationSet
        Activations of the same rows.
    y : ndarray, shape (n,) or (n, C)
        Labels as `pcbm.model.pipeline.labels_for` gives them.
    chosen : EditingRows
        Which of the rows.
    source : ChosenOn
        What plans say of them.
    """

    data: Dataset
    acts: ActivationSet
    y: np.ndarray
    chosen: EditingRows
    source: ChosenOn

    def __len__(self) -> int:
        return len(self.chosen.rows)

    @property
    def labels(self) -> np.ndarray:
        """Labels of all rows to try edits on, shape (N,) or (N, C)."""
        return self.y[self.chosen.rows]

    @property
    def group(self) -> np.ndarray | None:
        """Groups of all rows to try edits on, shape (N,), or None."""
        return None if self.acts.group is None else self.acts.group[self.chosen.rows]


def fingerprint(model: Any) -> str:
    """Return the SHA-256 of a fitted model, equal to that of the ``model.safetensors`` it gives."""
    return hashlib.sha256(tensor_bytes(*model_state(model))).hexdigest()


def packed(run: Run, cases: Cases, *, seed: int = 0) -> dict[str, Any]:
    """Return the JSON value that the editor reads.

    Parameters
    ----------
    run : Run
    cases : Cases
    seed : int
        Of the draw.

    Returns
    -------
    dict
        ``model``: coefficients, names and units; ``sample``: standardised scores, residual logits,
        labels, groups and weights of the drawn rows, and where they come from.
    """
    head = head_of(run.model)
    residual = run.model.residual_ is not None
    columns, n = columns_and_rows(head.coef, residual=residual)
    y, group = cases.labels, cases.group
    truth = y if head.family in UNLABELLED else np.searchsorted(run.model.classes_, y)
    kinds = {"class": label_kinds(truth, task_of(run.model))}
    names = np.empty(0, dtype=str)
    place = None
    if group is not None:
        names, place = np.unique(group, return_inverse=True)
        kinds["group"] = place
    drawn = draw(kinds, n, seed)
    model = {
        "run": fingerprint(run.model),
        "name": run.metrics.get("run"),
        "task": task_of(run.model),
        "family": head.family,
        "classes": class_names(run.model),
        "rows": list(head.row_names),
        "concepts": [head.concept_names[k] for k in columns],
        "left_out": len(head.concept_names) - len(columns),
        **_sparse(head.coef[:, columns]),
        "intercept": _base64(head.intercept, "<f8"),
        "mean": _base64(head.mean[columns], "<f8"),
        "scale": _base64(head.scale[columns], "<f8"),
    }
    labels = {
        "y": _base64(truth[drawn.rows], "<f8" if head.family == "gaussian" else "<i4"),
        "group": None if place is None else _base64(place[drawn.rows], "<i4"),
        "groups": [str(name) for name in names],
    }
    return {"schema": SCHEMA, "model": model, "sample": _rows(run, cases, drawn, columns) | labels}


def _rows(run: Run, cases: Cases, drawn: Drawn, columns: np.ndarray) -> dict[str, Any]:
    """Return the drawn rows: scores, residual logits, weights, ids, inputs, and their origin."""
    rows = cases.chosen.rows[drawn.rows]
    X = np.asarray(cases.acts.X[rows])
    scores = (run.model.transform(X) - run.model.mean_) / run.model.scale_
    residual = run.model.residual_
    shown = cases.data.take(rows)
    order = most_open(run.model, X, cases.y[rows])
    return {
        "n": len(rows),
        "scores": _base64(scores[:, columns], "<f4"),
        "residual": None if residual is None else _base64(residual.decision(X), "<f4"),
        "weight": _base64(drawn.weight, "<f8"),
        "ids": [str(name) for name in shown.ids],
        **shown_inputs(shown, order),
        "strata": drawn.strata,
        "source": cases.source.as_dict(),
    }


def most_open(model: Any, X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return rows in the order in which an edit is likely to change them.

    Wrong rows come first, then those with the smallest margins. Regression: the largest errors.
    """
    predicted = np.asarray(model.predict(X))
    if task_of(model) == "regression":
        errors = np.abs(predicted - y).reshape(len(X), -1).max(axis=1)
        return np.argsort(-errors, kind="stable")
    wrong = (predicted != y).reshape(len(X), -1).any(axis=1)
    return np.lexsort((np.abs(model.explain(X).margin), ~wrong))


def columns_and_rows(coef: np.ndarray, *, residual: bool) -> tuple[np.ndarray, int]:
    """Return the concepts that a page holds, and for how many rows there is room.

    Concepts without a coefficient are left out where they would leave fewer than 200 rows.
    """
    logits = len(coef) if residual else 0
    every, stored = np.arange(coef.shape[1]), int(np.count_nonzero(coef))
    n = sample_size(len(every), logits, stored)
    if n >= ROWS_WANTED:
        return every, n
    used = np.flatnonzero(coef.any(axis=0))
    return (used, sample_size(len(used), logits, stored)) if len(used) else (every, FEWEST_ROWS)


def _sparse(coef: np.ndarray) -> dict[str, str]:
    """Return the coefficients that are not zero with their places in the flat (R, K) array."""
    flat = coef.ravel()
    place = np.flatnonzero(flat)
    return {"place": _base64(place, "<u4"), "coef": _base64(flat[place], "<f8")}


def _base64(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode("ascii")
