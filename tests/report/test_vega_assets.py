"""The runtime that reports carry is the one that is described, with its licences."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files

from pcbm.report.parts import inline

VEGA = files("pcbm.report") / "assets" / "vega"


def test_the_runtime_is_the_recorded_one() -> None:
    script = (VEGA / "vega.min.js").read_bytes()
    assert hashlib.sha256(script).hexdigest() in (VEGA / "README.md").read_text()


def test_the_recorded_versions_are_those_of_the_build() -> None:
    wanted = json.loads((VEGA / "package.json").read_text())["dependencies"]
    locked = json.loads((VEGA / "package-lock.json").read_text())["packages"]
    words = (VEGA / "README.md").read_text()
    names = {"vega": "Vega", "vega-lite": "Vega-Lite", "vega-interpreter": "vega-interpreter"}
    assert set(wanted) == set(names)
    for name, version in wanted.items():
        assert locked[f"node_modules/{name}"]["version"] == version
        assert f"{names[name]} {version}" in words


def test_licences_stand_at_the_head_of_the_script() -> None:
    script = (VEGA / "vega.min.js").read_text()
    notice = (VEGA / "LICENSES.txt").read_text().split("\n\n", 1)[1].strip()
    assert script.startswith(f"/*!\n{notice}\n*/")
    assert "University of Washington Interactive Data Lab" in notice
    named = set(re.findall(r"([\w-]+) \d+\.\d+\.\d+ \(", notice))
    assert {"vega-view", "vega-lite", "vega-interpreter", "d3-scale"} <= named


def test_own_scripts_can_stand_in_a_page() -> None:
    assets = files("pcbm.report") / "assets"
    for name in ("vega/vega.min.js", "charts.js", "search.js"):
        inline((assets / name).read_text())
