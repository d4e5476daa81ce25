"""Running the command line inside the test process, through its real entry point."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pcbm.cli.main import run
from pcbm.concepts import ConceptBank


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Return stdout as the one JSON document it must be."""
        return json.loads(self.out)

    def refused(self) -> str:
        """Return the one line of a refusal, after checking that it is one."""
        assert self.code == 2, (self.code, self.out, self.err)
        assert self.out == ""
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        return self.err.rstrip("\n")


@pytest.fixture
def pcbm(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Return a function that runs ``pcbm ARGS...`` and tells what came out."""

    def call(*arguments: object) -> Outcome:
        capfd.readouterr()
        code = run([str(a) for a in arguments])
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return call


CLASSES = ("cat", "dog", "emu")
CONCEPTS = ("fur", "barks", "wings", "noise one", "noise two")


def activations(n: int, seed: int, *, dim: int = 8) -> dict[str, np.ndarray]:
    """Return activations whose class is the strongest of the first three coordinates."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, dim)).astype(np.float32)
    y = np.array(CLASSES)[X[:, :3].argmax(axis=1)]
    group = np.where(X[:, 4] > 0, "bright", "dark")
    return {"X": X, "y": y, "group": group, "ids": np.array([f"row {i}" for i in range(n)])}


@dataclass(frozen=True)
class World:
    """Files of a small problem: activations, a bank on them, and a run fitted on both."""

    folder: Path

    def __getattr__(self, name: str) -> Path:
        suffix = {"data": ".npz", "test": ".npz", "binary": ".npz", "bank": ".safetensors"}
        return self.folder / f"{name}{suffix.get(name, '')}"


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return the small problem; its files are shared, so tests write elsewhere."""
    made = World(tmp_path_factory.mktemp("world"))
    rows = activations(240, seed=0)
    np.savez(made.data, **rows)
    np.savez(made.test, **activations(90, seed=1))
    few = rows["y"] != "emu"
    np.savez(made.binary, **{name: values[few] for name, values in rows.items()})
    ConceptBank(CONCEPTS, np.eye(5, 8), source="imported").save(made.bank)
    common = ["--concepts", str(made.bank), "--control-repeats", "3", "--quiet"]
    for name, data in (("run", made.data), ("pair", made.binary)):
        assert run(["fit", str(data), *common, "--out", str(made.folder / name)]) == 0
    return made


@pytest.fixture
def halves(world: World, tmp_path: Path) -> tuple[Path, Path]:
    """Return the test rows of the small problem in two files."""
    rows = dict(np.load(world.test))
    for name, part in (("a", slice(0, None, 2)), ("b", slice(1, None, 2))):
        np.savez(tmp_path / f"{name}.npz", **{key: value[part] for key, value in rows.items()})
    return tmp_path / "a.npz", tmp_path / "b.npz"
