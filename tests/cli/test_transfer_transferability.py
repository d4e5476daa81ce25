"""``pcbm transfer transferability`` trains treatments of a user's own network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_nets import write_factory, write_pictures

ANEW = """

def anew():
    return Net(4, 4), to_tensor
"""


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return the name of a file of networks, and pictures of four classes."""
    folder = tmp_path_factory.mktemp("nets")
    file = write_factory(folder / "nets.py", classes=4)
    file.write_text(file.read_text(encoding="utf-8") + ANEW, encoding="utf-8")
    return f"python:{file}", write_pictures(folder / "data", a_class=6, classes=4)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep finished networks of one test from the next."""
    monkeypatch.setenv("PCBM_CACHE", str(tmp_path / "cache"))


def test_a_study_is_told_drawn_and_found_again(pcbm: Any, nets: Any, tmp_path: Path) -> None:
    file, data = nets
    command = ["transfer", "transferability", f"{file}:anew", "--data", data, "--cut", "blocks.*"]
    command += ["--steps", "3", "--batch-size", "8", "--seeds", "1"]
    found = pcbm(*command, "--figures", tmp_path / "figures", "--json").document
    assert found["cuts"] == ["blocks.0", "blocks.1"] and found["trained"] == 10
    assert set(found["accuracy"]) == {"BnB", "BnB+", "AnB", "AnB+"}
    assert [len(row) for row in found["accuracy"]["AnB"]] == [2]
    assert (tmp_path / "figures" / "transferability.svg").is_file()
    assert len(list((tmp_path / "cache" / "transfer").glob("*.json"))) == 10
    again = pcbm(*command, "--json").document
    assert again["accuracy"] == found["accuracy"] and again["base"] == found["base"]
    assert "base B - BnB" in pcbm(*command).out


def test_wrong_input_is_one_line(pcbm: Any, nets: Any, tmp_path: Path) -> None:
    file, data = nets
    three = write_pictures(tmp_path / "three", a_class=2)
    for network, others, words in (
        ("timm:resnet18", ("--data", data, "--cut", "layer1"), "comes with weights"),
        (f"{file}:one", ("--data", data, "--cut", "stem"), "the same weights for every seed"),
        (f"{file}:anew", ("--data", data, "--cut", "stm"), "has no layer 'stm'"),
        (f"{file}:anew", ("--data", data, "--cut", "head"), "nothing of"),
        (f"{file}:anew", ("--data", three, "--cut", "stem"), "each half needs two"),
        (f"{file}:anew", ("--data", data, "--cut", "stem", "--rate", "-1"), "the rate of the bud"),
    ):
        assert words in pcbm("transfer", "transferability", network, *others).refused()
