"""Rendering: one self-contained HTML file that loads nothing and runs nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from pathlib import PurePath
from typing import Any

import jinja2
from markupsafe import Markup

from pcbm.model.run import Run
from pcbm.report import sections
from pcbm.report.edits import edit_steps
from pcbm.report.figures import count, decimal, percent, significant
from pcbm.report.samples import KINDS, Sample
from pcbm.report.summary import (
    figure_name,
    interval,
    sentences,
    show_difference,
    show_figure,
    verdict,
)

# What UTF-8 or HTML cannot hold: control characters and single surrogates.
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
SAMPLE_CONCEPTS = 6


def render_report(
    run: Run, *, samples: Sequence[Sample] | None = None, title: str | None = None
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

    Returns
    -------
    str
        Names and texts from outside are escaped. The page forbids itself to load or to run
        anything (Content-Security-Policy ``default-src 'none'``).
    """
    metrics, config = run.metrics, run.config
    steps = edit_steps(run.edits)
    answer, why = verdict(metrics)
    context = {
        "subtitle": _subtitle(config),
        "title": title or _name(metrics.get("run")),
        "config": config,
        "metrics": metrics,
        "warnings": _warnings(metrics, steps),
        "sentences": sentences(metrics, len(steps)),
        "answer": answer,
        "why": why,
        "key_figures": _key_figures(metrics),
        "facts": sections.facts(config, metrics),
        "comparison": sections.comparison(metrics),
        "random_test": sections.random_test(metrics),
        "sparsity": sections.sparsity(metrics),
        "weights": sections.weights(run.model),
        "bank": sections.bank_table(run.model),
        "evaluation": sections.evaluation(metrics["evaluation"]),
        "residual": sections.residual(metrics),
        "steps": steps,
        "samples": _samples(samples),
        "sample_kinds": KINDS,
        "commands": sections.commands(config, metrics, run.edits),
        "versions": config.get("versions") or {},
        "seconds": metrics.get("seconds") or {},
        "figures": sections.all_figures(metrics),
    }
    return UNPRINTABLE.sub("\ufffd", _environment().get_template("report.html.j2").render(context))


def _environment() -> jinja2.Environment:
    folder = files("pcbm.report") / "assets"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = (folder / "report.css").read_text(encoding="utf-8")
    environment.globals["style"] = Markup(style)  # the package's own file, not a user's text
    environment.filters |= {"percent": percent, "decimal": decimal, "count": count}
    return environment


def _name(run: str | None) -> str:
    return PurePath(run).name or run if run else "Concept-bottleneck model"


def _subtitle(config: dict[str, Any]) -> str:
    parts = [
        config["task"],
        (config.get("backbone") or {}).get("spec"),
        (config.get("data") or {}).get("source"),
    ]
    return " · ".join(str(part) for part in parts if part)


def _warnings(metrics: dict[str, Any], steps: list[dict[str, Any]]) -> list[str]:
    """Return every warning once: of the fit, then of the edits and their evaluation."""
    texts = list(metrics.get("warnings") or [])
    for step in steps:
        texts += step["warnings"]
        texts += step["evaluation"]["warnings"] if step["evaluation"] else []
    return list(dict.fromkeys(text[:1].upper() + text[1:] for text in texts))


def _key_figures(metrics: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return the figures at the top: (label, value, what it is set against)."""
    figure, controls = metrics[figure_name(metrics)], metrics["controls"]
    random = controls["random_bank"]
    label = "R² on test" if figure_name(metrics) == "r2" else "Test accuracy"
    probe = show_figure(metrics, controls["full_probe"])
    rows = [
        (
            label,
            show_figure(metrics, figure["test"]),
            f"{show_figure(metrics, figure['train'])} on train",
        ),
        (
            "Concepts a class",
            significant(metrics["nec"]),
            f"of {count(metrics['n_concepts'])} named (NEC)",
        ),
    ]
    if random is None:
        rows.append(("Named minus random", "not measured", "no control was fitted"))
    else:
        value = show_difference(metrics, random["difference"]).removesuffix(" points")
        rows.append(("Named minus random", value, f"95% interval {interval(metrics)}"))
    rows.append(("Probe without concepts", probe, "on all activations"))
    return rows


def _samples(samples: Sequence[Sample] | None) -> list[dict[str, Any]] | None:
    """Return the samples with their bars; None when there are none to show."""
    if not samples:
        return None
    result = []
    for sample in samples:
        record = sample.record
        shown = record["concepts"][:SAMPLE_CONCEPTS]
        rest = record["other"] + sum(
            c["contribution"] for c in record["concepts"][SAMPLE_CONCEPTS:]
        )
        parts = [(c["name"], c["contribution"], "concept") for c in shown]
        if len(record["concepts"]) > SAMPLE_CONCEPTS or record["other"]:
            parts.append(("all other concepts", rest, "rest"))
        parts.append(("intercept", record["intercept"], "rest"))
        if record["residual"] is not None:
            parts.append(("residual model", record["residual"], "rest"))
        longest = max([abs(value) for _, value, _ in parts], default=0.0) or 1.0
        label = record["label"]
        shown_label = "; ".join(label) or "none" if isinstance(label, list) else str(label)
        if isinstance(label, float):
            shown_label = significant(label, 4)
        result.append(
            {
                "kind": sample.kind,
                "id": record["id"],
                "label": shown_label,
                "truth": sample.truth,
                "right": sample.truth is None or sample.truth == shown_label,
                "proba": _probability(record),
                "toward": record["toward"],
                "rival": _rival(record),
                "bars": [
                    {**sections.bar(name, value, longest, 2), "kind": kind}
                    for name, value, kind in parts
                ],
                "margin": f"{record['margin']:+.2f}".replace("-", "\u2212"),
                "image": sample.image,
                "text": sample.text,
            }
        )
    return result


def _probability(record: dict[str, Any]) -> str | None:
    if record["proba"] is None or not isinstance(record["label"], str):
        return None
    return percent(record["proba"][record["label"]])


def _rival(record: dict[str, Any]) -> str | None:
    """Return the class that negative contributions argue for."""
    return record["label"] if record["toward"] == record["against"] else record["against"]
