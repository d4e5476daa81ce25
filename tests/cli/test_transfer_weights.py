"""``pcbm transfer`` shuffle, distance, barrier, basin, criticality: what they print and refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_nets import write_factory, write_pictures

from pcbm.activations import read_data
from pcbm.analysis.networks import open_network


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of pictures, networks, and weights that were moved a little."""
    folder = tmp_path_factory.mktemp("weights")
    write_factory(folder / "net.py")
    write_pictures(folder / "all")
    for part in ("train", "test"):
        write_pictures(folder / "parted" / part, a_class=6)
    write_pictures(folder / "one", classes=1)
    state = open_network(f"python:{folder / 'net.py'}:one").module.state_dict()
    torch.manual_seed(0)
    moved = {name: value + 0.1 * torch.randn_like(value) for name, value in state.items()}
    save_file(moved, folder / "moved.safetensors")
    (folder / "way").mkdir()
    half = {name: (state[name] + moved[name]) / 2 for name in state}
    save_file(half, folder / "way" / "step-1.safetensors")
    (folder / "notes.txt").write_text("no weights")
    (folder / "broken.safetensors").write_bytes(b"12345678")
    return folder


def net(place: Path, name: str = "one") -> str:
    return f"python:{place / 'net.py'}:{name}"


def test_distance_by_module(pcbm: Any, place: Path) -> None:
    done = pcbm("transfer", "distance", net(place), place / "moved.safetensors", "--json")
    found = done.document
    state = open_network(net(place)).module.state_dict()
    moved = load_file(place / "moved.safetensors")
    squares = sum(float(((state[n].double() - moved[n].double()) ** 2).sum()) for n in state)
    assert found["total"]["distance"] == pytest.approx(squares**0.5, rel=1e-9)
    assert found["modules"][0]["name"] == "stem"
    assert (found["buffers"], found["figures"]) == ([], None)
    text = pcbm("transfer", "distance", net(place), net(place, "two")).out
    assert "all parameters" in text
    files = [place / "moved.safetensors", place / "way" / "step-1.safetensors"]
    again = pcbm("transfer", "distance", *files, "--network", net(place), "--json").document
    assert again["total"]["distance"] == pytest.approx(squares**0.5 / 2, rel=1e-6)


def test_barrier_of_equal_weights_is_zero(pcbm: Any, place: Path, tmp_path: Path) -> None:
    given = ("transfer", "barrier", net(place))
    data = ("--data", place / "parted", "--points", "3", "--quiet")
    out = tmp_path / "figures"
    same = pcbm(*given, net(place), *data, "--json", "--figures", out).document
    assert (same["as_is"]["barrier"], same["as_is"]["inside"]) == (0.0, 0.0)
    assert (same["split"], same["n"], same["recalibrated"]) == ("test", 18, None)
    assert same["figures"]["files"] == ["barrier.svg"]
    assert (out / "barrier.svg").read_bytes().startswith(b"<?xml")
    text = pcbm(*given, place / "moved.safetensors", *data).out
    assert "recalibrated: not measured, the networks have no batch norm" in text


def test_basin_says_how_far_the_points_are(pcbm: Any, place: Path) -> None:
    given = ("transfer", "basin", net(place), place / "moved.safetensors", "--data", place / "all")
    done = pcbm(*given, "--epsilon", "0.5", "--delta", "1", "--draws", "10", "--json", "--quiet")
    found = done.document
    assert list(found["checks"]) == ["flat", "around", "beyond"]
    assert found["points"][0]["distance"] == 0.0 < found["points"][1]["distance"]
    assert (found["n"], found["split"], found["loss"]) == (36, "all", "cross_entropy")
    table = pcbm(*given, "--epsilon", "0.5", "--delta", "1", "--draws", "10", "--loss", "error")
    assert "(iii)" in table.out
    refused = pcbm(*given, "--epsilon", "1", "--delta", "1", "--recalibrate").refused()
    assert "--recalibrate needs training pictures" in refused


