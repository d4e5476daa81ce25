"""``pcbm transfer`` stir, learning and flow: values, what is told beside them, what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file
from small_nets import write_factory, write_pictures

from pcbm.analysis.networks import open_network
from pcbm.cli.main import run

QUICK = ("--steps", 3, "--seeds", 2, "--residual-limit", 9, "--rows", 12)
LAYERS = ("--layer", "stem", "--layer", "blocks.*")
NAMES = ["stem", "blocks.0", "blocks.1"]


@dataclass(frozen=True)
class Place:
    """Pictures, networks one and two, and checkpoints on the way from one to two."""

    folder: Path

    @property
    def data(self) -> tuple[object, ...]:
        return "--data", self.folder / "pictures"

    def net(self, name: str) -> str:
        return f"python:{self.folder / 'nets.py'}:{name}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("nets"))
    write_pictures(made.folder / "pictures")
    write_factory(made.folder / "nets.py")
    one, two = (open_network(made.net(name)).module.state_dict() for name in ("one", "two"))
    steps = made.folder / "steps"
    steps.mkdir()
    for step in (0, 5, 10):
        share = step / 10
        save_file(
            {key: (1 - share) * one[key] + share * two[key] for key in one},
            steps / f"step-{step}.safetensors",
        )
    return made


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep finished inversions of one test from the next."""
    monkeypatch.setenv("PCBM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "transfer"


def test_stir_tells_all_that_its_values_depend_on(pcbm: Any, place: Place, tmp_path: Path) -> None:
    asked = ("transfer", "stir", place.net("one"), place.net("one"), *place.data, *LAYERS, *QUICK)
    done = pcbm(*asked, "--json", "--quiet", "--figures", tmp_path / "f", "--figure-format", "png")
    assert (done.code, done.err) == (0, "")
    found = done.document
    assert found["layers"] == {"a": NAMES, "b": NAMES}
    assert (found["n"], found["split"]) == (12, "all")
    weak = [entry["layer"] for entry in found["inversions"] if entry["self_score"] < 0.8]
    assert len(found["warnings"]) == len(weak) > 0
    assert f"the inversions of {weak[0]!r} of " in found["warnings"][0]
    values, spread, floors = (np.array(found[key]) for key in ("values", "spread", "floors"))
    assert values.shape == spread.shape == floors.shape == (3, 3)
    assert (spread > 0).all()
    np.testing.assert_allclose(values, np.mean(found["by_seed"], axis=0))
    for k, entry in enumerate(found["inversions"]):
        assert entry["layer"] == NAMES[k]
        assert 0 < entry["residual"] < entry["start_residual"]
        assert entry["self_score"] == pytest.approx(values[k, k], abs=1e-6)  # B is A
        assert (entry["converged"], entry["reason"]) == (True, None)
    settings = found["settings"]
    assert (settings["similarity"], settings["seeds"], settings["seed"]) == ("cka_debiased", 2, 0)
    inversion = settings["inversion"]
    assert (inversion["start"], inversion["optimiser"], inversion["steps"]) == (
        "normal", "gradient", 3,
    )  # fmt: skip
    assert inversion["rate"] == pytest.approx(0.5 * (192 / 3072) ** 0.5)
    assert found["figures"]["files"] == ["stir.png"]
    drawn = json.loads((tmp_path / "f" / "figures.json").read_text())["figures"][0]["data"]
    np.testing.assert_allclose(drawn["values"], values)

    shown = pcbm(*asked).out  # from the finished inversions
    for words in (
        "STIR(B | A), A = python:",
        "12 pictures of ",
        "cka_debiased, 2 seeds from 0",
        "inverted from normal starts by 3 steps of 0.125, valid pixels; residual limit 9",
        "self-score",
        "mean ± spread over seeds",
        "Floor: the starts, not optimised",
    ):
        assert words in shown, words
    assert f"{values[0, 0]:.3f} ±{spread[0, 0]:.3f}" in shown


def test_a_residual_above_the_limit_is_null_with_the_reason(pcbm: Any, place: Place) -> None:
    asked = ("transfer", "stir", place.net("one"), place.net("two"), *place.data)
    few = ("--layer", "stem", "--layer-b", "blocks.1", "--steps", 1, "--seeds", 1, "--rows", 8)
    done = pcbm(*asked, *few, "--residual-limit", 0.001, "--similarity", "cka", "--json")
    found = done.document
    assert found["layers"] == {"a": ["stem"], "b": ["blocks.1"]}
    assert (found["values"], found["spread"]) == ([[None]], None)
    assert isinstance(found["by_seed"][0][0][0], float)
    (entry,) = found["inversions"]
    assert not entry["converged"]
    assert "did not converge: residual" in entry["reason"]
    assert "biased CKA nears 1 by bias alone" in found["warnings"][0]
    shown = pcbm(*asked, *few, "--residual-limit", 0.001).out
    assert "no value: the inversion of 'stem' of python:" in shown


def test_learning_of_an_unchanged_network_is_nothing(pcbm: Any, place: Place) -> None:
    same = ("transfer", "learning", place.net("one"), place.net("one"), *place.data, *LAYERS)
    found = pcbm(*same, *QUICK, "--json").document
    for name in ("forgetting", "learning", "cka_divergence"):
        np.testing.assert_array_equal(found[name]["values"], np.zeros((1, 3, 3)))
    assert found["link"] is None


def test_learning_along_checkpoints(pcbm: Any, place: Place, own_cache: Path) -> None:
    names = ["step-0", "step-5", "step-10"]
    asked = ("transfer", "learning", place.net("one"), place.folder / "steps", *place.data)
    found = pcbm(*asked, *LAYERS, *QUICK, "--json").document
    assert found["checkpoints"] == names
    assert len(list(own_cache.iterdir())) == 4 * 3 * 2  # networks, layers, seeds
    for name in ("forgetting", "learning", "cka_divergence"):
        values = np.array(found[name]["values"])
        assert values.shape == (3, 3, 3)
        np.testing.assert_array_equal(values[0], 0)  # step 0 is the pretrained network
        assert (values[1:] != 0).any()
        own = np.diagonal(values, axis1=1, axis2=2)
        for t, row in enumerate(found["summary"]):
            assert row["checkpoint"] == names[t]
            assert row[name]["mean"] == pytest.approx(own[t].mean())
            assert row[name]["std_over_layers"] == pytest.approx(own[t].std())
    assert [entry["network"] for entry in found["inversions"][::3]] == [place.net("one"), *names]

    few = pcbm(*asked, *LAYERS, *QUICK, "--no-learning", "--json").document
    assert few["learning"] is None
    assert few["forgetting"] == found["forgetting"]
    shown = pcbm(*asked, *LAYERS, *QUICK).out
    assert "Each layer beside itself, step-10" in shown
    assert "forgetting, std" in shown


@pytest.mark.slow
def test_figures_of_learning_hold_its_values(pcbm: Any, place: Place, tmp_path: Path) -> None:
    asked = ("transfer", "learning", place.net("one"), place.folder / "steps", *place.data)
    figures = tmp_path / "figures"
    found = pcbm(*asked, *LAYERS, *QUICK, "--figures", figures, "--json").document
    drawn = json.loads((figures / "figures.json").read_text())["figures"]
    by_name = {chart["name"]: chart["data"] for chart in drawn}
    assert found["figures"]["files"] == [f"{name}.svg" for name in by_name]
    for measure in ("forgetting", "learning", "cka_divergence"):
        name, values = measure.replace("_", "-"), np.array(found[measure]["values"])
        np.testing.assert_allclose(by_name[name]["values"], values[-1])
        curves = [line["values"] for line in by_name[f"{name}-over-checkpoints"]["series"]]
        np.testing.assert_allclose(curves, np.diagonal(values, axis1=1, axis2=2).T)


def test_the_spread_of_forgetting_is_linked_with_a_number_of_each_checkpoint(
    pcbm: Any, place: Place, tmp_path: Path
) -> None:
    table = tmp_path / "robust.csv"
    table.write_text("checkpoint,robust accuracy\nstep-10,0.1\nstep-5,0.2\nstep-0,0.3\none,0.5\n")
    nets = (place.net("one"), place.folder / "steps", place.folder / "one.safetensors")
    save_file(open_network(place.net("one")).module.state_dict(), nets[2])
    asked = ("transfer", "learning", *nets, *place.data, *LAYERS, *QUICK, "--no-learning")
    found = pcbm(*asked, "--against", table, "--json").document["link"]
    assert found["checkpoints"] == 4
    assert found["other"] == [0.3, 0.2, 0.1, 0.5]
    assert found["rho"] is not None
    assert found["p_value"] is None
    assert "4 checkpoints in 2 blocks of up to 2 have 2 orders" in found["reason"]
    shown = pcbm(*asked, "--against", table).out
    assert "the best of 352 hypotheses and did not hold for Adam" in shown.replace("\n", " ")
    assert "from 4 checkpoints in 2 blocks of 2, 2 orders (all)" in shown.replace("\n", " ")

    table.write_text("checkpoint,robust\nstep-1,0.1\n")
    refused = pcbm(*asked, "--against", table).refused()
    assert "has no checkpoint 'step-0': did you mean 'step-1'?" in refused
    table.write_text("checkpoint,robust\nstep-1,many\n")
    assert "row 2 is 'step-1,many': expected" in pcbm(*asked, "--against", table).refused()
    table.write_text("checkpoint,robust\n" + "".join(f"step-{k},1\n" for k in (0, 5, 10)))
    few = ("transfer", "learning", *nets[:2], *place.data, *LAYERS, "--against", table)
    assert "3 checkpoints were given, expected at least 4" in pcbm(*few).refused()
    table.write_text("epoch\n3\n")
    assert "expected the columns checkpoint and one" in pcbm(*asked, "--against", table).refused()


def test_flow_has_no_diagonal_and_its_sides_are_told(
    pcbm: Any, place: Place, own_cache: Path, tmp_path: Path
) -> None:
    asked = ("transfer", "flow", place.net("one"), place.folder / "steps", *place.data)
    figures = ("--figures", tmp_path / "figures")
    found = pcbm(*asked, *LAYERS, *QUICK, *figures, "--json").document
    assert len(list(own_cache.iterdir())) == 3 * 2  # one inversion a row and seed
    values = np.array(found["values"])
    assert values.shape == (3, 3, 3)
    np.testing.assert_array_equal(np.diagonal(values, axis1=1, axis2=2), 0)
    for matrix, entry in zip(values, found["summary"], strict=True):
        assert entry["compression"] == pytest.approx(matrix[np.tril_indices(3, -1)].mean())
        assert entry["expansion"] == pytest.approx(matrix[np.triu_indices(3, 1)].mean())
    assert found["figures"]["files"] == ["flow.svg", "flow-over-checkpoints.svg"]
    shown = pcbm(*asked, *LAYERS, *QUICK).out
    assert "row: inverted pretrained layer i, column: fine-tuned layer j" in shown
    assert "compression (below)" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--layer", "stam"), "has no layer 'stam': did you mean 'stem'?"),
        ((), "no layer was named: known: blocks, head, stem"),
        (("--layer", "stem", "--layer-b", "blocks.7"), "two has no layer 'blocks.7': did you"),
        (("--layer", "stem", "--rows", 99), "--rows 99 was asked for, but there are 36"),
        (("--layer", "stem", "--start", "noise"), "the start of the inversion was given as 'noise"),
        (("--layer", "stem", "--optimiser", "adm"), "did you mean 'adam'?"),
        (("--layer", "stem", "--similarity", "rbf"), "the similarity was given as 'rbf'"),
        (("--layer", "stem", "--split", "val"), "--split val was asked for, but the data marks"),
        (("--layer", "stem", "--device", "cuda"), "cuda"),
        (
            ("--layer", "stem", "--figures", "f", "--figure-format", "gif"),
            "format 'gif' is unknown",
        ),
    ],
)
def test_wrong_options_are_refused(
    pcbm: Any, place: Place, own_cache: Path, arguments: tuple, words: str
) -> None:
    if "cuda" in arguments:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
    asked = ("transfer", "stir", place.net("one"), place.net("two"), *place.data)
    assert words in pcbm(*asked, *arguments).refused()
    assert not own_cache.exists()


