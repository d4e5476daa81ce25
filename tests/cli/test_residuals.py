"""What fit, edit and report tell of a residual."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcbm.concepts import ConceptBank


@pytest.mark.parametrize("kind", ["linear", "orthogonal", "erase", "mlp"])
def test_a_residual_is_told_beside_the_concepts(
    pcbm: Any, world: Any, tmp_path: Path, kind: str
) -> None:
    options = ("--concepts", world.bank, "--control-repeats", 0, "--residual", kind)
    out = pcbm("fit", world.data, *options, "--lam", 0.02, "--out", tmp_path / "r").out
    found = json.loads((tmp_path / "r" / "metrics.json").read_text())
    record = found["residual"]
    assert record["kind"] == kind
    assert record["rows"] == {"part": "test", "n": found["n_test"]}
    assert record["accuracy"]["with_residual"] == found["accuracy"]["test"]
    assert set(record["margin_share"]) == {"concepts", "residual"}
    assert "without residual" in out
    assert "every concept deleted" in out
    assert pcbm("edit", tmp_path / "r", "--zero", "fur", "--out", tmp_path / "e").code == 0
    page = tmp_path / "page.html"
    assert pcbm("report", tmp_path / "e", "--out", page).code == 0
    text = page.read_text(encoding="utf-8")
    assert "A residual model reads the raw activations" in text
    assert "before the edits" in text
    assert "every concept deleted" in text


def test_a_bank_that_spans_everything_leaves_nothing_to_read(
    pcbm: Any, world: Any, tmp_path: Path
) -> None:
    rows = np.load(world.data)
    bank = tmp_path / "full.safetensors"
    dim = rows["X"].shape[1]
    ConceptBank([f"axis {j}" for j in range(dim)], np.eye(dim)).save(bank)
    for kind in ("orthogonal", "erase"):
        options = ("--concepts", bank, "--control-repeats", 0, "--residual", kind)
        line = pcbm("fit", world.data, *options, "--out", tmp_path / "r").refused()
        assert f"all {dim} dimensions" in line
        assert "nothing is left" in line
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("given", "meant"), [("liner", "linear"), ("ortogonal", "orthogonal"), ("MLP", "mlp")]
)
def test_a_misspelt_kind_gets_the_near_one(
    pcbm: Any, world: Any, tmp_path: Path, given: str, meant: str
) -> None:
    options = ("--concepts", world.bank, "--residual", given, "--out", tmp_path / "r")
    assert f"did you mean '{meant}'?" in pcbm("fit", world.data, *options).refused()
