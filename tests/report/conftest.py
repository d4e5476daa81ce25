"""Runs to report on: fitted, edited, and with names that try to break the page."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from editor_browser import show  # noqa: F401
from report_browser import chromium, open_report, picture_file  # noqa: F401

from pcbm.activations import ActivationSet
from pcbm.audit import Judged, edit_controls, edit_curve
from pcbm.concepts import ConceptBank
from pcbm.editing import EditPlan, edited_run, evaluate_edit, joined_evaluation
from pcbm.model import FitSettings, Run, fit_run

HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "\"><svg onload=alert(2)>' onmouseover='alert(3)",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(4)//</style></title><script>alert(5)</script>",
    "emoji 🦓🏳️‍🌈 and right-to-left \u202e\u05d0\u05d1\u05d2 \u0627\u0644\u0639",
    "long " + "x" * 500,
    "controls \x00\x07\x1b",
    "&amp; <b>bold</b> `tick` \\ line\nbreak\u2028end",
)


def activations(classes: tuple[str, ...], seed: int, n: int) -> ActivationSet:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(classes), n)
    X = rng.normal(size=(n, 12))
    X[np.arange(n), y] += 2.0
    return ActivationSet(
        X=X,
        ids=np.array([f"row-{i}" for i in range(n)]),
        y=np.array(classes, dtype=object).astype(str)[y],
        group=np.where(X[:, 11] > 0, "indoors", "outdoors"),
    )


def fitted(classes: tuple[str, ...], concepts: tuple[str, ...], repeats: int = 3) -> Run:
    rng = np.random.default_rng(7)
    bank = ConceptBank.from_examples(
        {
            name: (rng.normal(size=(20, 12)) + 2 * np.eye(12)[k], rng.normal(size=(20, 12)))
            for k, name in enumerate(concepts)
        }
    )
    train, test = activations(classes, 0, 160), activations(classes, 1, 80)
    run = fit_run(train, test, bank, FitSettings(lam=0.02, control_repeats=repeats))
    run.metrics["run"] = "runs/zoo"
    return run


@cache
def run_of(task: str) -> Run:
    """Return a measured run of another task than the zoo's, small; leave it as it is."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(240, 12))
    targets: dict[str, np.ndarray] = {
        "binary": np.where(X[:, 0] + 0.5 * rng.normal(size=240) > 0, "yes", "no"),
        "multilabel": (X[:, :3] + 0.5 * rng.normal(size=(240, 3)) > 0).astype(int),
        "regression": X[:, 0] - 0.5 * X[:, 1] + 0.3 * rng.normal(size=240),
    }
    y, ids = targets[task], np.array([f"row-{i}" for i in range(240)])
    names = ["fur", "legs", "wings"] if task == "multilabel" else None
    group = np.where(X[:, 11] > 0, "indoors", "outdoors")
    parts = [
        ActivationSet(X=X[rows], ids=ids[rows], y=y[rows], group=group[rows], label_names=names)
        for rows in (slice(0, 160), slice(160, 240))
    ]
    bank = ConceptBank(["one", "two", "three", "four"], np.eye(12)[:4])
    return fit_run(*parts, bank, FitSettings(lam=0.02, control_repeats=3, task=task))


def edited(run: Run, concept: str) -> Run:
    first, second = (activations(tuple(run.config["classes"]), seed, 90) for seed in (2, 3))
    model, step = EditPlan().zero(concept).step(run.model, when="2025-01-31T12:00:00Z")
    sets = {
        name: evaluate_edit(run.model, model, np.asarray(acts.X), acts.y, acts.group)
        for name, acts in (("in distribution", first), ("shifted", second))
    }
    rows = {
        name: Judged(np.asarray(acts.X), acts.y, acts.group)
        for name, acts in (("in_distribution", first), ("shifted", second))
    }
    plan = EditPlan().zero(concept)
    evidence = {
        "controls": edit_controls(run.model, model, plan, rows, repeats=3),
        "curve": edit_curve(run.model, plan, rows),
    }
    return edited_run(run, model, replace(step, evaluation=joined_evaluation(sets) | evidence))


@pytest.fixture(scope="session")
def run() -> Run:
    return fitted(("bird", "car", "zebra"), ("stripes", "metal", "wings", "grass", "sky"))


@pytest.fixture(scope="session")
def edited_zoo(run: Run) -> Run:
    return edited(run, "stripes")


@pytest.fixture(scope="session")
def hostile_run() -> Run:
    return edited(fitted(HOSTILE[:4], HOSTILE, repeats=0), HOSTILE[0])
