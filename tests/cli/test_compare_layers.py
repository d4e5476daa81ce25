"""``pcbm compare`` on layers: from stores and from models the same maps, pictures, refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_nets import write_factory, write_pictures

from pcbm.analysis import linear_cka
from pcbm.cli.main import run

LAYERS = ["stem", "blocks.0", "blocks.1"]
QUIET = ("--json", "--quiet", "--device", "cpu")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pictures, a file of networks, and stores of two networks' layers."""
    folder = tmp_path_factory.mktemp("layers")
    write_pictures(folder / "pictures", a_class=12)
    write_factory(folder / "nets.py")
    for name in ("one", "two"):
        layers = [word for layer in LAYERS for word in ("--layer", layer)]
        asked = ["embed", str(folder / "pictures"), "--backbone", f"python:{folder}/nets.py:{name}"]
        done = run([*asked, *layers, "--out", str(folder / name), "--quiet", "--device", "cpu"])
        assert done == 0
    return folder


@pytest.fixture
def models(place: Path) -> tuple[Any, ...]:
    nets = tuple(f"python:{place}/nets.py:{name}" for name in ("one", "two"))
    return ("compare", *nets, "--data", place / "pictures")


def values(document: Any, metric: str) -> np.ndarray:
    return np.array(document["metrics"][metric]["values"], dtype=float)


def test_stores_and_models_give_the_same_maps(
    pcbm: Any, place: Path, models: tuple[Any, ...]
) -> None:
    metrics = ("--metric", "cka,cka_debiased,procrustes", *QUIET)
    stored = pcbm("compare", place / "one", place / "two", *metrics).document
    passed = pcbm(*models, "--layers", "blocks.*,stem", *metrics).document
    assert stored["layers"]["a"] == sorted(LAYERS)  # stores come by name, layers as in the module
    assert passed["layers"] == {"a": LAYERS, "b": LAYERS}
    assert passed["dims"] == {"a": [4, 4, 8], "b": [4, 4, 8]}
    assert (stored["n"], passed["n"]) == (36, 36)
    order = [stored["layers"]["a"].index(name) for name in LAYERS]
    for metric in ("cka", "cka_debiased", "procrustes"):
        again = values(stored, metric)[np.ix_(order, order)]
        assert values(passed, metric) == pytest.approx(again, abs=1e-6)
    assert passed["metrics"]["procrustes"]["kind"] == "distance"
    assert set(passed["metrics"]["cka"]["best"]) == set(LAYERS)


def test_a_cell_is_the_comparison_of_its_stores(pcbm: Any, place: Path) -> None:
    from pcbm import ActivationSet

    found = pcbm("compare", place / "one", place / "two", *QUIET).document
    assert list(found["metrics"]) == ["cka_debiased"]
    one, two = (ActivationSet.load(place / n / "blocks.1").X for n in ("one", "two"))
    expected = linear_cka(np.asarray(one), np.asarray(two), debiased=True).value
    assert values(found, "cka_debiased")[1, 1] == pytest.approx(expected, abs=1e-12)


def test_minibatches_alone_are_not_kept_and_give_the_same(
    pcbm: Any, models: tuple[Any, ...]
) -> None:
    asked = (*models, "--layers", "**", "--layers-b", "blocks.*", "--batch-rows", 12, *QUIET)
    alone = pcbm(*asked, "--metric", "cka_minibatch").document
    beside = pcbm(*asked, "--metric", "cka_minibatch,cka").document
    assert values(alone, "cka_minibatch") == pytest.approx(
        values(beside, "cka_minibatch"), abs=1e-6
    )
    assert alone["metrics"]["cka_minibatch"]["batches"] == 3
    assert alone["layers"]["b"] == ["blocks.0", "blocks.1"]
    assert len(alone["layers"]["a"]) > 3


def test_flattened_layers_keep_their_positions(pcbm: Any, models: tuple[Any, ...]) -> None:
    found = pcbm(*models, "--layers", "stem", "--pool", "flatten", *QUIET).document
    assert found["dims"]["a"] == [4 * 4 * 4]


def test_intervals_baselines_and_identification(pcbm: Any, place: Path) -> None:
    asked = ("compare", place / "one", place / "one", "--draws", 20, "--permutations", 19)
    entry = pcbm(*asked, *QUIET).document["metrics"]["cka_debiased"]
    assert entry["identification"]["accuracy"] == 1.0
    low, high = (np.array(entry["interval"][k]) for k in ("low", "high"))
    assert (low <= np.array(entry["values"]) + 1e-9).all()
    assert (high >= np.array(entry["values"]) - 1e-9).all()
    assert np.array(entry["baseline"]["p_value"]).diagonal().tolist() == [1 / 20] * 3
    assert np.abs(np.array(entry["baseline"]["mean"])).max() < 0.2
    shown = pcbm(*asked).out
    assert "layers that find themselves 100%, by chance 33%" in shown


