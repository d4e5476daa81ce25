"""Kill `embed` before each of its steps on disk, in a child process each, and report what remains.

Run as a script: ``crash_points.py FOLDER``. It prints a JSON list, one entry for each step.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pcbm.activations import Dataset, embed

ROWS, SHARD_ROWS, BATCH_SIZE = 19, 12, 5


class Lengths:
    """A text backbone of numpy alone, so that a child process starts at once."""

    spec, kind, dim, layer, pooling, fingerprint = "lengths", "text", 4, None, "none", "lengths-1"

    def __init__(self) -> None:
        self.record = {"spec": self.spec, "fingerprint": self.fingerprint}

    def prepare(self, item: str) -> str:
        return item

    def forward(self, prepared: Sequence[str]) -> np.ndarray:
        rows = [[len(text), len(prepared), text.count("e"), hash_of(text)] for text in prepared]
        return np.array(rows, dtype=np.float32)


def hash_of(text: str) -> float:
    return int(hashlib.sha256(text.encode()).hexdigest()[:6], 16) / 2**24


def write(out: Path) -> None:
    texts = [f"text number {i} e" + "e" * i for i in range(ROWS)]
    data = Dataset("texts", "text", np.arange(ROWS).astype(str), texts, np.arange(ROWS) % 2)
    embed(data, Lengths(), out, batch_size=BATCH_SIZE, shard_rows=SHARD_ROWS)  # type: ignore[arg-type]


def killed_before(step: int, out: Path) -> bool:
    """Run `write` in a child that kills itself before its step-th call; say whether it did."""
    child = os.fork()
    if child == 0:
        count = 0

        def counted(call: Callable[..., Any]) -> Callable[..., Any]:
            def run(*args: Any, **kwargs: Any) -> Any:
                nonlocal count
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return call(*args, **kwargs)

            return run

        for name in ("open", "fsync", "replace", "rename", "mkdir"):
            setattr(os, name, counted(getattr(os, name)))
        Path.open = counted(Path.open)  # type: ignore[method-assign]
        write(out)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def state(out: Path) -> dict[str, list]:
    """Return name -> (hash, time of change) of the files in a store."""
    if not out.is_dir():
        return {}
    return {
        path.name: [hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns]
        for path in sorted(out.iterdir())
    }


def main(folder: Path) -> None:
    write(folder / "whole")
    reports = []
    step = 1
    while True:
        out = folder / f"step{step}"
        if not killed_before(step, out):
            break
        before = state(out)
        try:
            write(out)
        except Exception as error:
            reports.append({"step": step, "error": repr(error), "before": before})
        else:
            reports.append({"step": step, "before": before, "after": state(out)})
        step += 1
    json.dump({"whole": state(folder / "whole"), "reports": reports}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
