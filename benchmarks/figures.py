"""From the record of a problem to its figures: pure arithmetic on what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.contest import Contender, gap, middle, optimum
from benchmarks.promises import USABLE_GAP


@dataclass(frozen=True)
class Line:
    """A contender's line in the table; None where it was not measured.

    ``gap``: largest relative distance from the optimum along the path. ``ratio``: its time over
    ours at ``tol``. ``fair``: its time over ours at the loosest tolerance, ``match``, whose gap is
    not above its own. ``memory``: data and what came on top at most, over the data. ``floor``:
    its time over that of the products alone.
    """

    contender: str
    seconds: float | None
    fastest: float | None
    slowest: float | None
    runs: int
    cpu: float | None
    stolen: float | None
    gap: float | None
    kkt: float | None
    points: int
    steps: int | None
    memory: float | None
    floor: float | None
    ratio: float | None
    match: str | None
    fair: float | None
    error: str | None


def lines(entry: dict[str, Any]) -> list[Line]:
    """Return the lines of a problem's table, ours first, references left out."""
    labels = list(dict.fromkeys(run["contender"] for run in entry["runs"]))
    references = set(entry.get("references", ()))
    return [_line(entry, label) for label in labels if label not in references]


def figures(entry: dict[str, Any]) -> dict[str, float | None]:
    """Return what the promises are about, by name."""
    first, most = entry["threads"][0], entry["threads"][-1]
    ours = Contender("ours", entry["tol"], first).label
    other = Contender("glmnet", None, first).label
    mine = _seconds(entry, ours)
    answers = entry["answers"]
    excess = None
    if ours in answers and other in answers:
        theirs = np.array(answers[other]["objective"])
        excess = gap(np.array(answers[ours]["objective"])[: len(theirs)], theirs)
    usable = [
        line.seconds
        for line in lines(entry)
        if not line.contender.startswith("ours")
        and line.seconds is not None
        and line.gap is not None
        and line.gap <= USABLE_GAP
        and line.points == len(entry["lams"])
        and line.contender.endswith(f", {first} thread")
    ]
    best = min(usable) if usable else None
    everywhere = Contender("ours", entry["tol"], most).label
    return {
        "times R's glmnet": _over(_seconds(entry, other), mine),
        "times the best peer": _over(best, mine),
        "largest excess over R": excess,
        "times one thread": _over(mine, _seconds(entry, everywhere)) if most > first else None,
        "memory, in data": _memory(entry, ours),
    }


def _line(entry: dict[str, Any], label: str) -> Line:
    runs = [run for run in entry["runs"] if run["contender"] == label]
    times = [run["seconds"] for run in runs if "seconds" in run]
    errors = [run["error"] for run in runs if "error" in run]
    answer = entry["answers"].get(label)
    seconds = middle(times)
    threads = int(label.split()[-2])
    base = _seconds(entry, Contender("ours", entry["tol"], threads).label)
    peer = not label.startswith("ours")
    match = answer.get("match") if answer else None
    return Line(
        contender=label,
        seconds=seconds,
        fastest=min(times, default=None),
        slowest=max(times, default=None),
        runs=len(times),
        cpu=middle([run["cpu"] for run in runs if "cpu" in run]),
        stolen=middle([run["stolen"] for run in runs if run.get("stolen") is not None]),
        gap=_gap(entry, answer) if answer else None,
        kkt=max(answer["kkt"]) if answer else None,
        points=len(answer["objective"]) if answer else 0,
        steps=answer.get("steps") if answer else None,
        memory=_memory(entry, label),
        floor=_over(seconds, answer.get("floor")) if answer else None,
        ratio=_over(seconds, base) if peer else None,
        match=match,
        fair=_over(seconds, _seconds(entry, match)) if match else None,
        error=errors[0] if errors else None,
    )


def certainty(entry: dict[str, Any]) -> float:
    """Return how far the lower bound lies below the best objective found, relative, at worst."""
    points = len(entry["lams"])
    whole = [a["objective"] for a in entry["answers"].values() if len(a["objective"]) == points]
    return gap(np.min(whole, axis=0), optimum(entry, points))


def _gap(entry: dict[str, Any], answer: dict[str, Any]) -> float:
    objective = np.array(answer["objective"])
    return gap(objective, optimum(entry, len(entry["lams"]))[: len(objective)])


def _seconds(entry: dict[str, Any], label: str | None) -> float | None:
    runs = [run for run in entry["runs"] if run["contender"] == label]
    return middle([run["seconds"] for run in runs if "seconds" in run])


def _memory(entry: dict[str, Any], label: str) -> float | None:
    runs = [run for run in entry["runs"] if run["contender"] == label]
    extra = [run["extra_bytes"] for run in runs if run.get("extra_bytes") is not None]
    return 1 + max(extra) / entry["bytes"] if extra else None


def _over(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None
