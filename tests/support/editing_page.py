"""Runs and rows for the editor of a report, small enough to fit in a blink."""

from __future__ import annotations

from typing import Any

import every_kind
import numpy as np

from pcbm.activations import ActivationSet, Dataset
from pcbm.editing import ChosenOn
from pcbm.model import Run
from pcbm.report.editor import Cases, EditingRows

N = 300
TASKS = ("multiclass", "binary", "multilabel", "regression")


def dataset(X: np.ndarray, y: Any, group: np.ndarray | None = None) -> Dataset:
    """Return activations as a data set; a (n, C) table of labels gets names."""
    names = [f"label {c}" for c in range(y.shape[1])] if np.ndim(y) == 2 else None
    ids = np.array([f"row-{i}" for i in range(len(X))])
    return Dataset("zoo.npz", "array", ids, X, y, group=group, label_names=names)


def groups(n: int = N, seed: int = 3) -> np.ndarray:
    """Return a rare and two common groups."""
    drawn = np.random.default_rng(seed).random(n)
    return np.select([drawn < 0.08, drawn < 0.5], ["rare", "indoors"], "outdoors")


def cases(run: Run, data: Dataset, y: Any) -> Cases:
    """Return all rows of a data set as those to try edits on."""
    chosen = EditingRows(np.arange(len(data)), "all", "All rows.")
    source = ChosenOn(data.content_hash(), "all", len(data), data.source)
    return Cases(data, ActivationSet.from_dataset(data), np.asarray(y), chosen, source)


def example(task: str, residual: str = "none") -> tuple[Run, Cases]:
    """Return a run of one kind, and rows with groups to try edits on."""
    model = every_kind.fit(task, residual=residual)
    run = Run.of_model(model)
    run.metrics["run"] = "runs/zoo"
    X, y = every_kind.rows(N), every_kind.targets(task)
    return run, cases(run, dataset(X, y, groups()), y)
