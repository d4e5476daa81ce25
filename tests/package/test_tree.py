"""What the tree must look like: one idea a file, nothing that belongs to one machine only."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
import repository

MOST_LINES = 450
ROOT = repository.ROOT
SELF = Path(__file__)
TEXT = {".py", ".md", ".toml", ".txt", ".json", ".html", ".css", ".js", ".cfg", ".yml", ".sh", ""}


def texts() -> list[Path]:
    return [p for p in repository.tracked() if p.suffix in TEXT and p != SELF]


def python_files() -> list[Path]:
    return [p for p in repository.tracked() if p.suffix == ".py"]


def matches(pattern: str, paths: list[Path]) -> list[str]:
    """Return file:line of every line that matches."""
    compiled = re.compile(pattern)
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if compiled.search(line)
    ]


def test_files_are_short() -> None:
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in python_files()}
    assert {str(p.relative_to(ROOT)): n for p, n in lengths.items() if n > MOST_LINES} == {}


def test_nothing_is_left_to_do() -> None:
    assert (
        matches(
            r"\b(TODO|FIXME|XXX|NotImplementedError)\b", [p for p in python_files() if p != SELF]
        )
        == []
    )


def test_no_path_of_one_machine() -> None:
    folders = r"(^|[\"' =(`])/(home|root|work|opt|Users|mnt|tmp)/[A-Za-z]"
    licence = ROOT / "LICENSE"
    assert matches(folders, [p for p in texts() if p != licence]) == []


@pytest.mark.parametrize("name", repository.sources())
def test_no_pickle_is_written_or_read(name: str) -> None:
    """A restricted Unpickler with an allow-list would pass; nothing else may load."""
    for node in repository.nodes(repository.sources()[name]):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in {"load", "loads", "dump", "dumps", "save"}:
            continue
        call = ast.unparse(node.func)
        assert call not in {"pickle.load", "pickle.loads", "pickle.dump", "pickle.dumps"}, call
        assert call not in {"joblib.load", "joblib.dump", "torch.save"}, call
        options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if call == "torch.load":
            assert options.get("weights_only") == "True", ast.unparse(node)
        if call in {"np.load", "numpy.load"}:
            assert options.get("allow_pickle", "False") == "False", ast.unparse(node)


@pytest.mark.parametrize("name", ["concepts", "cli"])
def test_the_bare_folder_refuses_to_be_imported(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import {name}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: this folder is the package 'pcbm.{name}': write  import pcbm.{name}"
    )


@pytest.mark.parametrize("name", repository.sources())
def test_doctests(name: str) -> None:
    if name.endswith("__main__"):
        pytest.skip("runs a program when imported as one")
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, pcbm; dir(pcbm); print([m for m in ('numpy', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
