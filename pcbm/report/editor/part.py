"""The editor as a part of the report's page: markup, data, one script, one style sheet."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from markupsafe import Markup

from pcbm.model.run import Run
from pcbm.report.editor.pack import Cases, packed
from pcbm.report.figures import count
from pcbm.report.parts import Part

DATA = "pcbm-editor"  # the id of the JSON block
# In the order of their use: what a file names lies in those before it.
SCRIPTS = (
    "head.js",
    "figures.js",
    "plan.js",
    "session.js",
    "dom.js",
    "checklist.js",
    "concepts.js",
    "tables.js",
    "cases.js",
    "serve.js",
    "editor.js",
)


def editor_part(run: Run, cases: Cases, *, seed: int = 0, served: bool = False) -> Part:
    """Return the editor of a run's report.

    Parameters
    ----------
    run : Run
    cases : Cases
        The rows that edits are tried on.
    seed : int
        Of the draw of the embedded sample.
    served : bool
        Whether the page comes from `pcbm.report.editor.serve`, which evaluates on all rows.

    Returns
    -------
    Part
        The same for the same run and rows.
    """
    data = packed(run, cases, seed=seed) | {"served": served}
    markup = Markup(_asset("editor.html")).format(about=source_text(data, cases))
    script = "\n".join(_asset(name) for name in SCRIPTS)
    return Part(
        markup,
        {DATA: data},
        [f'(() => {{\n"use strict";\n{script}}})();\n'],
        [_asset("editor.css")],
        "'self'" if served else None,
    )


def source_text(data: dict[str, Any], cases: Cases) -> str:
    """Say which rows the figures of the editor stand for."""
    sample, n = data["sample"], len(cases)
    if sample["n"] == n:
        start = f"The figures here are counted on all {count(n)} rows of {cases.source.data}."
    else:
        how = f"drawn from every {sample['strata']}" if sample["strata"] else "drawn by chance"
        start = (
            f"The figures here come from {count(sample['n'])} rows, {how} and weighted so that "
            f"they stand for all {count(n)} rows of {cases.source.data}."
        )
    return f"{start} {cases.chosen.text}"


def _asset(name: str) -> str:
    return (files("pcbm.report.editor") / "assets" / name).read_text(encoding="utf-8")
