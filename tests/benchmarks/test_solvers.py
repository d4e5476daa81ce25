"""Every solver that is installed answers our objective: in this process, and R in its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.contest import gap
from benchmarks.criterion import Criterion
from benchmarks.exchange import Answer, Task, write_problem
from benchmarks.launch import Programs, RunError
from benchmarks.problems import L1_RATIO, SPECS, draw, grid
from benchmarks.solvers import MODULES, load

FARTHEST = {"SGDClassifier": 0.05, "glm_saga": 0.02}  # two that stop early; others 1e-4


def task_of(name, tol):
    problem = draw(SPECS[name])
    family = problem.spec.family
    return Task(problem.scores, problem.labels, family, L1_RATIO, grid(problem), tol, threads=1)


def gap_of(answer: Answer, task: Task) -> float:
    """Return the largest gap to the lower bound that ours gives at a fine tolerance."""
    best = load("ours").fit(replace(task, tol=1e-7))
    criterion = Criterion(task.scores, task.labels, task.family, task.l1_ratio)
    bounds = [
        criterion.lower_bound(*point)
        for point in zip(best.coefs, best.intercepts, task.lams, strict=True)
    ]
    values = [
        criterion.judge(criterion.recentred(coef), intercept, lam).objective
        for coef, intercept, lam in zip(answer.coefs, answer.intercepts, task.lams, strict=True)
    ]
    return gap(np.array(values), np.array(bounds))


@pytest.mark.parametrize("problem", ["tiny", "tiny-binomial", "tiny-grouped"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(n, marks=pytest.mark.slow if n in ("skglm", "glm_saga") else ())
        for n in MODULES
    ],
)
def test_a_solver_minimises_our_objective(name, problem) -> None:
    solver, task = load(name), task_of(problem, 1e-3 if name == "ours" else None)
    if solver.script or task.family not in solver.families:
        pytest.skip("runs in a process of its own, or does not fit this family")
    if "missing" in solver.probe():
        pytest.skip(solver.probe()["missing"])
    order = np.asfortranarray if solver.layout == "F" else np.ascontiguousarray
    answer = solver.fit(replace(task, scores=order(task.scores)))
    rows = 1 if task.family == "binomial" else task.classes
    assert answer.coefs.shape == (len(task.lams), rows, task.scores.shape[1])
    if name == "SGDClassifier" and rows > 1:
        return  # one against the rest: another model
    found = gap_of(answer, task)
    assert -1e-9 < found < FARTHEST.get(name, 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("problem", ["tiny", "tiny-binomial", "tiny-grouped"])
def test_r_minimises_our_objective(problem, tmp_path) -> None:
    programs = Programs()
    found = programs.probe("glmnet")
    if "missing" in found:
        pytest.skip(found["missing"])
    task = task_of(problem, None)
    folder = tmp_path / "problem"
    write_problem(folder, task.scores, task.labels, task.family, task.l1_ratio)
    shape = 1 if task.family == "binomial" else task.classes, task.scores.shape[1]
    settings = {"tol": None, "threads": 1, "limit": 60.0}
    answer, result = programs.solve(load("glmnet"), folder, task.lams, shape, **settings)
    assert -1e-9 < gap_of(answer, task) < 1e-4
    assert result["seconds"] > 0
    if problem != "tiny":
        return
    with pytest.raises(RunError, match="> 0 s"):
        programs.solve(load("glmnet"), folder, task.lams, shape, **settings | {"limit": 0.0})


def test_what_is_not_installed_says_so() -> None:
    assert Programs(rscript="no-such-program").probe("glmnet") == {
        "missing": "no-such-program is not here"
    }
    assert Programs().probe("ours")["versions"]["pcbm"]