def test_wide_maps_are_told_by_their_best_layers(
    pcbm: Any, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pcbm.cli.compare_layers.WIDEST", 2)
    asked = ("compare", place / "one", place / "one", "--draws", 20, "--permutations", 2)
    lines = pcbm(*asked, "--metric", "cka").out.splitlines()
    assert lines[2].startswith("layer of A  most alike of B  similarity")
    assert lines[2].split()[-4:] == ["low", "high", "shuffled", "p"]
    assert lines[3].split()[:3] == ["blocks.0", "blocks.0", "1.000"]


def test_maps_are_drawn(pcbm: Any, place: Path, tmp_path: Path) -> None:
    asked = ("compare", place / "one", place / "two", "--metric", "cka,procrustes")
    figures = ("--figures", tmp_path / "maps", "--figure-format", "png")
    found = pcbm(*asked, *figures, *QUIET).document["figures"]
    assert found["files"] == ["map-cka.png", "map-procrustes.png"]
    for name in found["files"]:
        assert (tmp_path / "maps" / name).read_bytes().startswith(b"\x89PNG")
    assert "add --force" in pcbm(*asked, *figures).refused()


def test_rows_and_splits(pcbm: Any, place: Path, models: tuple[Any, ...]) -> None:
    assert pcbm(*models, "--layers", "stem", "--rows", 20, *QUIET).document["n"] == 20
    stored = ("compare", place / "one", place / "two")
    assert pcbm(*stored, "--rows", 20, *QUIET).document["n"] == 20
    assert "--rows 99 was asked for, but there are 36" in pcbm(*stored, "--rows", 99).refused()
    assert "marks no rows as 'test'" in pcbm(*stored, "--split", "test").refused()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("{one}", "{two}", "--layers", "blok*"), "has no layer 'blok*': did you mean"),
        (("{one}", "{two}", "--layers-b", "blocks.3"), "did you mean 'blocks.1' or 'blocks.0'?"),
        (("{one}", "{p}/on"), "on does not exist: did you mean 'one'?"),
        (("{net}", "{net}"), "is a backbone: add --data DATA"),
        (("{net}", "{net}", "--data", "{p}/pictures"), "no layer was named: known: blocks"),
        (
            ("{net}", "{net}", "--data", "{p}/picture", "--layers", "stem"),
            "did you mean 'pictures'",
        ),
        (
            ("{net}", "{net}", "--data", "{one}/stem", "--layers", "stem"),
            "holds activations already",
        ),
        (("{one}/stem", "{two}/stem", "--layers", "stem"), "--layers was given, but neither"),
        (("{one}", "{two}", "--pool", "mean"), "--pool is for backbones that run on --data"),
        (
            ("{one}/stem", "{two}/stem", "--figures", "{p}/f"),
            "--figures was given, but there are no layers to map",
        ),
        (("{one}", "{two}", "--layout", "pca"), "--layout draws pictures: add --figures DIR"),
        (("{one}", "{two}", "--layout", "tsn", "--figures", "{p}/f"), "did you mean 'tsne'?"),
        (("{net}", "{two}", "--data", "{p}/pictures"), "two is no backbone, but --data was given"),
        (("{one}", "{other}"), "are not in"),
        (("{one}", "{two}", "--draws", "3"), "give at least 20"),
        (("{one}", "{two}", "--metric", "ckaa"), "did you mean 'cka'"),
        (("{one}", "{two}", "--metric", "cka,frechet"), "layers have no feature space in common"),
    ],
)
def test_what_does_not_fit_is_refused(
    pcbm: Any, place: Path, arguments: tuple[str, ...], words: str
) -> None:
    rng = np.random.default_rng(0)
    np.savez(place / "other.npz", X=rng.normal(size=(36, 3)))
    names = {
        "p": place,
        "one": place / "one",
        "two": place / "two",
        "other": place / "other.npz",
        "net": f"python:{place}/nets.py:one",
    }
    assert words in pcbm("compare", *(a.format(**names) for a in arguments)).refused()


def test_features_are_laid_out_in_one_frame(pcbm: Any, place: Path, tmp_path: Path) -> None:
    asked = ("compare", place / "one", place / "two", "--layout", "pca,tsne")
    found = pcbm(*asked, "--figures", tmp_path / "f", *QUIET).document["figures"]
    layouts = [
        f"layout-{method}-{name}.svg" for name in ("one", "two") for method in ("pca", "tsne")
    ]
    assert found["files"] == ["map-cka_debiased.svg", *layouts]
    index = json.loads((tmp_path / "f" / "figures.json").read_text(encoding="utf-8"))
    values = index["figures"][1]["data"]
    assert [panel["name"] for panel in values["panels"]] == sorted(LAYERS)
    assert values["classes"] == ["class0", "class1", "class2"]
    assert len(values["labels"]) == len(values["panels"][0]["points"]) == 36


def test_two_stores_are_laid_out_side_by_side(pcbm: Any, place: Path, tmp_path: Path) -> None:
    asked = ("compare", place / "one" / "stem", place / "two" / "stem", "--metric", "cka")
    found = pcbm(*asked, "--layout", "pca", "--figures", tmp_path / "f", *QUIET).document
    assert found["figures"]["files"] == ["layout-pca-stem.svg"]
