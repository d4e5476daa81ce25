"""``pcbm transfer agreement`` compares networks, runs and files of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_nets import write_factory, write_pictures


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """Return two networks and pictures of three classes."""
    folder = tmp_path_factory.mktemp("nets")
    file = write_factory(folder / "nets.py")
    return f"python:{file}:one", f"python:{file}:two", write_pictures(folder / "data", a_class=4)


def write(path: Path, rows: dict[str, str], *columns: str) -> Path:
    head = ",".join(columns or ("id", "label"))
    path.write_text("\n".join([head, *(f"{k},{v}" for k, v in rows.items())]) + "\n")
    return path


def test_files_of_predictions_in_any_order(pcbm: Any, tmp_path: Path) -> None:
    a = write(tmp_path / "a.csv", {"r0": "cat", "r1": "dog", "r2": "dog", "r3": "cat"})
    b = write(tmp_path / "b.csv", {"r3": "cat", "r2": "cat", "r1": "dog", "r0": "cat"})
    found = pcbm("transfer", "agreement", a, b, "--json").document
    assert found["n"] == 4 and found["agreement"] == 0.75
    assert found["accuracy"] is None and found["cka"] is None
    assert "same answer" in pcbm("transfer", "agreement", a, b).out


def test_runs_agree_with_what_predict_writes(pcbm: Any, world: Any, tmp_path: Path) -> None:
    pcbm("predict", world.run, world.test, "--out", tmp_path / "preds.csv")
    command = (
        "transfer",
        "agreement",
        world.run,
        tmp_path / "preds.csv",
        "--data",
        world.test,
        "--json",
    )
    found = pcbm(*command).document
    assert found["agreement"] == 1.0 and found["n"] == 90
    accuracy = pcbm("evaluate", world.run, world.test, "--json").document["accuracy"]
    assert found["accuracy"] == pytest.approx([accuracy, accuracy])
    both = pcbm(
        "transfer", "agreement", world.run, world.run, "--data", world.test, "--json"
    ).document
    assert both["cka"]["cka_debiased"]["value"] == pytest.approx(1)


def test_networks_with_cka_beside(pcbm: Any, nets: Any) -> None:
    one, two, data = nets
    command = ("transfer", "agreement", one, two, "--data", data, "--layer", "blocks.1", "--json")
    found = pcbm(*command).document
    assert found["n"] == 12 and len(found["accuracy"]) == 2
    assert found["cka"]["cka"]["value"] < 1
    assert set(found["intervals"]) > {"agreement", "error_kappa", "accuracy_difference"}
    same = pcbm("transfer", "agreement", one, one, "--data", data, "--json").document
    assert same["agreement"] == 1 and same["error_kappa_range"][1] == pytest.approx(1)
    assert "error consistency" in pcbm("transfer", "agreement", one, two, "--data", data).out


def test_wrong_input_is_one_line(pcbm: Any, nets: Any, tmp_path: Path) -> None:
    one, _, data = nets
    a = write(tmp_path / "a.csv", {"r0": "cat", "r1": "dog"})
    other = write(tmp_path / "b.csv", {"r0": "cat", "r7": "dog"})
    shorter = write(tmp_path / "c.csv", {"r0": "cat"})
    wrong = write(tmp_path / "d.csv", {"r0": "cat"}, "name", "class")
    four = write_pictures(tmp_path / "four", a_class=2, classes=4)
    for arguments, words in (
        ((a, other), "1 of the 2 ids of"),
        ((a, shorter), "are not in"),
        ((a, wrong), "holds no predictions: expected the columns id and label"),
        ((a, tmp_path / "no.csv"), "does not exist"),
        ((a, one), "needs inputs to answer, and there are none: add --data"),
        ((one, "nothing", "--data", data), "nothing does not exist: expected predictions"),
        ((one, one, "--data", four), "has 3 outputs, the data 4 classes"),
        (
            (one, one, "--data", data, "--layer", "block"),
            "has no layer 'block': did you mean 'blocks'",
        ),
        ((a, a, "--draws", "3"), "give 0 or at least 20"),
    ):
        assert words in pcbm("transfer", "agreement", *arguments).refused()
