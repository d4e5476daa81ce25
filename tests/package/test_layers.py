"""Data flows one way: a module imports only from modules to its left."""

from __future__ import annotations

from pathlib import Path

import pytest
import repository

# Modules of one level may not import each other. The first two levels
# serve everybody.
ORDER: tuple[tuple[str, ...], ...] = (
    ("_version", "compiled", "errors", "notebook", "ordered"),
    ("files",),
    ("shapes",),
    ("backbones",),
    ("activations",),
    ("concepts",),
    ("projection",),
    ("heads",),
    ("residual",),
    ("model",),
    ("editing", "explain"),
    ("audit", "faithfulness"),
    ("report", "export"),
    ("demo",),
    ("cli",),
)
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}
# `analysis` stands beside the flow: what it may import, and who may import it.
ANALYSIS_MAY_IMPORT = {"_version", "errors", "files", "activations", "backbones", "analysis"}
MAY_IMPORT_ANALYSIS = {"analysis", "report", "cli"}


def part(module: str) -> str | None:
    """Return the part of pcbm a module belongs to; None for the top and for foreign modules."""
    words = module.split(".")
    return words[1] if words[0] == "pcbm" and len(words) > 1 else None


def allowed(importer: str, imported: str) -> bool:
    """Return whether the part ``importer`` may import from the part ``imported``."""
    if importer == imported:
        return True
    if "analysis" in (importer, imported):
        return (
            imported in ANALYSIS_MAY_IMPORT
            if importer == "analysis"
            else (importer in MAY_IMPORT_ANALYSIS)
        )
    return LEVEL[imported] < LEVEL[importer]


def violations(name: str, path: Path) -> list[str]:
    """Return the imports of a module that go the wrong way, as file:line sentences."""
    importer = part(name)
    known = {*LEVEL, "analysis"}
    found = []
    for imported, line in repository.imports(name, path):
        target = part(imported)
        if importer is None or imported.split(".")[0] != "pcbm":
            continue
        if target not in known:
            found.append(f"{path}:{line}: imports {imported} through the top of the package")
        elif not allowed(importer, target):
            found.append(f"{path}:{line}: {importer} imports {imported}, which is to its right")
    return found


@pytest.mark.parametrize(("name", "path"), repository.sources().items(), ids=repository.sources())
def test_a_module_imports_only_from_its_left(name: str, path: Path) -> None:
    assert violations(name, path) == []


def test_every_part_has_its_place_in_the_order() -> None:
    parts = {part(name) for name in repository.sources()} - {None}
    assert parts <= {*LEVEL, "analysis"}


@pytest.mark.parametrize(
    ("importer", "imported", "verdict"),
    [
        ("heads", "projection", True),
        ("projection", "heads", False),
        ("explain", "editing", False),
        ("audit", "editing", True),
        ("editing", "audit", False),
        ("analysis", "activations", True),
        ("analysis", "heads", False),
        ("model", "analysis", False),
        ("report", "analysis", True),
    ],
)
def test_the_rule_itself(importer: str, imported: str, verdict: bool) -> None:
    assert allowed(importer, imported) is verdict


def test_imports_inside_functions_count_too(tmp_path: Path) -> None:
    path = tmp_path / "late.py"
    path.write_text("def f():\n    from pcbm import cli\n    from ..model import run\n")
    assert len(violations("pcbm.heads.late", path)) == 2


def test_the_top_of_the_package_imports_no_part_when_it_is_imported() -> None:
    names = [n for n, _ in repository.imports("pcbm", repository.ROOT / "pcbm" / "__init__.py")]
    eager = {part(n) for n in names if n.startswith("pcbm.")}
    assert "_version" in eager  # the others stand under TYPE_CHECKING; see the start-up test in cli
