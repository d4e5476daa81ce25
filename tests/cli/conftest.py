"""Running the command line inside the test process, through its real entry point."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pcbm.cli.main import run


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
