"""One problem: who runs on it, in which order, how often, and what their answers are worth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.criterion import Criterion
from benchmarks.exchange import Answer, Array
from benchmarks.floor import floor_seconds, measured_rate
from benchmarks.launch import Programs, RunError
from benchmarks.problems import Problem
from benchmarks.solvers import load

LADDER = (
    2e-2,
    1e-2,
    5e-3,
    2e-3,
    1e-3,
    3e-4,
    1e-4,
    1e-5,
    1e-6,
)  # tolerances of ours, until one will do
SAME_GAP = 1e-9  # gaps below it count as none
LONG = 300.0  # a run of so many seconds is made once
STRICT = 1e-12  # R's threshold as a second reference


@dataclass(frozen=True)
class Contender:
    """A solver with a tolerance (None = its default) and a number of threads."""

    solver: str
    tol: float | None
    threads: int

    @property
    def label(self) -> str:
        """Name in the record."""
        tol = "" if self.tol is None else f" tol {self.tol:g}"
        return f"{self.solver}{tol}, {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclass
class Contest:
    """The runs of one problem, and the answers they gave.

    Parameters
    ----------
    problem, lams : what is fitted
    folder : the problem as files
    programs : how solvers are started
    entry : the record of this problem, filled as runs end
    save : writes the record
    say : tells of progress
    limit : seconds a peer may take
    """

    problem: Problem
    lams: Array
    folder: Path
    programs: Programs
    entry: dict[str, Any]
    save: Callable[[], None]
    say: Callable[[str], None]
    limit: float
    rate: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        spec = self.problem.spec
        self.criterion = Criterion(
            self.problem.scores, self.problem.labels, spec.family, self.entry["l1_ratio"]
        )
        self.entry |= {"runs": [], "answers": {}, "bounds": None, "gflops": {}}

    def hold(
        self,
        ours: float,
        peers: tuple[str, ...],
        threads: tuple[int, ...],
        repeats: int,
        ladder: tuple[float, ...] = LADDER,
        references: bool = True,
    ) -> None:
        """Run everything: references, one round of all, our ladder, the other rounds."""
        if references:
            self._references()
        mine = [Contender("ours", ours, count) for count in threads]
        others = [
            Contender(name, None, count)
            for name in peers
            for count in threads
            if count == threads[0] or load(name).threaded
        ]
        for contender in [*mine, *others]:
            self.run(contender)
        matches = {o: self._match(o, ours, ladder) for o in others if self.known(o)}
        for _ in range(1, repeats):
            for contender in _order(mine, matches):
                self._again(contender)

    def run(self, contender: Contender, *, limit: float | None = None) -> Answer | None:
        """Run a contender once, record time and quality; return None where it fails."""
        limit = self.limit if limit is None else limit
        run: dict[str, Any] = {"contender": contender.label, "load": machine.load()}
        answer = None
        try:
            answer, result = self.programs.solve(
                load(contender.solver),
                self.folder,
                self.lams,
                (self.problem.rows, self.problem.scores.shape[1]),
                tol=contender.tol,
                threads=contender.threads,
                limit=limit,
            )
            run |= {key: value for key, value in result.items() if key != "steps"}
            self._judge(contender, answer)
        except RunError as error:
            run["error"] = str(error)
        self.entry["runs"].append(run)
        self.save()
        told = run.get("error") or f"{run['seconds']:.2f} s"
        self.say(f"{self.problem.spec.name}: {contender.label}: {told}")
        return answer

    def seconds(self, contender: Contender) -> list[float]:
        """Return the times of a contender's runs."""
        runs = [run for run in self.entry["runs"] if run["contender"] == contender.label]
        return [run["seconds"] for run in runs if "seconds" in run]

    def known(self, contender: Contender) -> bool:
        """Return whether a contender has an answer."""
        return contender.label in self.entry["answers"]

    def gap(self, contender: Contender) -> float:
        """Return the largest relative distance of an answer's objective from the optimum."""
        objective = np.array(self.entry["answers"][contender.label]["objective"])
        return gap(objective, self.optimum()[: len(objective)])

    def optimum(self) -> Array:
        """Return the lower bounds (L,); without references, the least objectives found."""
        return optimum(self.entry, len(self.lams))

    def _again(self, contender: Contender) -> None:
        times = self.seconds(contender)
        if times and times[0] <= LONG:
            self.run(contender)

    def _match(self, other: Contender, ours: float, ladder: tuple[float, ...]) -> Contender:
        """Return ours at the loosest tolerance whose gap is not above the other's."""
        target = max(self.gap(other), SAME_GAP)
        first = Contender("ours", ours, other.threads)
        for tol in [ours, *(step for step in ladder if step < ours)]:
            mine = Contender("ours", tol, other.threads)
            if not self.known(mine) and self.run(mine) is None:
                continue
            if self.gap(mine) <= target:
                self.entry["answers"][other.label]["match"] = mine.label
                self.save()
                return mine
        return first

    def _references(self) -> None:
        """Take lower bounds of the optimum from a run of ours, and of R's where it is quick."""
        spec, threads = self.problem.spec, machine.all_threads()
        references = [Contender("ours", spec.reference_tol, threads)]
        if spec.strict and "missing" not in self.programs.probe("glmnet"):
            references.append(Contender("glmnet", STRICT, 1))
        bounds: list[Array] = []
        for contender in references:
            answer = self.run(contender, limit=100 * self.limit)
            if answer is not None and len(answer.coefs) == len(self.lams):
                points = zip(answer.coefs, answer.intercepts, self.lams, strict=True)
                bounds.append(np.array([self.criterion.lower_bound(*point) for point in points]))
        if bounds:
            self.entry["bounds"] = np.max(bounds, axis=0).tolist()
            self.entry["references"] = [contender.label for contender in references]
        self.save()

    def _judge(self, contender: Contender, answer: Answer) -> None:
        """Record what an answer is worth, unless the same one has been judged before."""
        print_of = hashlib.sha256(answer.coefs.tobytes()).hexdigest()
        earlier = self.entry["answers"].get(contender.label)
        if earlier is not None:
            earlier["same_every_time"] &= earlier["sha256"] == print_of
            return
        judged = [
            self.criterion.judge(self.criterion.recentred(coef), intercept, lam)
            for coef, intercept, lam in zip(
                answer.coefs, answer.intercepts, self.lams[: len(answer.coefs)], strict=True
            )
        ]
        entry: dict[str, Any] = {
            "objective": [found.objective for found in judged],
            "kkt": [found.kkt for found in judged],
            "non_zeros": (answer.coefs != 0).sum(axis=(1, 2)).tolist(),
            "sha256": print_of,
            "same_every_time": True,
        }
        if answer.steps is not None:
            entry["steps"] = int(answer.steps.sum())
            if contender.threads in self.entry["threads"]:
                rate = self._gflops(contender.threads)
                entry["floor"] = floor_seconds(answer, len(self.problem.labels), rate)
        self.entry["answers"][contender.label] = entry

    def _gflops(self, threads: int) -> float:
        if threads not in self.rate:
            n, width = self.problem.scores.shape
            self.rate[threads] = measured_rate(n, width, self.problem.rows, threads)
            self.entry["gflops"][str(threads)] = self.rate[threads]
        return self.rate[threads]


def _order(mine: list[Contender], matches: dict[Contender, Contender]) -> list[Contender]:
    """Return a round: ours before every peer, so that both meet the same machine."""
    order = [one for other, match in matches.items() for one in (match, other)]
    return [*(one for one in mine if one not in order), *order]


def gap(objective: Array, best: Array) -> float:
    """Return the largest relative excess of one series of objectives over another.

    >>> round(gap(np.array([1.0, 2.02]), np.array([1.0, 2.0])), 6)
    0.01
    """
    return float(np.max((objective - best) / best))


def optimum(entry: dict[str, Any], points: int) -> Array:
    """Return the lower bounds (L,) in a record, or the least objectives where there are none."""
    if entry["bounds"] is not None:
        return np.array(entry["bounds"])
    whole = [a["objective"] for a in entry["answers"].values() if len(a["objective"]) == points]
    return np.min(whole, axis=0)


def middle(values: list[float]) -> float | None:
    """Return the median; None of nothing."""
    return median(values) if values else None
