"""The wheel carries the whole package, and the file that describes it names all of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import repository

ROOT = repository.ROOT
INSIDE = {"concepts": "pcbm/concepts", "cli": "pcbm/cli"}


def in_wheel(path: Path) -> str:
    """Return the name a tracked file of the package must have in the wheel."""
    top, _, rest = path.relative_to(ROOT).as_posix().partition("/")
    return f"{INSIDE.get(top, top)}/{rest}"


def package_files() -> set[str]:
    """Return the wheel names of all tracked files of the package, code and assets."""
    tops = {"pcbm", *INSIDE}
    return {in_wheel(p) for p in repository.tracked() if p.relative_to(ROOT).parts[0] in tops}


def test_the_list_of_packages_is_the_tree() -> None:
    names = {n for n, path in repository.sources().items() if path.name == "__init__.py"}
    assert set(repository.project()["tool"]["setuptools"]["packages"]) == names


def test_every_folder_with_code_is_a_package() -> None:
    for path in repository.sources().values():
        assert (path.parent / "__init__.py").is_file(), path


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """Return the wheel of this tree: PCBM_WHEEL where that names one, else a fresh one."""
    if named := os.environ.get("PCBM_WHEEL"):
        return Path(named)
    copy = tmp_path / "tree"
    for path in repository.tracked():
        target = copy / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    done = subprocess.run([*build, str(copy)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = tmp_path.glob("pcbm-*.whl")
    return built


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {n for n in archive.namelist() if ".dist-info/" not in n}
        licences = [n for n in archive.namelist() if n.endswith("licenses/LICENSE")]
    assert held == package_files()
    assert len(licences) == 1
