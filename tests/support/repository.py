"""The repository as the package tests see it: its files, its modules, what they import."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
MOVED = {"concepts": "pcbm.concepts", "cli": "pcbm.cli"}  # folders that stand beside pcbm/


def project() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def sources() -> dict[str, Path]:
    """Return every module of the package: its name -> its file."""
    found = {}
    for folder, package in {"pcbm": "pcbm", **MOVED}.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join((package, *parts))
            found[name.removesuffix(".__init__")] = path
    return found


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return the imports and calls of a file, wherever in it they stand."""
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in tree if isinstance(node, ast.Import | ast.ImportFrom | ast.Call)]


def imports(name: str, path: Path) -> Iterator[tuple[str, int]]:
    """Yield (module or module.attribute, line) of every import, also inside functions.

    ``from a import b`` gives ``a.b``, because b may be a module; relative imports are resolved.
    """
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def tracked() -> list[Path]:
    """Return the files that make up the repository: what git knows or would add.

    In a copy without git, all files that .gitignore does not name.
    """
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return _not_ignored()
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def _not_ignored() -> list[Path]:
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    patterns = [".git", *(line.strip("/") for line in lines if line.strip())]

    def ignored(path: Path) -> bool:
        parts = path.relative_to(ROOT).parts
        return any(fnmatch(part, pattern) for part in parts for pattern in patterns)

    return sorted(p for p in ROOT.rglob("*") if p.is_file() and not ignored(p))
