"""The arithmetic floor: the time of the products that the steps made need, and nothing else.

A step reads the data twice, predictors (C, k) by (k, n) and slopes (k, n) by (n, C), over the k
columns in use; each strength ends with one check over all K. The floor takes k as the columns with
a non-zero coefficient in the solution, which is the fewest, and the fastest of the ways in which
numpy can be asked for these products in single precision, in one piece or in chunks.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from benchmarks.exchange import Answer
from benchmarks.launch import LOADING, ROOT, environment

CHUNK = 8192
REPEATS = 5
MOST_ROWS = 50_000


def floor_seconds(answer: Answer, n: int, gflops: float) -> float:
    """Return the seconds of the products behind an answer with steps, at a rate."""
    assert answer.steps is not None
    points, rows, width = answer.coefs.shape
    used = (answer.coefs != 0).any(axis=1).sum(axis=1)
    flops = 4.0 * n * rows * float((answer.steps * used).sum() + points * width)
    return flops / (gflops * 1e9)


def measured_rate(n: int, width: int, rows: int, threads: int) -> float:
    """Return the GFLOP/s of the two products of a step, measured in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.floor", *map(str, (n, width, rows))]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(threads),
        capture_output=True,
        text=True,
        check=True,
        timeout=LOADING,
    )
    return float(json.loads(done.stdout))


def rate(n: int, width: int, rows: int) -> float:
    """Return the GFLOP/s of both products together, each in its fastest form."""
    n = min(n, MOST_ROWS)
    rng = np.random.default_rng(0)
    wide = rng.standard_normal((width, n), np.float32)
    tall = np.ascontiguousarray(wide.T)
    coef = rng.standard_normal((rows, width), np.float32)
    rest = rng.standard_normal((rows, n), np.float32)
    rest_tall = np.ascontiguousarray(rest.T)
    chunks = [slice(first, first + CHUNK) for first in range(0, n, CHUNK)]
    forward = (
        lambda: coef @ wide,
        lambda: tall @ coef.T,
        lambda: [coef @ wide[:, part] for part in chunks],
        lambda: [tall[part] @ coef.T for part in chunks],
    )
    backward = (
        lambda: wide @ rest.T,
        lambda: rest @ tall,
        lambda: rest_tall.T @ tall,
        lambda: [wide[:, part] @ rest[:, part].T for part in chunks],
        lambda: [rest[:, part] @ tall[part] for part in chunks],
    )
    seconds = sum(min(_fastest(way) for way in ways) for ways in (forward, backward))
    return 4.0 * n * width * rows / seconds / 1e9


def _fastest(way: Callable[[], object]) -> float:
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        way()
        times.append(time.perf_counter() - began)
    return min(times)


if __name__ == "__main__":
    print(json.dumps(rate(*map(int, sys.argv[1:]))))
