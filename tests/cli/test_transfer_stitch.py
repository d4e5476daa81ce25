"""``pcbm transfer stitch`` stitches layers of networks, both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_nets import write_factory, write_pictures


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Return the name of a file of networks, and pictures of three classes."""
    folder = tmp_path_factory.mktemp("nets")
    file = write_factory(folder / "nets.py")
    return f"python:{file}", write_pictures(folder / "data", a_class=6)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep finished stitches of one test from the next."""
    monkeypatch.setenv("PCBM_CACHE", str(tmp_path / "cache"))


def test_a_network_stitched_into_itself_drops_nothing(pcbm: Any, nets: Any) -> None:
    file, data = nets
    command = (
        "transfer",
        "stitch",
        f"{file}:one",
        f"{file}:one",
        "--data",
        data,
        "--layer",
        "blocks.*",
    )
    found = pcbm(*command, "--start", "identity", "--steps", "0", "--no-floor", "--json").document
    assert [entry["layers"] for entry in found["stitches"]] == [
        [name] * 2 for name in ("blocks.0", "blocks.0", "blocks.1", "blocks.1")
    ]
    assert {entry["direction"] for entry in found["stitches"]} == {"A into B", "B into A"}
    assert all(entry["drop"] == 0.0 and entry["floor"] is None for entry in found["stitches"])


def test_finished_stitches_are_kept_and_found_again(pcbm: Any, nets: Any, tmp_path: Path) -> None:
    file, data = nets
    command = (
        "transfer",
        "stitch",
        f"{file}:one",
        f"{file}:wide",
        "--data",
        data,
        "--layer",
        "blocks.1",
    )
    options = ("--steps", "3")
    first = pcbm(*command, *options, "--json").document
    assert len(list((tmp_path / "cache" / "transfer").iterdir())) == 2
    again = pcbm(*command, *options, "--json").document
    assert again["stitches"] == first["stitches"]
    assert first["stitches"][0]["floor"] is not None
    assert "A into B" in pcbm(*command, *options).out
    pcbm(*command, *options, "--seed", "1", "--json")
    assert len(list((tmp_path / "cache" / "transfer").iterdir())) == 4


def test_wrong_input_is_one_line(pcbm: Any, nets: Any, tmp_path: Path) -> None:
    file, data = nets
    one, two = f"{file}:one", f"{file}:two"
    np.savez(tmp_path / "acts.npz", X=np.eye(4), y=[0, 1, 0, 1])
    for arguments, words in (
        (
            (tmp_path / "acts.npz", one, "--data", data, "--layer", "stem"),
            "stitching runs what follows",
        ),
        ((one, two, "--data", data, "--layer", "blok.*"), "has no layer 'blok.*'"),
        (
            (one, two, "--data", data, "--layer", "blocks.*", "--layer-b", "stem"),
            "2 layers of A, and there",
        ),
        (
            (one, two, "--data", data, "--layer", "stem", "--start", "identiti"),
            "did you mean 'identity'",
        ),
        ((one, two, "--data", data, "--layer", "head", "--layer-b", "stem"), "cannot be joined"),
        (
            (one, two, "--data", tmp_path / "acts.npz", "--layer", "stem"),
            "holds arrays, expected images",
        ),
    ):
        assert words in pcbm("transfer", "stitch", *arguments).refused()