def test_other_inputs_than_pictures_are_refused(pcbm: Any, place: Place, tmp_path: Path) -> None:
    (tmp_path / "texts.csv").write_text("text,label\nfirst words,a\nsecond words,b\n")
    np.savez(tmp_path / "acts.npz", X=np.ones((9, 3)))
    asked = ("transfer", "stir", place.net("one"), place.net("two"), "--layer", "stem", "--data")
    for name, kind in (("texts.csv", "texts"), ("acts.npz", "arrays")):
        refused = pcbm(*asked, tmp_path / name).refused()
        assert f"{name} holds {kind}, expected images: give pictures" in refused


def test_too_few_pictures_are_refused(pcbm: Any, place: Place, tmp_path: Path) -> None:
    write_pictures(tmp_path / "few", a_class=1)
    asked = ("transfer", "stir", place.net("one"), place.net("two"), "--layer", "stem")
    refused = pcbm(*asked, "--data", tmp_path / "few").refused()
    assert "few has 3 pictures to show, expected at least 4" in refused


def test_networks_of_other_sizes_are_refused(pcbm: Any, place: Place, tmp_path: Path) -> None:
    text = (place.folder / "nets.py").read_text()
    for name, size in (("small", (6, 6)), ("blurred", (8, 8))):
        resized = f"image.resize((5, 5)).resize({size})"
        (tmp_path / f"{name}.py").write_text(
            text.replace("np.array(image)", f"np.array({resized})")
        )
    asked = ("transfer", "stir", place.net("one"))
    refused = pcbm(*asked, f"python:{tmp_path / 'small.py'}:one", *place.data, *LAYERS).refused()
    assert "takes pictures of 3 x 8 x 8 and" in refused
    assert "of 3 x 6 x 6, but both are shown the same pixels: bring both to one size" in refused
    blurred = f"python:{tmp_path / 'blurred.py'}:one"
    warned = pcbm(*asked, blurred, *place.data, "--layer", "stem", *QUICK, "--json").document
    assert "prepares pictures otherwise than" in warned["warnings"][0]


def test_an_interrupt_says_that_finished_inversions_are_kept(
    capfd: pytest.CaptureFixture[str],
    place: Place,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pcbm.analysis.transfer import stir_study

    invert, count = stir_study.invert, 0

    def interrupted(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return invert(*arguments, **options)

    monkeypatch.setattr(stir_study, "invert", interrupted)
    asked = ["transfer", "stir", place.net("one"), place.net("two"), *place.data, *LAYERS, *QUICK]
    capfd.readouterr()
    assert run([str(a) for a in asked]) == 130
    out, err = capfd.readouterr()
    assert out == ""
    assert "finished parts are kept in" in err
    assert len(list(own_cache.iterdir())) == 2
    assert run([str(a) for a in asked]) == 0
    assert count == 3 + 4  # two of six were there
