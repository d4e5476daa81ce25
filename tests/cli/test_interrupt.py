"""Ctrl-C ends every command with one line and code 130, wherever it is at the time."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pcbm.concepts import ConceptBank

# Sends the signal when a module is looked for, or so many seconds later.
PROGRAM = """
import os, signal, sys, threading
name, seconds = sys.argv.pop(1), float(sys.argv.pop(1))

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

class Hook:
    def find_spec(self, wanted, path=None, target=None):
        if wanted == name:
            sys.meta_path.remove(self)
            threading.Timer(seconds, interrupt).start() if seconds else interrupt()

sys.meta_path.insert(0, Hook())
from pcbm.cli.entry import run
sys.exit(run())
"""


def interrupted(module: str, seconds: float, *words: object) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-c", PROGRAM, module, str(seconds), *map(str, words)]
    return subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with activations and a bank."""
    folder = tmp_path_factory.mktemp("interrupted")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 12))
    np.savez(folder / "data.npz", X=X, y=np.array(["a", "b", "c"])[X[:, :3].argmax(axis=1)])
    ConceptBank([f"c{j}" for j in range(12)], np.eye(12)).save(folder / "bank.safetensors")
    return folder


@pytest.mark.parametrize("module", ["typer", "pcbm.cli.fit", "pcbm.model"])
def test_while_modules_are_imported(module: str, files: Path) -> None:
    out = files / module
    words = ("fit", files / "data.npz", "--concepts", files / "bank.safetensors", "--out", out)
    done = interrupted(module, 0, *words)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "pcbm: interrupted\n")
    assert not out.exists()


@pytest.mark.slow
def test_while_minibatches_are_fitted(files: Path) -> None:
    out = files / "run"
    words = ("fit", files / "data.npz", "--concepts", files / "bank.safetensors", "--out", out)
    choices = ("--solver", "minibatch", "--lam", 1e-6, "--control-repeats", 0, "--quiet")
    done = interrupted("pcbm.heads.backends.minibatch", 0.5, *words, *choices)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "pcbm: interrupted\n")
    assert not out.exists()


def test_a_process_that_ignores_it_goes_on() -> None:
    program = [sys.executable, "-c", PROGRAM, "typer", "0", "--version"]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited, as from a shell's &
    try:
        done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert done.returncode == 0
    assert done.stdout.startswith("pcbm ")
