"""Starting a solver in a fresh process: its interpreter, its threads, its time limit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.exchange import Answer, Array, read_answer, write_job
from benchmarks.solvers import MODULES, Solver, load

ROOT = Path(__file__).resolve().parent.parent
LOADING = 120.0  # seconds a child may take on top of its limit: start, reading, warm-up, writing
POOLS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM", "NUMEXPR")


class RunError(RuntimeError):
    """A solver did not give an answer; the message says why in one line."""


@dataclass(frozen=True)
class Programs:
    """The interpreters: R's, and of the solvers that have a Python of their own."""

    rscript: str = "Rscript"
    pythons: Mapping[str, str] = field(default_factory=dict)

    def command(self, solver: Solver) -> list[str]:
        """Return the command that runs a solver's program, up to its arguments."""
        if solver.script:
            return [self.rscript, str(Path(__file__).parent / "solvers" / solver.script)]
        return [self.pythons.get(solver.name, sys.executable), "-m", "benchmarks.child"]

    def arguments(self, solver: Solver, action: str) -> list[str]:
        """Return the whole command for an action, without its folders."""
        command = [*self.command(solver), action]
        return command if solver.script else [*command, solver.name]

    def probe(self, name: str) -> dict[str, Any]:
        """Return {"versions": {...}} of a solver, or {"missing": reason}."""
        solver = load(name)
        command = self.arguments(solver, "probe")
        if shutil.which(command[0]) is None:
            return {"missing": f"{command[0]} is not here"}
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LOADING
        )
        if done.returncode:
            return {"missing": _last_line(done.stderr)}
        return json.loads(done.stdout.strip().splitlines()[-1])

    def solve(
        self,
        solver: Solver,
        problem: Path,
        lams: Array,
        shape: tuple[int, int],
        *,
        tol: float | None,
        threads: int,
        limit: float,
    ) -> tuple[Answer, dict[str, Any]]:
        """Run one solver on a problem folder; return its answer of shape (L, C, K) and figures.

        Raises
        ------
        RunError
            It failed, or took more than ``limit`` seconds.
        """
        with tempfile.TemporaryDirectory(prefix="pcbm-bench-") as folder:
            job = Path(folder) / "job"
            write_job(job, lams, tol, threads)
            command = [*self.arguments(solver, "solve"), str(problem), str(job)]
            log = Path(folder) / "log"
            with log.open("w") as stream:
                try:
                    done = subprocess.run(
                        command,
                        cwd=ROOT,
                        env=environment(threads),
                        stdout=stream,
                        stderr=subprocess.STDOUT,
                        timeout=limit + LOADING,
                        check=False,
                    )
                except subprocess.TimeoutExpired:
                    raise RunError(f"> {limit:.0f} s") from None
            if done.returncode or not (job / "result.json").is_file():
                last = _last_line(log.read_text(errors="replace"))
                raise RunError(f"exit code {done.returncode}: {last}")
            answer, result = read_answer(job, *shape)
        if result["seconds"] > limit:
            raise RunError(f"> {limit:.0f} s")
        return answer, result


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment with every pool of threads set to a size."""
    pools = {f"{pool}_NUM_THREADS": str(threads) for pool in POOLS}
    return {**os.environ, **pools}


def find_programs(rscript: str, adelie_python: str | None) -> Programs:
    """Return the interpreters to use."""
    return Programs(rscript, {"adelie": adelie_python} if adelie_python else {})


def probe_all(programs: Programs, names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return what `Programs.probe` says of each solver."""
    assert set(names) <= set(MODULES)
    return {name: programs.probe(name) for name in names}


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no message"
