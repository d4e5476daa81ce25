"""The rows an editor shows: never test rows, weighted to the whole, and the same every time."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import editing_page
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pcbm.activations import ActivationSet, Dataset
from pcbm.errors import InputError
from pcbm.files import sha256_file
from pcbm.heads import elastic_net_path
from pcbm.model import FitSettings, Run, fit_run, load_run, save_run
from pcbm.report.editor import editing_rows, editor_part, fingerprint, validation_rows
from pcbm.report.editor.inputs import INPUT_BYTES, shown_inputs
from pcbm.report.editor.pack import columns_and_rows, most_open, packed
from pcbm.report.editor.sample import allocation, draw, label_kinds


@pytest.fixture(scope="module")
def chosen() -> tuple[Run, np.ndarray, np.ndarray]:
    """Return a run whose lam a validation part chose, and its training rows with labels."""
    rng = np.random.default_rng(0)
    names = np.array(["a", "b", "c"])
    y = names[rng.integers(0, 3, 200)]
    X = rng.normal(size=(200, 6)) + (y[:, None] == names).repeat(2, axis=1)
    acts, train = ActivationSet(X, np.arange(200).astype(str), y), np.arange(150)
    settings = FitSettings(seed=4, control_repeats=0)
    run = fit_run(acts.take(train), acts.take(np.arange(150, 200)), None, settings)
    return run, X[train], y[train]


def test_validation_rows_are_those_that_chose_the_strength(
    chosen: tuple[Run, np.ndarray, np.ndarray],
) -> None:
    run, X, y = chosen
    held = validation_rows(run, y)
    assert held is not None
    rest = np.setdiff1d(np.arange(len(y)), held)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    path = elastic_net_path(Z[rest], y[rest])
    scores = [
        (path.classes[(Z[held] @ path.coef(j).T + path.intercepts[j]).argmax(axis=1)] == y[held])
        for j in range(len(path))
    ]
    record = run.metrics["validation"]
    assert np.mean(scores, axis=1) == pytest.approx(record["score"])
    assert len(held) == record["n_validation"]
    assert validation_rows(run, y[:-1]) is None  # not the rows of the fit


def test_validation_rows_come_before_training_rows_and_test_rows_never(
    chosen: tuple[Run, np.ndarray, np.ndarray],
) -> None:
    run, _, y = chosen
    every = np.arange(len(y))
    found = editing_rows(run, y, None, every, of_the_fit=True)
    assert found.part == "val"
    assert np.array_equal(found.rows, validation_rows(run, y))
    marked = np.where(every < 90, "train", np.where(every < 120, "val", "test"))
    found = editing_rows(run, y, marked, np.flatnonzero(marked != "test"), of_the_fit=False)
    assert (found.part, found.rows.tolist()) == ("val", list(range(90, 120)))
    marked = np.where(every < 90, "train", "test")
    found = editing_rows(run, y, marked, np.flatnonzero(marked != "test"), of_the_fit=False)
    assert (found.part, found.rows.tolist()) == ("not test", list(range(90)))
    assert editing_rows(run, y, None, every, of_the_fit=False).part == "all"
    with pytest.raises(InputError, match="test rows alone, which the report quotes"):
        editing_rows(run, y, np.full(len(y), "test"), every[:0], of_the_fit=False)


def test_a_run_that_chose_nothing_on_validation_rows_shows_training_rows_and_says_so() -> None:
    run, cases = editing_page.example("multiclass")
    found = editing_rows(run, cases.y, None, np.arange(len(cases.y)), of_the_fit=True)
    assert found.part == "train"
    assert "chose nothing on validation rows" in found.text
    assert "flatter" in found.text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=40), st.data())
def test_every_stratum_gives_a_row_and_none_more_than_it_has(sizes: list[int], data: Any) -> None:
    counts = np.array(sizes)
    if counts.sum() <= len(counts):
        return
    n = data.draw(st.integers(len(counts), int(counts.sum()) - 1))
    taken = allocation(counts, n)
    assert (taken >= 1).all()
    assert (taken <= counts).all()
    assert n - len(counts) <= taken.sum() <= n
    order = np.argsort(counts, kind="stable")
    assert (np.diff(taken[order]) >= -1).all()  # larger strata give no fewer, but for rounding


def test_weights_stand_for_all_rows_of_each_class_and_group() -> None:
    rng = np.random.default_rng(1)
    label = rng.choice(3, 5000, p=[0.9, 0.08, 0.02])
    group = rng.choice(2, 5000, p=[0.95, 0.05])
    drawn = draw({"class": label, "group": group}, 300)
    assert drawn.strata == "class and group"
    assert 250 <= len(drawn.rows) <= 300
    assert drawn.weight.sum() == pytest.approx(5000)
    for c in range(3):
        for g in range(2):
            whole = (label == c) & (group == g)
            part = whole[drawn.rows]
            assert drawn.weight[part].sum() == pytest.approx(whole.sum())
    again = draw({"class": label, "group": group}, 300)
    assert np.array_equal(drawn.rows, again.rows)
    assert not np.array_equal(drawn.rows, draw({"class": label, "group": group}, 300, 1).rows)


def test_weighted_means_of_draws_are_right_on_average() -> None:
    rng = np.random.default_rng(2)
    label, value = rng.choice(4, 1000, p=[0.6, 0.3, 0.08, 0.02]), rng.random(1000)
    value += label
    means = []
    for seed in range(200):
        drawn = draw({"class": label}, 60, seed)
        means.append(np.average(value[drawn.rows], weights=drawn.weight))
    error = np.std(means) / np.sqrt(len(means))
    assert abs(np.mean(means) - value.mean()) < 4 * error


def test_too_many_strata_fall_back_to_the_classes_then_to_chance() -> None:
    label, group = np.repeat(np.arange(20), 10), np.tile(np.arange(10), 20)
    assert draw({"class": label, "group": group}, 50).strata == "class"
    assert draw({"class": np.arange(200), "group": group}, 50).strata == "group"
    plain = draw({"class": np.arange(200)}, 50)
    assert plain.strata == ""
    assert np.allclose(plain.weight, 4.0)
    everything = draw({"class": label}, 200)
    assert np.array_equal(everything.rows, np.arange(200))
    assert (everything.weight == 1).all()


def test_rows_are_stratified_by_class_rarest_label_or_range() -> None:
    labels = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1], [0, 0, 0]])
    assert label_kinds(labels, "multilabel").tolist() == [2, 1, 0, 3]
    assert label_kinds(np.arange(10.0), "regression").tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert label_kinds(np.array([2, 0, 1]), "multiclass").tolist() == [2, 0, 1]


def test_a_wide_bank_gives_up_concepts_without_weight_before_it_gives_up_rows() -> None:
    coef = np.zeros((4, 5000))
    coef[:, [3, 40, 4999]] = 1.0
    columns, n = columns_and_rows(coef, residual=False)
    assert columns.tolist() == [3, 40, 4999]
    assert n == 2000
    columns, n = columns_and_rows(np.ones((200, 170)), residual=False)
    assert (len(columns), n) == (170, 282)  # (600,000 - 12 x 200 x 170) / (4 x 170)
    assert columns_and_rows(np.zeros((2, 5000)), residual=False)[1] == 100


def test_packed_numbers_give_back_the_models_own_margins() -> None:
    run, cases = editing_page.example("multiclass", residual="linear")
    found = packed(run, cases)
    model, sample = found["model"], found["sample"]

    def numbers(text: str, kind: str) -> np.ndarray:
        return np.frombuffer(base64.b64decode(text), kind)

    shape = (len(model["rows"]), len(model["concepts"]))
    coef = np.zeros(shape[0] * shape[1])
    coef[numbers(model["place"], "<u4")] = numbers(model["coef"], "<f8")
    assert np.array_equal(coef.reshape(shape), run.model.coef_)
    scores = numbers(sample["scores"], "<f4").reshape(-1, shape[1])
    extra = numbers(sample["residual"], "<f4").reshape(-1, shape[0])
    logits = scores @ coef.reshape(shape).T + numbers(model["intercept"], "<f8") + extra
    assert np.allclose(logits, run.model.decision_function(cases.acts.X), atol=1e-5)
    names = np.array(model["classes"])[numbers(sample["y"], "<i4")]
    assert names.tolist() == cases.y.tolist()


def test_the_fingerprint_is_that_of_the_file(tmp_path: Path) -> None:
    run, _ = editing_page.example("binary", residual="linear")
    save_run(run, tmp_path / "run")
    digest = sha256_file(tmp_path / "run" / "model.safetensors")
    assert fingerprint(run.model) == digest
    assert fingerprint(load_run(tmp_path / "run").model) == digest
    other, _ = editing_page.example("multiclass")
    assert fingerprint(other.model) != digest


def test_inputs_are_shown_until_the_limit_and_never_beyond(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 96, 3), dtype=np.uint8)
    pictures = [Image.fromarray(np.roll(noise, k, axis=0)) for k in range(100)]
    ids = np.arange(100).astype(str)
    order = np.arange(100)[::-1]
    found = shown_inputs(Dataset("zoo", "image", ids, pictures), order)
    assert found["pictures"][99] is not None
    assert found["pictures"][0] is None
    shown = [uri for uri in found["pictures"] if uri is not None]
    assert 0 < len(shown) < 100
    assert sum(map(len, shown)) <= INPUT_BYTES
    assert found["texts"] == [None] * 100
    texts = ["word " * 200, "short", *["x" * 5000] * 98]
    found = shown_inputs(Dataset("news", "text", ids, texts), order)
    assert found["texts"][1] == "short"
    assert found["texts"][0] is not None
    assert found["texts"][0].endswith("word …")
    absent = Dataset("zoo", "image", ids[:1], [tmp_path / "gone.png"])
    assert shown_inputs(absent, order[-1:])["pictures"] == [None]


def test_wrong_rows_and_those_near_a_boundary_are_shown_first() -> None:
    run, cases = editing_page.example("multiclass")
    X = np.asarray(cases.acts.X)
    order = most_open(run.model, X, cases.y)
    wrong = (run.model.predict(X) != cases.y)[order]
    assert 0 < wrong.sum() < len(X)
    assert wrong[: wrong.sum()].all()
    margins = np.sort(run.model.decision_function(X), axis=1)
    near = (margins[:, -1] - margins[:, -2])[order]
    assert (np.diff(near[: wrong.sum()]) >= 0).all()
    assert (np.diff(near[wrong.sum() :]) >= 0).all()
    run, cases = editing_page.example("regression")
    error = np.abs(run.model.predict(X) - cases.y)
    assert (np.diff(error[most_open(run.model, X, cases.y)]) <= 0).all()


def test_the_part_is_the_same_for_the_same_run_and_says_what_it_holds() -> None:
    run, cases = editing_page.example("binary")
    first, second = editor_part(run, cases), editor_part(run, cases)
    assert (first.data, first.scripts, first.markup) == (second.data, second.scripts, second.markup)
    assert first.connect is None
    assert editor_part(run, cases, served=True).connect == "'self'"
    assert "counted on all 300 rows of zoo.npz" in first.markup
