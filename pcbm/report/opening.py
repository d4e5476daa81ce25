"""The opening of a report: its name, the warnings, and the figures one looks for first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from pcbm.editing import evaluations
from pcbm.report.figures import count, effective
from pcbm.report.summary import as_fitted, figure_name, interval, show_difference, show_figure


def run_name(run: str | None) -> str:
    """Return the name of a run's folder, or what stands for it."""
    return PurePath(run).name or run if run else "Concept-bottleneck model"


def subtitle(config: Mapping[str, Any]) -> str:
    """Return task, backbone and data in one line, as far as they are recorded."""
    parts = [
        config["task"],
        (config.get("backbone") or {}).get("spec"),
        (config.get("data") or {}).get("source"),
    ]
    return " · ".join(str(part) for part in parts if part)


def all_warnings(metrics: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return every warning once: of the fit, then of the edits and their evaluation."""
    texts = list(metrics.get("warnings") or [])
    for step in steps:
        texts += step["warnings"]
    return list(dict.fromkeys(text[:1].upper() + text[1:] for text in texts))


def evaluation_of(metrics: Mapping[str, Any], edits: Sequence[Mapping[str, Any]]) -> str | None:
    """Return which rows the evaluation is of, where they are not the test rows of the fit."""
    if not edits or metrics["evaluation"] is None:
        return None
    data = (edits[-1].get("evaluation") or {}).get("data")
    return f"After the edits: {data}." if data else "After the edits."


def key_figures(
    metrics: Mapping[str, Any], edits: Sequence[Mapping[str, Any]]
) -> list[tuple[str, str, str]]:
    """Return the figures at the top: (label, value, what it is set against)."""
    name, controls = figure_name(metrics), metrics["controls"]
    figure, random = as_fitted(metrics)[name], controls["random_bank"]
    label = "R² on test" if name == "r2" else "Test accuracy"
    train = f"{show_figure(metrics, figure['train'])} on train"
    rows = [(label, show_figure(metrics, figure["test"]), train)]
    if edits:
        label = "R² as fitted" if name == "r2" else "Accuracy as fitted"
        rows[0] = (label, rows[0][1], f"on test, {train}")
        rows += _after(metrics, edits[-1].get("evaluation"))
    used = f"of {count(metrics['n_concepts'])} named (NEC)"
    rows.append(("Concepts a class", effective(metrics["nec"]), used))
    if random is None:
        rows.append(("Named minus random", "not measured", "no control was fitted"))
    else:
        unit = "" if name == "r2" else "points, "
        value = show_difference(metrics, random["difference"]).removesuffix(" points")
        rows.append(("Named minus random", value, f"{unit}95% interval {interval(metrics)}"))
    probe = show_figure(metrics, controls["full_probe"])
    rows.append(("Probe without concepts", probe, "on all activations"))
    return rows


def _after(
    metrics: Mapping[str, Any], record: Mapping[str, Any] | None
) -> list[tuple[str, str, str]]:
    """Return the figure after the last edit, on each set it was measured on."""
    if record is None:
        return [("After the edits", show_figure(metrics, None), "no data given")]
    rows = []
    for one in evaluations(record):
        before, after = (
            show_figure(metrics, one[side][figure_name(metrics)]) for side in ("before", "after")
        )
        where = f", {one['data']}" if one.get("data") else ""
        rows.append((f"After the edits{where}", after, f"{before} before"))
    return rows
