"""The program of a child process: one way to compare layers, timed.

    python -m benchmarks.layers.child probe KIND LOOP
    python -m benchmarks.layers.child solve KIND LOOP PROBLEM_FOLDER JOB_FOLDER

The loop warms up on a few rows first (imports). Short ones run several times; the median counts.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks import memory
from benchmarks.layers.loops import Loop, loops
from benchmarks.layers.problem import Array, Layers, read

WARM_ROWS = 8  # of a map; SVCCA needs more rows than directions
ENOUGH = 1.0  # seconds after which a short loop is not run again


def main(arguments: list[str]) -> None:
    """Do what the command line asks for."""
    action, kind, name, *folders = arguments
    loop = loops(kind)[name]
    if action == "probe":
        print(json.dumps(loop.probe()))
    else:
        _solve(loop, *map(Path, folders))


def _solve(loop: Loop, problem: Path, job: Path) -> None:
    layers = read(problem)
    few = WARM_ROWS if loop.kind == "map" else 3 * max(*layers.spec.left, *layers.spec.right)
    began = time.perf_counter()
    loop.run(layers.first(min(few, layers.spec.rows)))
    warm = time.perf_counter() - began
    gc.collect()
    fresh, before = memory.forget_peak(), memory.resident()
    answer, seconds, cpu = _timed(loop, layers)
    top = memory.peak() if fresh else None
    while sum(seconds) < ENOUGH:
        _, more, more_cpu = _timed(loop, layers)
        seconds, cpu = seconds + more, cpu + more_cpu
    np.save(job / "answer.npy", answer)
    result = {
        "seconds": median(seconds),
        "cpu": median(cpu),
        "passes": len(seconds),
        "warm_up": warm,
        "extra_bytes": None if top is None or before is None else max(top - before, 0),
    }
    (job / "result.json").write_text(json.dumps(result))


def _timed(loop: Loop, layers: Layers) -> tuple[Array, list[float], list[float]]:
    cpu, began = time.process_time(), time.perf_counter()
    answer = loop.run(layers)
    return answer, [time.perf_counter() - began], [time.process_time() - cpu]


if __name__ == "__main__":
    main(sys.argv[1:])
