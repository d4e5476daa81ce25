"""The program of a child process: one way to fit the probes, timed.

    python -m benchmarks.probes.child SOLVER PROBLEM_FOLDER JOB_FOLDER

The solver warms up on two concepts first (imports, compilation).
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path

import numpy as np

from benchmarks import memory
from benchmarks.probes.problem import Examples, read
from benchmarks.probes.solvers import SOLVERS


def main(name: str, problem: Path, job: Path) -> None:
    """Fit, time, write vectors, intercepts and figures."""
    examples, fit = read(problem), SOLVERS[name].fit
    began = time.perf_counter()
    fit(Examples(examples.train[:2], examples.held_out[:2]))
    warm = time.perf_counter() - began
    gc.collect()
    fresh, before = memory.forget_peak(), memory.resident()
    cpu, began = time.process_time(), time.perf_counter()
    vectors, intercepts = fit(examples)
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    top = memory.peak() if fresh else None
    np.save(job / "vectors.npy", vectors)
    np.save(job / "intercepts.npy", intercepts)
    result = {
        "seconds": seconds,
        "cpu": cpu,
        "warm_up": warm,
        "extra_bytes": None if top is None or before is None else max(top - before, 0),
    }
    (job / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
