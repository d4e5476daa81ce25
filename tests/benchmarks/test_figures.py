"""From runs to figures, verdicts and tables, on a record written by hand."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.figures import certainty, figures, lines
from benchmarks.promises import HEADS, Promise, table
from benchmarks.tables import problem_section

OURS, FINER, OURS_ALL = (
    f"ours tol {t}, {c}"
    for t, c in (("0.02", "1 thread"), ("0.001", "1 thread"), ("0.02", "4 threads"))
)


def answer(excess, best=(2.0, 1.0), **more):
    objective = (np.array(best) * (1 + np.array(excess))).tolist()
    return {"objective": objective, "kkt": [0.0, 0.01], **more}


def record():
    times = {
        OURS: [1, 2, 3],
        FINER: [4, 4],
        OURS_ALL: [1, 1],
        "glmnet, 1 thread": [9, 11, 10],
        "skglm, 1 thread": [3],
        "SGDClassifier, 1 thread": [0.5],
    }
    runs = [
        {"contender": label, "seconds": float(s), "cpu": float(s), "extra_bytes": 50 * i}
        for label, all_seconds in times.items()
        for i, s in enumerate(all_seconds)
    ]
    runs.append({"contender": "adelie, 1 thread", "error": "> 900 s"})
    return {
        "n": 10, "K": 2, "C": 3, "family": "multinomial", "accuracy": 0.8, "gflops": {"1": 5.0},
        "load_before": 0.0, "tol": 0.02, "threads": [1, 4], "lams": [1.0, 0.1], "bytes": 100,
        "bounds": [2.0, 1.0], "references": [], "runs": runs,
        "answers": {
            OURS: answer((0, 4e-5), floor=0.5, steps=7),
            FINER: answer((0, 1e-7)),
            OURS_ALL: answer((0, 4e-5)),
            "glmnet, 1 thread": answer((0, 1e-6), match=FINER),
            "skglm, 1 thread": answer((0, 1e-3), match=OURS),
            "SGDClassifier, 1 thread": answer((0, 0.5), match=OURS),
        },
    }  # fmt: skip


def test_gaps_and_ratios_are_those_of_the_medians() -> None:
    found = {line.contender: line for line in lines(record())}
    glmnet = found["glmnet, 1 thread"]
    assert glmnet.seconds == 10
    assert glmnet.gap == pytest.approx(1e-6)
    assert glmnet.ratio == 10 / 2  # ours at the tolerance asked for
    assert glmnet.fair == 10 / 4  # ours where its gap is not above glmnet's
    assert found["SGDClassifier, 1 thread"].fair == 0.25
    assert found[OURS].floor == 2 / 0.5
    assert found[OURS].memory == 2.0
    assert found["adelie, 1 thread"].error == "> 900 s"
    assert found["adelie, 1 thread"].seconds is None
    assert certainty(record()) == pytest.approx(1e-7)


def test_a_poor_answer_is_not_the_best_peer() -> None:
    found = figures(record())
    assert found["times R's glmnet"] == 5
    assert found["times the best peer"] == 1.5
    assert found["times one thread"] == 2
    assert found["memory, in data"] == 2
    assert found["largest excess over R"] == pytest.approx(3.9e-5, rel=1e-3)


def test_without_references_the_least_objectives_are_the_optimum() -> None:
    entry = record() | {"bounds": None}
    assert {line.contender: line.gap for line in lines(entry)}[FINER] == 0


def test_verdicts() -> None:
    found = figures(record())
    ratio = "times R's glmnet"
    assert Promise("A", ratio, 5, required=True).verdict(found) == "met"
    assert Promise("A", ratio, 6, required=True).verdict(found) == "MISSED"
    assert Promise("A", ratio, 6, required=False).verdict(found) == "missed"
    excess = Promise("A", "largest excess over R", 5e-5, required=True, most=True)
    assert excess.verdict(found) == "met"
    assert excess.verdict({"largest excess over R": None}) == "not measured"
    assert "| A | times R's glmnet | 5 | >= 10 | goal | missed |" in table(HEADS, {"A": found})
    assert table(HEADS, {"tiny": found}) == ""


def test_the_table_shows_every_contender_and_why_one_is_missing() -> None:
    text = problem_section("A", record())
    assert "| adelie, 1 thread | > 900 s |" in text
    assert "| 5 | 2.50 (tol 0.001) |" in text
    widths = {row.count("|") for row in text.splitlines() if row.startswith("|")}
    assert len(widths) == 1
