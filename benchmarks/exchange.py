"""Problems and answers as plain binary files that Python and R both read without loss.

A problem folder holds ``scores.f64`` (n, K) column by column, ``labels.i32`` (n,) from 0 and
``problem.json``. A job folder holds ``job.json`` and ``lams.f64`` (L,), and after the run
``result.json`` and, row by row, ``coefs.f64`` (L, C, K) and ``intercepts.f64`` (L, C).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """What a solver is given: scores (n, K), labels (n,), strengths (L,) and settings.

    ``tol`` None is the solver's own default.
    """

    scores: Array
    labels: NDArray[np.int64]
    family: str
    l1_ratio: float
    lams: Array
    tol: float | None
    threads: int

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1


@dataclass(frozen=True)
class Answer:
    """What a solver returns: coefs (L', C, K), intercepts (L', C), L' <= L, steps (L',) or None."""

    coefs: Array
    intercepts: Array
    steps: NDArray[np.int64] | None = None


def write_problem(
    folder: Path, scores: Array, labels: NDArray[np.int64], family: str, l1_ratio: float
) -> None:
    """Write a problem folder."""
    folder.mkdir(parents=True)
    np.asarray(scores, "<f8").T.tofile(folder / "scores.f64")
    np.asarray(labels, "<i4").tofile(folder / "labels.i32")
    n, width = scores.shape
    about = {"n": n, "K": width, "C": int(labels.max()) + 1}
    about |= {"family": family, "l1_ratio": l1_ratio}
    (folder / "problem.json").write_text(json.dumps(about))


def read_task(problem: Path, job: Path, layout: str) -> Task:
    """Read a problem and a job; scores in C or Fortran order."""
    about = json.loads((problem / "problem.json").read_text())
    asked = json.loads((job / "job.json").read_text())
    columns = np.fromfile(problem / "scores.f64").reshape(about["K"], about["n"])
    scores = columns.T if layout == "F" else np.ascontiguousarray(columns.T)
    return Task(
        scores,
        np.fromfile(problem / "labels.i32", "<i4").astype(np.int64),
        about["family"],
        about["l1_ratio"],
        np.fromfile(job / "lams.f64"),
        asked["tol"],
        asked["threads"],
    )


def write_job(job: Path, lams: Array, tol: float | None, threads: int) -> None:
    """Write what a child is asked for."""
    job.mkdir(parents=True)
    lams.astype("<f8").tofile(job / "lams.f64")
    (job / "job.json").write_text(json.dumps({"tol": tol, "threads": threads}))


def write_answer(job: Path, answer: Answer, result: dict[str, Any]) -> None:
    """Write what a child found; ``result.json`` comes last and marks the rest as whole."""
    answer.coefs.astype("<f8").tofile(job / "coefs.f64")
    answer.intercepts.astype("<f8").tofile(job / "intercepts.f64")
    (job / "result.json").write_text(json.dumps(result))


def read_answer(job: Path, rows: int, width: int) -> tuple[Answer, dict[str, Any]]:
    """Read what a child found: the answer for C rows and K columns, and ``result.json``."""
    result = json.loads((job / "result.json").read_text())
    coefs = np.fromfile(job / "coefs.f64").reshape(-1, rows, width)
    intercepts = np.fromfile(job / "intercepts.f64").reshape(-1, rows)
    steps = None if result.get("steps") is None else np.array(result["steps"])
    return Answer(coefs, intercepts, steps), result
