"""The model card: the README.md of a RUN, for whoever finds the folder later."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcbm.model.hybrid_text import residual_lines
from pcbm.model.markdown import plain, table

STRONGEST = 5


def model_card(run: Any, row_names: list[str]) -> str:
    """Return the Markdown text of a run's model card."""
    config, metrics = run.config, run.metrics
    backbone = config["backbone"] or {}
    lines = [
        "# Concept-bottleneck model",
        "",
        f"Written by pcbm {config['pcbm']}. Load it with `pcbm.load(folder)`, or use it with",
        "`pcbm predict`, `pcbm explain`, `pcbm edit` and `pcbm report`.",
        "",
        f"- task: {config['task']}",
        f"- backbone: {_text(backbone.get('spec'))}, layer {_text(backbone.get('layer'))}, "
        f"fingerprint {_text(config['fingerprint'])}",
        f"- data: {_text((config['data'] or {}).get('source'))}, "
        f"{_text(metrics['n_train'])} training rows, {_text(metrics['n_test'])} test rows",
        f"- concepts: {metrics['n_concepts']}, of which {metrics['nec']:.4g} are used a class "
        f"(NEC) at lam = {metrics['lam']:.4g}",
        f"- head chosen as: {_text((metrics.get('selection') or {}).get('text'))}",
        f"- solver: {_text((metrics.get('solver') or {}).get('text'))}",
        "",
        "## What was measured",
        "",
        *_figures(metrics),
        *_residual(metrics),
        "",
        "## Strongest concepts",
        "",
        *_strongest(run.model, row_names, config["positive_class"]),
        "",
        "## Edits",
        "",
        f"{len(run.edits)} recorded in edits.json." if run.edits else "None.",
    ]
    if metrics["warnings"]:
        lines += ["", "## Warnings", "", *(f"- {plain(text)}" for text in metrics["warnings"])]
    return "\n".join(lines) + "\n"


def _figures(metrics: dict[str, Any]) -> list[str]:
    name = "r2" if metrics["task"] == "regression" else "accuracy"
    controls = metrics["controls"]
    random = controls["random_bank"]
    rows = [
        ("this model, train", metrics[name]["train"]),
        ("this model, test", metrics[name]["test"]),
        ("linear probe on all activations, test", controls["full_probe"]),
        ("majority class or mean, test", controls["majority"]),
        ("random directions at equal NEC, test", random and random["mean"]),
    ]
    told = [(what, "not measured" if value is None else f"{value:.4f}") for what, value in rows]
    return table(["what", name], told)


def _residual(metrics: dict[str, Any]) -> list[str]:
    if metrics["residual"] is None:
        return []
    lines = residual_lines(metrics["residual"], metrics["task"])
    told = [(plain(label), plain(text)) for label, text in lines]
    return ["", "## Residual", "", *table(["what", "value"], told)]


def _strongest(model: Any, row_names: list[str], positive: str | None) -> list[str]:
    lines = []
    if positive is not None:
        lines = [f"Positive coefficients argue for {plain(positive)}.", ""]
    for name, row in zip(row_names, model.coef_, strict=True):
        order = np.argsort(-np.abs(row), kind="stable")[:STRONGEST]
        parts = [f"{plain(model.concept_names_[j])} {row[j]:+.3f}" for j in order if row[j] != 0]
        lines.append(f"- {plain(name)}: {', '.join(parts) if parts else 'none'}")
    return lines


def _text(value: Any) -> str:
    return "not recorded" if value is None else plain(str(value))
