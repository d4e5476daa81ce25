"""What our solvers must reach and what they aim at, as data, and whether they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MOST_EXCESS = 5e-5  # relative, of our objective over R's, anywhere on the path
USABLE_GAP = 1e-3  # a peer counts as the best one only with an answer this near the optimum


@dataclass(frozen=True)
class Promise:
    """A figure of one problem and the value it has to reach.

    Parameters
    ----------
    problem : str
    figure : str
        A key of the figures of a problem, see `benchmarks.figures`.
    target : float
    required : bool
        Else a goal, reported whether met or not.
    most : bool
        Whether the target is the largest value allowed, not the least.
    """

    problem: str
    figure: str
    target: float
    required: bool
    most: bool = False

    def verdict(self, figures: Mapping[str, float | None]) -> str:
        """Return met, MISSED (required) or missed (goal), or what is not known."""
        found = figures.get(self.figure)
        if found is None:
            return "not measured"
        met = found <= self.target if self.most else found >= self.target
        return "met" if met else ("MISSED" if self.required else "missed")

    def sentence(self, figures: Mapping[str, float | None]) -> str:
        """Return problem, figure, what was found, what was asked, and the verdict."""
        found = figures.get(self.figure)
        kind = "required" if self.required else "goal"
        sign = "<=" if self.most else ">="
        value = "-" if found is None else f"{found:.3g}"
        row = (self.problem, self.figure, value, f"{sign} {self.target:g}", kind)
        return f"| {' | '.join(row)} | {self.verdict(figures)} |"


_RATIO = "times R's glmnet"
_BEST = "times the best peer"
_EXCESS = "largest excess over R"
_THREADS = "times one thread"
_MEMORY = "memory, in data"
_NOT_SLOWER = 1 / 1.2

HEADS = (
    *(
        Promise(problem, _RATIO, target, required=True)
        for problem, target in {"A": 5, "A1": 4, "B": 2, "C": 2}.items()
    ),
    *(Promise(problem, _BEST, _NOT_SLOWER, required=True) for problem in ("E", "S")),
    *(
        Promise(problem, _EXCESS, MOST_EXCESS, required=True, most=True)
        for problem in ("A", "A1", "B", "C", "E", "S")
    ),
    *(
        Promise(problem, _RATIO, target, required=False)
        for problem, target in {"A": 10, "B": 4, "C": 4, "G": 20}.items()
    ),
    *(Promise(problem, _THREADS, 2, required=False) for problem in ("A", "B", "D")),
    *(
        Promise(problem, _MEMORY, 2, required=False, most=True)
        for problem in ("A", "A1", "B", "C", "D", "E", "G", "S")
    ),
)

CAVS = (
    Promise("512", "times the official loop", 3, required=True),
    Promise("2048", "times the official loop", 7, required=True),
    Promise("512", "times the official loop", 5, required=False),
    Promise("2048", "times the official loop", 10, required=False),
)

SIMILARITY = (
    Promise("pooled", "times torch_cka", 10, required=True),
    Promise("flat", "times torch_cka", 1.5, required=True),
    Promise("svcca", "times the recipe", 5, required=True),
    *(
        Promise(problem, "largest error", 1e-9, required=True, most=True)
        for problem in ("pooled", "flat", "svcca")
    ),
    Promise("pooled", "times the best other loop", 2, required=False),
    Promise("flat", "times torch_cka", 4, required=False),
    *(
        Promise(problem, "memory over torch_cka's", 1, required=False, most=True)
        for problem in ("pooled", "flat")
    ),
)


def table(promises: tuple[Promise, ...], found: Mapping[str, Mapping[str, float | None]]) -> str:
    """Return the verdicts on the problems that were run, as a Markdown table."""
    rows = [p.sentence(found[p.problem]) for p in promises if p.problem in found]
    if not rows:
        return ""
    head = "| problem | figure | found | asked | kind | verdict |\n|---|---|---|---|---|---|"
    return "\n".join([head, *rows])
