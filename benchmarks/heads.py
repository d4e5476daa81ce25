"""The benchmark of the heads: problems times solvers, to a record and tables."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import agnews, machine, tables
from benchmarks.contest import LADDER, Contest
from benchmarks.exchange import write_problem
from benchmarks.figures import figures
from benchmarks.launch import Programs, probe_all
from benchmarks.problems import L1_RATIO, SPECS, Problem, draw, grid, training_accuracy
from benchmarks.promises import HEADS
from benchmarks.promises import table as verdicts
from benchmarks.record import Record
from benchmarks.solvers import PEERS, load


@dataclass(frozen=True)
class Settings:
    """What is run, and how often.

    Parameters
    ----------
    problems, peers : names
    tol : float
        Our tolerance.
    threads : tuple of int
        Numbers of threads, the first is what ratios are taken at.
    repeats : int
        Runs of each solver; one for those that take over five minutes.
    limit : float
        Seconds after which a run is cut off.
    seed : int
    ladder : tuple of float
        Our tolerances that are tried against a peer's gap.
    references : bool
        Whether precise runs bound the optimum first; else gaps are to the least objective found.
    """

    problems: Sequence[str]
    peers: Sequence[str] = PEERS
    tol: float = 2e-2
    threads: tuple[int, ...] = (1,)
    repeats: int = 5
    limit: float = 900.0
    seed: int = 0
    ladder: tuple[float, ...] = LADDER
    references: bool = True


def run(settings: Settings, programs: Programs, out: Path | None) -> dict[str, dict[str, Any]]:
    """Run the benchmark, print tables as problems end, return the record of the problems."""
    about = probe_all(programs, ("ours", *settings.peers))
    for name, found in about.items():
        found["about"] = load(name).about
    installed = tuple(name for name in settings.peers if "missing" not in about[name])
    described = machine.describe()
    agreed = {
        "tol": settings.tol,
        "threads": list(settings.threads),
        "repeats": settings.repeats,
        "limit": settings.limit,
        "seed": settings.seed,
        "peers": list(installed),
        "references": settings.references,
    }
    record = Record(out, {"benchmark": "heads", "machine": described, "solvers": about}, agreed)
    print(tables.machine_section(described))
    print(tables.peers_section(about), flush=True)
    for name in settings.problems:
        if name not in record.problems:
            problem, reason = _problem(name, settings.seed)
            if problem is None:
                print(f"### {name}: left out, {reason}\n", flush=True)
                continue
            _one(problem, installed, settings, programs, record)
        print(tables.problem_section(name, record.problems[name]), flush=True)
    found = {name: figures(entry) for name, entry in record.problems.items()}
    print(verdicts(HEADS, found))
    return record.problems


def _problem(name: str, seed: int) -> tuple[Problem | None, str]:
    if name != "agnews":
        return draw(SPECS[name], seed), ""
    reason = agnews.missing()
    return (None, reason) if reason else (agnews.read(), "")


def _one(
    problem: Problem,
    installed: tuple[str, ...],
    settings: Settings,
    programs: Programs,
    record: Record,
) -> None:
    spec, lams = problem.spec, grid(problem)
    n, width = problem.scores.shape
    entry = record.begin(
        spec.name,
        {
            "n": n,
            "K": width,
            "C": problem.classes,
            "family": spec.family,
            "l1_ratio": L1_RATIO,
            "lams": lams.tolist(),
            "tol": settings.tol,
            "threads": list(settings.threads),
            "accuracy": training_accuracy(problem),
            "bytes": problem.nbytes,
            "load_before": machine.load(),
        },
    )
    work = Path(tempfile.mkdtemp(prefix="pcbm-problem-"))
    try:
        write_problem(work / "problem", problem.scores, problem.labels, spec.family, L1_RATIO)
        contest = Contest(
            problem, lams, work / "problem", programs, entry, record.save, _say, settings.limit
        )
        able = tuple(name for name in installed if spec.family in load(name).families)
        contest.hold(
            settings.tol,
            able if spec.peers else (),
            settings.threads,
            settings.repeats,
            settings.ladder,
            settings.references,
        )
    finally:
        shutil.rmtree(work)
    entry |= {"load_after": machine.load(), "done": True}
    entry["figures"] = figures(entry)
    record.save()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
