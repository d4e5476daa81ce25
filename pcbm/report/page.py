"""Rendering: one self-contained HTML file that loads nothing and runs only its own scripts."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from pcbm.model.run import Run, class_names
from pcbm.report import provenance, sections
from pcbm.report.concepts import bank_table, geometry
from pcbm.report.edits import edit_steps
from pcbm.report.evaluation import calibration, confusion, evaluation
from pcbm.report.figures import decimal
from pcbm.report.opening import all_warnings, evaluation_of, key_figures, run_name, subtitle
from pcbm.report.parts import UNPRINTABLE, Part, inline, json_block, policy
from pcbm.report.pictures import edit_pictures, run_pictures
from pcbm.report.sample_cards import sample_cards
from pcbm.report.samples import KINDS, Sample
from pcbm.report.summary import figure_name, sentences, verdict
from pcbm.report.weights import weights

# In the order of the page; each has a template of its name.
SECTIONS = {
    "summary": "Summary",
    "data": "Data and backbone",
    "controls": "Accuracy against controls",
    "path": "Accuracy and sparsity",
    "weights": "Weights",
    "bank": "Concepts",
    "evaluation": "Classes and groups",
    "confusion": "Confusion",
    "calibration": "Calibration",
    "samples": "Sample explanations",
    "edits": "Edits",
    "editor": "Try an edit",
    "residual": "Residual",
    "provenance": "Provenance",
}


def render_report(
    run: Run,
    *,
    samples: Sequence[Sample] | None = None,
    title: str | None = None,
    editor: Part | None = None,
) -> str:
    """Return a run's report as one HTML page, the same text for the same run.

    Parameters
    ----------
    run : Run
        As `pcbm.model.load_run` gives it.
    samples : sequence of Sample, optional
        Explained rows, see `pcbm.report.choose_samples`.
    title : str, optional
        Default: the name of the run's folder.
    editor : Part, optional
        What stands in the section "Try an edit": its markup, the data it reads, its scripts and
        styles.

    Returns
    -------
    str
        Names and texts from outside are escaped. The page forbids itself to load anything, and to
        run or apply what is not named by its hash (Content-Security-Policy
        ``default-src 'none'``).
    """
    parts = [] if editor is None else [editor]
    styles = [_asset("report.css"), *(text for part in parts for text in part.styles)]
    own = [_asset(name) for name in ("vega/vega.min.js", "charts.js", "search.js")]
    scripts = [*own, *(text for part in parts for text in part.scripts)]
    page = {
        # Hashes and keywords alone: as they are, since readers look for them in the source.
        "policy": Markup(policy(scripts, styles, None if editor is None else editor.connect)),
        "styles": [inline(text) for text in styles],
        "scripts": [inline(text) for text in scripts],
        "blocks": [json_block(name, value) for part in parts for name, value in part.data.items()],
        "editor": None if editor is None else editor.markup,
        "title": title or run_name(run.metrics.get("run")),
        "sections": [(id_, name) for id_, name in SECTIONS.items() if editor or id_ != "editor"],
        "samples": sample_cards(samples),
        "sample_kinds": KINDS,
    }
    text = _environment().get_template("report.html.j2").render(page | _contents(run))
    return UNPRINTABLE.sub("\ufffd", text)


def _contents(run: Run) -> dict[str, Any]:
    """Return what a run's sections show."""
    metrics, config, model = run.metrics, run.config, run.model
    steps = edit_steps(run.edits)
    answer, why = verdict(metrics)
    classes = class_names(model) or []
    return {
        "subtitle": subtitle(config),
        "config": config,
        "metrics": metrics,
        "figure": "R²" if figure_name(metrics) == "r2" else "Accuracy",
        "warnings": all_warnings(metrics, steps),
        "sentences": sentences(metrics, run.edits),
        "answer": answer,
        "why": why,
        "key_figures": key_figures(metrics, run.edits),
        "facts": provenance.facts(config, metrics),
        "comparison": sections.comparison(metrics),
        "random_test": sections.random_test(metrics),
        "path_rows": sections.path_rows(metrics),
        "weights": weights(model, metrics["evaluation"]),
        "bank": bank_table(model),
        "geometry": geometry(metrics),
        "evaluation": evaluation(metrics["evaluation"]),
        "evaluation_of": evaluation_of(metrics, run.edits),
        "confusion": confusion(metrics["evaluation"], classes),
        "calibration": calibration(metrics["evaluation"]),
        "residual": sections.residual(metrics),
        "steps": steps,
        "pictures": run_pictures(run),
        "edit_pictures": edit_pictures(run),
        "hashes": provenance.hashes(config),
        "commands": provenance.commands(config, run.edits),
        "versions": config.get("versions") or {},
        "seconds": metrics.get("seconds") or {},
        "figures": provenance.all_figures(metrics),
    }


def _asset(name: str) -> str:
    return (files("pcbm.report") / "assets" / name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["decimal"] = decimal
    return environment
