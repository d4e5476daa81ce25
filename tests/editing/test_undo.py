"""Taking edits back: the same bytes, whatever was done, in memory and on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pcbm.concepts import ConceptBank
from pcbm.editing import GUARDS, EditPlan, TrainingData, edited_run, undone_model, undone_run
from pcbm.errors import InputError
from pcbm.model import PostHocCBM, PostHocCBMRegressor, Run, load_run, save_run

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]
FILES = ("model.safetensors", "bank.safetensors", "edits.json", "weights.csv", "config.json")
ZOO = ["bird", "car", "zebra"]


def saved(run: Run, folder: Path) -> dict[str, bytes]:
    """Return the bytes of a run's files."""
    save_run(run, folder, force=True)
    return {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}


def edited(run: Run, plan: EditPlan, data: tuple[np.ndarray, np.ndarray]) -> Run:
    """Return the run after a plan; the rows' groups and the pairs are made up."""
    X, y = data
    rows = TrainingData(X, y, np.arange(len(X)) % 2) if plan.needs_data else None
    pairs = (X + np.arange(6.0) / 5, X) if "pairs" in plan.needs else None
    return edited_run(run, *plan.step(run.model, train=rows, pairs=pairs))


PLANS = {
    "scale": EditPlan().scale("stripes", 0.5).set("wings", -0.2),
    "zero": EditPlan().zero("stripes", at="boundary"),
    "clamp": EditPlan().clamp("stripes", "-").scale("metal", 0.3),
    "renormalise": EditPlan().zero("metal").followed_by(renormalise=True),
    "refit": EditPlan().clamp("stripes", "-").followed_by(refit=True),
    "rename": EditPlan().rename("stripes", "bands").zero("bands").rename("metal", "stripes"),
    "merge": EditPlan().merge(["stripes", "wings"], "stripes").set("grass", 1.0),
    "orthogonalise": EditPlan().zero("metal").followed_by(orthogonalise=True),
    "scores": EditPlan().zero("metal").guarded("scores").followed_by(refit=True).balance("groups"),
    "silent": EditPlan().zero("metal").guarded("silent", direction="pairs"),
    "recentre": EditPlan().rename("metal", "tin").zero("tin").guarded("recentre-groups"),
    "all": EditPlan()
    .rename("grass", "lawn")
    .merge(["lawn", "wings"], "green")
    .zero("metal")
    .clamp("green", "+")
    .followed_by(orthogonalise=True, refit=True),
}


@cache
def model_of(kind: str, bank: ConceptBank, planted: Draw) -> tuple[Any, tuple[Any, Any]]:
    X, y = planted(["cat", "dog"] if kind == "binary" else ZOO)
    if kind == "regression":
        y = X[:, 0] - X[:, 1]
        return PostHocCBMRegressor(bank, lam=0.01, n_lams=5).fit(X, y), (X, y)
    if kind == "multilabel":
        y = np.stack([y == "bird", X[:, 3] > 2], axis=1).astype(int)
    settings = {"projection": "cosine"} if kind == "cosine" else {}
    residual = "linear" if kind == "hybrid" else "none"
    return PostHocCBM(bank, lam=0.01, n_lams=5, residual=residual, **settings).fit(X, y), (X, y)


def fitted(kind: str, bank: ConceptBank, planted: Draw) -> tuple[Run, tuple[Any, Any]]:
    """Return a run of its own of a model that all tests share: edits leave it as it is."""
    model, data = model_of(kind, bank, planted)
    return Run.of_model(model), data


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("kind", ["softmax", "binary"])
def test_undo_of_an_edit_gives_the_same_files(
    name: str, kind: str, bank: ConceptBank, planted: Draw, tmp_path: Path
) -> None:
    run, data = fitted(kind, bank, planted)
    before = saved(run, tmp_path / "before")
    save_run(edited(run, PLANS[name], data), tmp_path / "edited")
    loaded = load_run(tmp_path / "edited")
    assert saved(loaded, tmp_path / "again")["model.safetensors"] != before["model.safetensors"]
    assert saved(undone_run(loaded), tmp_path / "undone") == before
    assert not (tmp_path / "undone" / "edits.safetensors").exists()


@pytest.mark.parametrize("kind", ["regression", "multilabel", "hybrid", "cosine"])
def test_undo_serves_every_kind_of_model(
    kind: str, bank: ConceptBank, planted: Draw, tmp_path: Path
) -> None:
    run, data = fitted(kind, bank, planted)
    before = saved(run, tmp_path / "before")
    after = edited(run, PLANS["all"], data)
    assert saved(undone_run(after), tmp_path / "undone") == before
    X = data[0]
    assert undone_model(after.model).predict(X).tobytes() == run.model.predict(X).tobytes()


