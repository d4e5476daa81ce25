"""The benchmarks as a whole, on tiny problems: they run, keep what they find, and go on."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import repository

from benchmarks import cavs, heads
from benchmarks.launch import Programs


@pytest.mark.slow
def test_heads_from_problem_to_verdict(tmp_path, capsys) -> None:
    out = tmp_path / "out.json"
    settings = heads.Settings(["tiny"], ["SGDClassifier"], repeats=2, ladder=(1e-4,))
    problems = heads.run(settings, Programs(rscript="no-such-program"), out)
    entry = problems["tiny"]
    assert entry["done"]
    assert json.loads(out.read_text())["problems"] == problems
    labels = [run["contender"] for run in entry["runs"]]
    ours, other = "ours tol 0.02, 1 thread", "SGDClassifier, 1 thread"
    assert labels[1:] == [ours, other, ours, other]  # interleaved, after the reference
    assert entry["answers"][ours]["same_every_time"]
    assert max(entry["answers"][ours]["kkt"]) <= 2e-2 * (1 + 1e-6)
    assert "| ours tol 0.02, 1 thread |" in capsys.readouterr().out
    assert heads.run(settings, Programs(rscript="no-such-program"), out) == problems  # continued


@pytest.mark.slow
def test_without_references_only_what_was_asked_for_runs() -> None:
    settings = heads.Settings(["tiny"], [], threads=(1, 2), repeats=1, references=False)
    entry = heads.run(settings, Programs(rscript="no-such-program"), None)["tiny"]
    ours = ["ours tol 0.02, 1 thread", "ours tol 0.02, 2 threads"]
    assert [run["contender"] for run in entry["runs"]] == ours
    assert entry["bounds"] is None
    assert entry["answers"][ours[0]]["sha256"] == entry["answers"][ours[1]]["sha256"]
    assert entry["figures"]["times one thread"] > 0


@pytest.mark.slow
def test_a_solver_that_fails_does_not_end_the_run(tmp_path) -> None:
    broken = tmp_path / "python"
    broken.write_text(
        '#!/bin/sh\ncase "$3" in probe) echo "{\\"versions\\": {}}";; *) exit 3;; esac\n'
    )
    broken.chmod(0o755)
    settings = heads.Settings(["tiny"], ["adelie"], repeats=1)
    programs = Programs("no-such-program", {"adelie": str(broken)})
    entry = heads.run(settings, programs, None)["tiny"]
    assert entry["done"]
    assert entry["runs"][-1]["error"] == "exit code 3: no message"


@pytest.mark.slow
def test_cavs_find_the_official_machine(capsys) -> None:
    entry = cavs.run(cavs.Settings(dims=(64,), concepts=3, repeats=1), None)["64"]
    assert [run["solver"] for run in entry["runs"]] == ["ours", "official", "LinearSVC", "ridge"]
    official, ours = entry["answers"]["official"], entry["answers"]["ours"]
    assert official["cosine"] > 0.999
    assert ours["cosine"] > 0.9999
    assert 0 <= ours["gap"] <= official["gap"]
    assert entry["answers"]["ridge"]["cosine"] < 0.999
    assert "| official |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["heads", "--problems", "Z"], "'Z' is none of A, A1"),
        (["heads", "--peers", "glm"], "'glm' is none of glmnet"),
        ([], "required: bench"),
    ],
)
def test_wrong_names_are_refused_in_one_line(arguments, message) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments],
        cwd=repository.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert message in done.stderr
