"""The benchmark of concept vectors: the official loop, ours, and others, on the same examples."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine, tables
from benchmarks.launch import ROOT, environment
from benchmarks.probes.judge import cosine, lower_bound, objective
from benchmarks.probes.problem import PENALTIES, SIDE, Array, Examples, draw, write
from benchmarks.probes.solvers import SOLVERS, ProbeSolver
from benchmarks.promises import CAVS
from benchmarks.promises import table as verdicts
from benchmarks.record import Record

REFERENCE_TOL = 1e-9
PACKAGES = ("pcbm", "scikit-learn", "numpy", "numba")
COLUMNS = ("solver", "seconds", "range", "runs", "gap", "least cosine", "memory / data", "ratio")


@dataclass(frozen=True)
class Settings:
    """What is run: activation widths, concepts, runs of each solver, threads, seed, limit in s."""

    dims: Sequence[int] = (512, 2048)
    concepts: int = 100
    repeats: int = 5
    threads: int = 1
    seed: int = 0
    limit: float = 3600.0


def run(settings: Settings, out: Path | None) -> dict[str, dict[str, Any]]:
    """Run the benchmark, print a table per width and the verdicts, return the record."""
    described = machine.describe()
    about = {
        "benchmark": "cavs",
        "machine": described,
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }
    agreed = {
        "concepts": settings.concepts,
        "repeats": settings.repeats,
        "threads": settings.threads,
        "seed": settings.seed,
    }
    record = Record(out, about, agreed)
    print(tables.machine_section(described), flush=True)
    for dim in settings.dims:
        name = str(dim)
        if name not in record.problems:
            _one(name, draw(settings.concepts, dim, settings.seed), settings, record)
        print(section(name, record.problems[name]), flush=True)
    print(verdicts(CAVS, {name: figures(entry) for name, entry in record.problems.items()}))
    return record.problems


def _one(name: str, examples: Examples, settings: Settings, record: Record) -> None:
    entry = record.begin(name, {"runs": [], "answers": {}, "load_before": machine.load()})
    entry["bytes"] = examples.train.nbytes + examples.held_out.nbytes
    entry["concepts"] = len(examples.train)
    vectors, bounds = reference(examples)
    work = Path(tempfile.mkdtemp(prefix="pcbm-probes-"))
    try:
        write(work / "problem", examples)
        for _ in range(settings.repeats):
            for solver in SOLVERS.values():
                result = _solve(solver, work, settings)
                found = result.pop("found", None)
                entry["runs"].append({"solver": solver.name, "load": machine.load(), **result})
                if found is not None and solver.name not in entry["answers"]:
                    entry["answers"][solver.name] = judged(
                        examples, found[0], found[1], vectors, bounds
                    )
                record.save()
                told = result.get("error") or f"{result['seconds']:.2f} s"
                print(f"{name}: {solver.name}: {told}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(work)
    entry |= {"load_after": machine.load(), "done": True}
    entry["figures"] = figures(entry)
    record.save()


def reference(examples: Examples) -> tuple[Array, Array]:
    """Return libsvm's vectors (M, P, d) at a tight tolerance and lower bounds (M, P) from them."""
    from sklearn.svm import SVC

    count, n, dim = examples.train.shape
    signs = examples.signs
    vectors, bounds = np.empty((count, len(PENALTIES), dim)), np.empty((count, len(PENALTIES)))
    for m, rows in enumerate(examples.train):
        for p, cost in enumerate(PENALTIES):
            machine_ = SVC(C=cost, kernel="linear", tol=REFERENCE_TOL).fit(rows, signs)
            multipliers = np.zeros(n)
            multipliers[machine_.support_] = np.abs(machine_.dual_coef_[0])
            vectors[m, p] = machine_.coef_[0]
            bounds[m, p] = lower_bound(rows, signs, cost, multipliers)
    return vectors, bounds


