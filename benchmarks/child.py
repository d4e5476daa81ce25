"""The program of a child process: one solver, one problem, timed.

    python -m benchmarks.child probe SOLVER
    python -m benchmarks.child solve SOLVER PROBLEM_FOLDER JOB_FOLDER

``probe`` prints the versions, or why the solver cannot run, as JSON. ``solve`` reads the problem,
lets the solver warm up (imports, compilation) on a part of it, and times the whole path.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks import machine, memory
from benchmarks.exchange import Answer, Task, read_task, write_answer
from benchmarks.solvers import Solver, load

WARM_POINTS = 3
WARM_ROWS = 400


def main(arguments: list[str]) -> None:
    """Run what the command line asks for."""
    action, name, *folders = arguments
    solver = load(name)
    if action == "probe":
        print(json.dumps(solver.probe()))
    else:
        _solve(solver, *map(Path, folders))


def _solve(solver: Solver, problem: Path, job: Path) -> None:
    task = read_task(problem, job, solver.layout)
    began = time.perf_counter()
    solver.fit(_warm_up(solver, task))
    warm = time.perf_counter() - began
    gc.collect()
    fresh = memory.forget_peak()
    before = memory.resident()
    waited = machine.stolen()
    cpu, began = time.process_time(), time.perf_counter()
    answer: Answer = solver.fit(task)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    top = memory.peak() if fresh else None
    stolen = machine.stolen()
    result = {
        "seconds": seconds,
        "cpu": cpu,
        "stolen": None if waited is None or stolen is None else stolen - waited,
        "warm_up": warm,
        "extra_bytes": None if top is None or before is None else max(top - before, 0),
        "steps": None if answer.steps is None else answer.steps.tolist(),
    }
    write_answer(job, answer, result)


def _warm_up(solver: Solver, task: Task) -> Task:
    """Return the first strengths, on all rows where the code that runs depends on the size."""
    lams = task.lams[:WARM_POINTS]
    if solver.warm_on_all_rows or len(task.labels) <= WARM_ROWS:
        return replace(task, lams=lams)
    rows = [int(k) for label in range(task.classes) for k in _few(task, label)]
    return replace(task, scores=task.scores[rows], labels=task.labels[rows], lams=lams)


def _few(task: Task, label: int) -> list[int]:
    return (task.labels == label).nonzero()[0][: max(5, WARM_ROWS // task.classes)].tolist()


if __name__ == "__main__":
    main(sys.argv[1:])
