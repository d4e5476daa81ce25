"""``pcbm compare``: rows by id, every metric in JSON, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcbm.analysis import METRICS, linear_cka
from pcbm.cli import compare as command

N = 120


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two related sides, one of them also with its rows shuffled."""
    folder = tmp_path_factory.mktemp("sides")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 6)).astype(np.float32)
    Y = (X @ rng.normal(size=(6, 8)) + rng.normal(size=(N, 8))).astype(np.float32)
    ids, y = np.array([f"row {i}" for i in range(N)]), np.repeat(["a", "b"], N // 2)
    split = np.where(np.arange(N) % 3 == 0, "test", "train")
    np.savez(folder / "a.npz", X=X, ids=ids, y=y, split=split)
    np.savez(folder / "b.npz", X=Y, ids=ids)
    order = rng.permutation(N)
    np.savez(folder / "mixed.npz", X=Y[order], ids=ids[order])
    np.savez(folder / "short.npz", X=Y[1:], ids=ids[1:])
    ids[3] = "somebody else"
    np.savez(folder / "other.npz", X=Y, ids=ids)
    return folder


def loaded(folder: Path, name: str) -> np.ndarray:
    with np.load(folder / f"{name}.npz") as file:
        return file["X"]


def test_every_metric_says_what_it_is(pcbm: Any, sides: Path) -> None:
    done = pcbm("compare", sides / "a.npz", sides / "b.npz", "--json", "--quiet")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert (found["n"], found["dims"], found["warnings"]) == (N, [6, 8], [])
    assert list(found["metrics"]) == [name for name in METRICS if name != "frechet"]
    distances = {n for n, entry in found["metrics"].items() if entry["kind"] == "distance"}
    assert distances == {"procrustes"}
    for entry in found["metrics"].values():
        assert entry["value"] is not None
        assert entry["reason"] is None
        assert entry["direction"]
        assert (entry["interval"], entry["baseline"]) == (None, None)  # not asked for
    expected = linear_cka(loaded(sides, "a"), loaded(sides, "b")).value
    assert found["metrics"]["cka"]["value"] == pytest.approx(expected, abs=1e-12)


def test_rows_come_together_by_their_ids(pcbm: Any, sides: Path) -> None:
    names = ("--metric", "cka,rsa", "--metric", "cka_minibatch", "--json")
    in_order = pcbm("compare", sides / "a.npz", sides / "b.npz", *names).document
    shuffled = pcbm("compare", sides / "a.npz", sides / "mixed.npz", *names).document
    assert list(in_order["metrics"]) == ["cka", "rsa", "cka_minibatch"]
    assert shuffled["metrics"] == in_order["metrics"]


def test_intervals_and_baselines_are_made_when_asked_for(pcbm: Any, sides: Path) -> None:
    asked = ("compare", sides / "a.npz", sides / "b.npz", "--metric", "cka_debiased,pwcca")
    repeats = ("--draws", 20, "--permutations", 19)
    entry = pcbm(*asked, *repeats, "--json").document["metrics"]["cka_debiased"]
    assert entry["interval"]["low"] < entry["value"] < entry["interval"]["high"]
    assert entry["baseline"]["p_value"] == 1 / 20
    again = pcbm(*asked, *repeats, "--json").document["metrics"]["cka_debiased"]
    assert again == entry
    shown = pcbm(*asked, *repeats).out
    assert "shuffled" in shown
    assert "pwcca, from B" in shown


def test_rows_are_drawn_by_the_seed_and_splits_are_taken(pcbm: Any, sides: Path) -> None:
    asked = ("compare", sides / "a.npz", sides / "b.npz", "--metric", "cka", "--json")
    few = [pcbm(*asked, "--rows", 50, "--seed", s).document["metrics"]["cka"] for s in (1, 1, 2)]
    assert few[0] == few[1] != few[2]
    assert few[0]["n"] == 50
    assert pcbm(*asked, "--split", "test").document["n"] == N // 3
    refused = pcbm(*asked, "--rows", 500).refused()
    assert "--rows 500 was asked for, but there are 120" in refused


def test_pairs_of_very_many_rows_are_counted_on_some(
    pcbm: Any, sides: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PAIR_ROWS", 60)
    asked = ("compare", sides / "a.npz", sides / "b.npz", "--metric", "knn,cka", "--json")
    found = pcbm(*asked).document["metrics"]
    assert list(found) == ["knn", "cka"]
    assert (found["knn"]["n"], found["cka"]["n"]) == (60, N)
    assert "on 60 of 120 rows" in found["knn"]["warnings"][-1]
    assert pcbm(*asked, "--rows", N).document["metrics"]["knn"]["n"] == N


def test_settings_reach_their_metrics(pcbm: Any, sides: Path) -> None:
    asked = ("compare", sides / "a.npz", sides / "b.npz", "--json")
    metrics = ("--metric", "svcca,knn,cka_rbf,cca,cka_minibatch")
    settings = ("--threshold", 0.5, "--share", "singular", "--neighbours", 3, "--sigma", 0.5)
    more = ("--ridge", 0.1, "--batch-rows", 30)
    found = pcbm(*asked, *metrics, *settings, *more).document["metrics"]
    assert (found["svcca"]["threshold"], found["svcca"]["share"]) == (0.5, "singular")
    assert found["knn"]["k"] == 3
    assert found["cka_rbf"]["fraction"] == 0.5
    assert found["cca"]["ridge"] == 0.1
    assert found["cka_minibatch"]["batches"] == 4


def test_what_means_nothing_is_null_with_its_reason(pcbm: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        np.savez(tmp_path / f"{name}.npz", X=rng.normal(size=(20, 15)))
    done = pcbm("compare", tmp_path / "a.npz", tmp_path / "b.npz", "--metric", "cka,cca")
    assert done.code == 0
    assert "cca: no value, the ranks 15 and 15 add to more than n - 1 = 19" in done.out
    assert "cka: biased CKA with 15 columns and 20 rows is high by bias alone" in done.out


def test_the_frechet_distance_needs_one_feature_space(pcbm: Any, sides: Path) -> None:
    refused = pcbm("compare", sides / "a.npz", sides / "b.npz", "--metric", "frechet").refused()
    assert "A has 6 columns and B 8: it needs one feature space" in refused
    done = pcbm("compare", sides / "b.npz", sides / "b.npz", "--metric", "frechet", "--json")
    assert done.document["metrics"]["frechet"]["value"] == pytest.approx(0, abs=1e-9)
    assert "no backbone is recorded" in done.document["warnings"][0]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ("short.npz", "has 120 rows and"),
        ("other.npz", "1 of the 120 ids of"),
        ("nothing.npz", "does not exist"),
    ],
)
def test_other_inputs_are_refused(pcbm: Any, sides: Path, other: str, message: str) -> None:
    assert message in pcbm("compare", sides / "a.npz", sides / other).refused()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--metric", "ccaa"), "there is no metric 'ccaa': did you mean 'cca'"),
        (("--metric", ","), "--metric was given no name"),
        (("--share", "cubed"), "it is squared or singular"),
        (("--threshold", "2"), "it is above 0, up to 1"),
        (("--draws", "3"), "give at least 20"),
        (("--split", "rest"), "--split was given as 'rest'"),
    ],
)
def test_wrong_options_are_one_line(pcbm: Any, sides: Path, option: Any, message: str) -> None:
    assert message in pcbm("compare", sides / "a.npz", sides / "b.npz", *option).refused()


def test_images_are_no_activations(pcbm: Any) -> None:
    assert "holds images, not activations" in pcbm("compare", "demo:shapes", "x").refused()