def judged(
    examples: Examples, vectors: Array, intercepts: Array, best: Array, bounds: Array
) -> dict[str, Any]:
    """Return the largest relative gap of the objectives and the least cosine to the optimum."""
    gaps, cosines = [], []
    for m, rows in enumerate(examples.train):
        for p, cost in enumerate(PENALTIES):
            value = objective(rows, examples.signs, cost, vectors[m, p], intercepts[m, p])
            gaps.append((value - bounds[m, p]) / bounds[m, p])
            cosines.append(cosine(vectors[m, p], best[m, p]))
    return {"gap": float(max(gaps)), "cosine": float(min(cosines))}


def _solve(solver: ProbeSolver, work: Path, settings: Settings) -> dict[str, Any]:
    """Return the figures of a run and what it found, or its error."""
    with tempfile.TemporaryDirectory(prefix="pcbm-bench-") as folder:
        job = Path(folder)
        command = [sys.executable, "-m", "benchmarks.probes.child", solver.name]
        try:
            done = subprocess.run(
                [*command, str(work / "problem"), folder],
                cwd=ROOT,
                env=environment(settings.threads),
                capture_output=True,
                text=True,
                check=False,
                timeout=settings.limit,
            )
        except subprocess.TimeoutExpired:
            return {"error": f"> {settings.limit:.0f} s"}
        if done.returncode:
            return {"error": (done.stderr.strip().splitlines() or ["no message"])[-1][:200]}
        result = json.loads((job / "result.json").read_text())
        names = ("vectors.npy", "intercepts.npy")
        result["found"] = tuple(np.load(job / name, allow_pickle=False) for name in names)
        return result


def figures(entry: dict[str, Any]) -> dict[str, float | None]:
    """Return what the promises are about."""
    ours, loop = _seconds(entry, "ours"), _seconds(entry, "official")
    return {"times the official loop": loop / ours if ours and loop else None}


def section(name: str, entry: dict[str, Any]) -> str:
    """Return a width's heading and table as Markdown."""
    load = f"load {entry['load_before']} before, {entry.get('load_after', '-')} after"
    rows = [
        f"### {name} dimensions: {entry['concepts']} concepts, {SIDE} + {SIDE} examples to learn "
        f"from and as many held out, C = {', '.join(f'{c:g}' for c in PENALTIES)}",
        "",
        f"{entry['bytes'] / 1e6:.0f} MB; {load}.",
        "",
        f"| {' | '.join(COLUMNS)} | same machine | how |",
        "|" + "---|" * (len(COLUMNS) + 2),
    ]
    ours = _seconds(entry, "ours")
    for solver in SOLVERS.values():
        runs = [run for run in entry["runs"] if run["solver"] == solver.name]
        same = "yes" if solver.same else "no"
        cells = [*_cells(solver.name, runs, entry, ours), same, solver.about]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([*rows, ""])


def _cells(
    name: str, runs: list[dict[str, Any]], entry: dict[str, Any], ours: float | None
) -> list[str]:
    times = [run["seconds"] for run in runs if "seconds" in run]
    if not times:
        error = next((run["error"] for run in runs), "-")
        return [name, error, *[""] * (len(COLUMNS) - 2)]
    answer = entry["answers"][name]
    extra = [run["extra_bytes"] for run in runs if run.get("extra_bytes") is not None]
    seconds = float(np.median(times))
    return [
        name,
        f"{seconds:.3g}",
        f"{min(times):.3g}-{max(times):.3g}",
        str(len(times)),
        f"{answer['gap']:.1e}",
        f"{answer['cosine']:.6f}",
        f"{1 + max(extra) / entry['bytes']:.3g}" if extra else "",
        f"{seconds / ours:.2f}" if ours else "",
    ]


def _seconds(entry: dict[str, Any], solver: str) -> float | None:
    runs = [run for run in entry["runs"] if run["solver"] == solver and "seconds" in run]
    return float(np.median([run["seconds"] for run in runs])) if runs else None