@pytest.mark.parametrize("guard", [name for name in GUARDS if name.startswith("residual")])
def test_undo_takes_a_refitted_residual_back(
    guard: str, bank: ConceptBank, planted: Draw, tmp_path: Path
) -> None:
    run, data = fitted("hybrid", bank, planted)
    before = saved(run, tmp_path / "before")
    plan = EditPlan().zero("metal").guarded("scores").guarded(guard).balance("groups")
    save_run(edited(run, plan, data), tmp_path / "edited")
    loaded = load_run(tmp_path / "edited")
    X = data[0]
    own, old = (each.model.residual_.decision(X) for each in (loaded, run))
    assert np.abs(own - old).max() > 0.1
    assert saved(undone_run(loaded), tmp_path / "undone") == before


@given(names=st.lists(st.sampled_from(list(PLANS)), min_size=1, max_size=4), data=st.data())
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_undo_of_any_chain_of_edits(
    names: list[str], data: st.DataObject, bank: ConceptBank, planted: Draw, tmp_path: Path
) -> None:
    run, rows = fitted("softmax", bank, planted)
    states, runs = [saved(run, tmp_path / "0")], [run]
    for name in names:
        try:
            runs.append(edited(runs[-1], PLANS[name], rows))
        except InputError:  # a concept that an earlier edit renamed or merged
            continue
        states.append(saved(runs[-1], tmp_path / "run"))
        runs[-1] = load_run(tmp_path / "run")
    if len(runs) > 1:
        count = data.draw(st.integers(1, len(runs) - 1))
        undone = saved(undone_run(runs[-1], count), tmp_path / "undone")
        assert undone == states[-1 - count]


def test_with_no_edit_left_the_figures_of_the_fit_hold_again(
    bank: ConceptBank, planted: Draw
) -> None:
    run, data = fitted("softmax", bank, planted)
    run.metrics |= {"accuracy": {"train": 0.9, "test": 0.8}, "evaluation": {"n": 1}}
    once = edited(run, PLANS["merge"], data)
    assert once.metrics["n_concepts"] == once.config["concepts"] == 3
    assert once.metrics["accuracy"]["test"] is None
    twice = edited(once, EditPlan().zero("metal"), data)
    back = undone_run(twice)
    assert back.metrics["accuracy"]["test"] is None
    assert json.dumps(undone_run(twice, 2).metrics) == json.dumps(run.metrics)
    assert json.dumps(undone_run(back).config) == json.dumps(run.config)


def test_a_number_of_edits_that_is_not_there_is_refused(bank: ConceptBank, planted: Draw) -> None:
    run, data = fitted("softmax", bank, planted)
    with pytest.raises(InputError, match="there is no edit to undo"):
        undone_run(run)
    once = edited(run, PLANS["zero"], data)
    for count in (0, 2):
        with pytest.raises(InputError, match=f"{count} edits cannot be undone: the history holds"):
            undone_run(once, count)


def test_a_run_without_its_snapshot_says_so(
    bank: ConceptBank, planted: Draw, tmp_path: Path
) -> None:
    run, data = fitted("softmax", bank, planted)
    save_run(edited(run, PLANS["rename"], data), tmp_path / "run")
    (tmp_path / "run" / "edits.safetensors").unlink()
    with pytest.raises(InputError, match=r"edit 1 changed the concepts.*edits\.safetensors"):
        undone_run(load_run(tmp_path / "run"))


def test_a_plan_alone_replays_the_whole_edit(
    bank: ConceptBank, planted: Draw, tmp_path: Path
) -> None:
    run, data = fitted("softmax", bank, planted)
    once = edited(run, PLANS["all"], data)
    recorded = EditPlan.from_dict(json.loads(json.dumps(once.edits[0]["plan"])))
    assert recorded == PLANS["all"]
    again = edited(run, recorded, data)
    assert saved(again, tmp_path / "a") == saved(once, tmp_path / "b")


def test_an_unedited_concept_keeps_its_bytes_in_the_bank(bank: ConceptBank, planted: Draw) -> None:
    run, data = fitted("softmax", bank, planted)
    merged = edited(run, PLANS["merge"], data).model
    assert merged.bank.vectors[1:].tobytes() == bank.vectors[[1, 3]].tobytes()
    assert merged.projection_.matrix[:, 1:].tobytes() == (
        run.model.projection_.matrix[:, [1, 3]].tobytes()
    )


def test_a_foreign_snapshot_file_is_refused(
    bank: ConceptBank, planted: Draw, tmp_path: Path
) -> None:
    run, data = fitted("softmax", bank, planted)
    save_run(edited(run, PLANS["rename"], data), tmp_path / "run")
    bank.save(tmp_path / "run" / "edits.safetensors")
    with pytest.raises(InputError, match=r"edits\.safetensors of the run is not what pcbm edit"):
        load_run(tmp_path / "run")