def test_criticality_along_the_line_and_along_a_path(pcbm: Any, place: Path) -> None:
    given = ("transfer", "criticality", net(place), place / "moved.safetensors", "--data",
             place / "parted", "--draws", "2", "--quiet", "--json")  # fmt: skip
    parts = place / "parts"
    found = pcbm(*given, "--epsilon", "1.2", "--alphas", "3", "--parts", parts).document
    names = [module["module"] for module in found["modules"]]
    assert names == ["stem", "blocks.0.0", "blocks.1.0", "head"]
    assert (found["split"], found["n"]) == ("train", 18)
    assert len(list(parts.iterdir())) == len(names)
    again = pcbm(*given, "--epsilon", "1.2", "--alphas", "3", "--parts", parts).document
    assert again["modules"] == found["modules"]
    path = pcbm(*given, "--epsilon", "0", "--path", place / "way", "--module", "head").document
    assert path["modules"][0]["mu"] is None
    assert "above eps = 0" in path["modules"][0]["reason"]
    assert path["sum"] is None


def test_shuffled_pictures_are_data_again(pcbm: Any, place: Path, tmp_path: Path) -> None:
    out = tmp_path / "shuffled"
    run = ("transfer", "shuffle", "--data", place / "parted", "--quiet")
    found = pcbm(*run, "--size", "4", "--out", out, "--json").document
    assert (found["out"]["n"], found["studies"]) == (36, [])
    before, after = read_data(str(place / "parted")), read_data(str(out / "data.csv"))
    for name in ("ids", "y", "split"):
        assert getattr(after, name).tolist() == getattr(before, name).tolist()
    assert "exists already" in pcbm(*run, "--size", "4", "--out", out).refused()
    assert pcbm(*run, "--size", "2", "--out", out, "--force").code == 0
    study = pcbm(*run, net(place), net(place, "two"), "--permutations", "2").out
    assert [line.split()[0] for line in study.splitlines()[2:7]] == ["channel", "1", "2", "4", "8"]
    assert "nothing was asked for" in pcbm(*run).refused()
    assert "--out needs one --size, and 0" in pcbm(*run, "--out", tmp_path / "x").refused()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["distance", "one", "net.safetensors"], "one is not known: give a network"),
        (["distance", "NET", "PLACE/missing.safetensors"], "missing.safetensors is not a file"),
        (["distance", "NET", "PLACE/notes.txt"], "notes.txt is not known"),
        (["distance", "NET", "PLACE/broken.safetensors"], "is not a readable checkpoint"),
        (["distance", "PLACE/moved.safetensors", "PLACE/moved.safetensors"], "with --network"),
        (["distance", "NET", "WIDE"], "the parameter 'stem.weight' has shape (4, 3, 3, 3) in"),
        (["distance", "WIDE", "PLACE/moved.safetensors"], "has another shape for"),
        (["barrier", "NET", "NET", "--data", "PLACE/one"], "has 3 outputs, the data 1 class: "),
        (["barrier", "NET", "NET", "--data", "PLACE/al"], "al"),
        (["barrier", "NET", "NET", "--data", "PLACE/all", "--rows", "99"], "but there are 36"),
        (["barrier", "NET", "WIDE", "--data", "PLACE/all"], "one architecture"),
        (["basin", "NET", "--data", "PLACE/all", "--epsilon", "1", "--delta", "1"], "at least two"),
        (["basin", "NET", "NET", "--data", "PLACE/all", "--epsilon", "1", "--delta", "1"],
         "do not span a simplex"),
        (["criticality", "NET", "NET", "--data", "PLACE/all", "--epsilon", "1", "--loss", "eror"],
         "did you mean 'error'?"),
        (["criticality", "NET", "NET", "--data", "PLACE/all", "--epsilon", "1", "--module", "hed"],
         "did you mean 'head'?"),
        (["shuffle", "NET", "--data", "PLACE/all", "--size", "3"], "give one of 1, 2, 4, 8"),
        (["shuffle", "NET", "--data", "PLACE/all", "--size", "chanel"], "whole number from 1"),
    ],
)  # fmt: skip
def test_one_line_says_what_is_wrong(
    pcbm: Any, place: Path, arguments: list[str], message: str
) -> None:
    known = {"NET": net(place), "WIDE": net(place, "wide")}
    given = [known.get(text, text.replace("PLACE", str(place))) for text in arguments]
    assert message in pcbm("transfer", *given, "--quiet").refused()
