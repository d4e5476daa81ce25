"""The solvers that are compared, one file each: how to ask them for our objective.

A solver module holds ``SOLVER``, a `Solver`. It imports its library inside its functions only.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata

from benchmarks.exchange import Answer, Task

MODULES = {
    "ours": "ours",
    "glmnet": "glmnet_r",
    "adelie": "adelie_path",
    "glmnetforpython": "glmnet_python",
    "sklearn-saga": "sklearn_saga",
    "glm_saga": "glm_saga_path",
    "skglm": "skglm_path",
    "SGDClassifier": "sklearn_sgd",
}
PEERS = tuple(name for name in MODULES if name != "ours")


@dataclass(frozen=True)
class Solver:
    """A solver.

    Parameters
    ----------
    name : str
    families : those it can fit
    about : str
        Version-independent remarks for the output: settings, what differs.
    packages : distributions it needs
    fit : function
        Returns the path for a `Task`; this call is timed. None for a solver with a ``script``.
    script : str
        An R script beside this file that does what ``benchmarks.child`` does.
    layout : "C" or "F", the order of the scores it likes best
    threaded : bool
        Whether more threads can make it faster.
    warm_on_all_rows : bool
        Whether the warm-up needs the problem in its size.
    """

    name: str
    families: tuple[str, ...]
    about: str
    packages: tuple[str, ...] = ()
    fit: Callable[[Task], Answer] = lambda task: _no_fit(task)
    script: str = ""
    layout: str = "C"
    threaded: bool = False
    warm_on_all_rows: bool = False

    def probe(self) -> dict[str, dict[str, str] | str]:
        """Return {"versions": ...}, or {"missing": why it cannot run}."""
        try:
            return {"versions": {name: metadata.version(name) for name in self.packages}}
        except metadata.PackageNotFoundError as error:
            return {"missing": f"{error.args[0]} is not installed"}


def load(name: str) -> Solver:
    """Return the solver of a name in `MODULES`."""
    solver = importlib.import_module(f"benchmarks.solvers.{MODULES[name]}").SOLVER
    assert solver.name == name
    return solver


def _no_fit(task: Task) -> Answer:
    raise TypeError(f"this solver is a script; it cannot fit {task.family} in Python")
