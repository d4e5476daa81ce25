"""docs/metrics.md names every key of metrics.json, and no key that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from every_kind import bank, fit, rows, targets

from pcbm import ActivationSet, EditPlan
from pcbm.editing import edited_run
from pcbm.model import FitSettings, Run, fit_run

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
# Keys of these are names from outside.
OF_ONE = re.compile(r"(per_class|per_group|per_class_auc)\.[^.]+")
OF_SEVERAL = re.compile(r"(confusion|contributions)\.(.+)")
CASES = {
    "multiclass": FitSettings(residual="erase", control_repeats=2),
    "binary": FitSettings(residual="mlp", lam=0.02, control_repeats=0),
    "multilabel": FitSettings(lam=0.02, control_repeats=0),
    "regression": FitSettings(select="cv", residual="linear", control_repeats=2),
}


def documented():
    """Return every key the page names; `.b` after `x.a` stands for `x.b`."""
    found = set()
    for line in DOCS.read_text().splitlines():
        last = ""
        for name in re.findall(r"`([^`]+)`", line.replace("--json", "")):
            if name.startswith("."):
                name = last.rpartition(".")[0] + name
            if re.fullmatch(r"[a-zA-Z0-9_.\[\]]+", name):
                found.add(name)
                last = name
    return found


def keys(value, place=""):
    """Yield the dotted place of every value that is no mapping, names replaced by NAME."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from keys(inner, f"{place}.{key.replace('.', '_')}" if place else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from keys(inner, f"{place}.[]")
    else:
        place = OF_SEVERAL.sub(lambda m: m[1] + ".NAME" * (m[2].count(".") + 1), place)
        yield OF_ONE.sub(r"\1.NAME", place)


def with_parents(names):
    """Return dotted names and all they begin with: a mapping is null where nothing was measured."""
    return names | {".".join(n.split(".")[:k]) for n in names for k in range(1, n.count(".") + 1)}


def run_of(task):
    X, y = rows()[:150], np.asarray(targets(task))[:150]
    names = None
    if task == "multilabel":
        y = np.array([";".join(f"tag{j}" for j in np.flatnonzero(row)) or "" for row in y])
    group = np.where(X[:, 5] > 2, "left", "right")
    acts = ActivationSet(X, np.arange(len(X)).astype(str), y, group=group, label_names=names)
    first = np.arange(len(X)) < 100
    return fit_run(acts.take(first), acts.take(~first), bank(), CASES[task])


@pytest.fixture(scope="module")
def runs():
    made = {task: run_of(task) for task in CASES}
    model, step = EditPlan().zero("concept 0").step(made["multiclass"].model)
    made["edited"] = edited_run(made["multiclass"], model, step)
    made["from Python"] = Run.of_model(fit())
    return made


def test_every_key_is_documented(runs):
    known = with_parents(documented())
    for name, run in runs.items():
        there = {key.removeprefix("as_fitted.") for key in keys(run.metrics)}
        assert there - known == set(), name


def test_every_documented_key_is_there(runs):
    there = {key for run in runs.values() for key in keys(run.metrics)}
    there = with_parents(there)
    words = {"as_fitted", "binary", "multiclass", "regression", "multilabel", "mlp", "labels"}
    words |= {"absent", "present", "edits.json", "metrics.json", "rmse", "r2", "[]"}
    assert documented() - there - words == set()


def test_a_model_saved_from_python_has_the_keys_of_a_fit(runs):
    fitted, saved = runs["multilabel"].metrics, runs["from Python"].metrics
    assert set(fitted) == set(saved)
    assert set(fitted["controls"]) - {"full_probe_C"} == set(saved["controls"])
