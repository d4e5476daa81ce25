"""The summary in plain words: what the figures of a run say, and what they do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.editing import evaluations
from pcbm.report.figures import (
    count,
    decimal,
    effective,
    percent,
    plural,
    points,
    signed,
)

ALWAYS = {"regression": "the mean", "multilabel": "the more frequent value of each label"}


def figure_name(metrics: Mapping[str, Any]) -> str:
    """Return the key of the task's headline figure."""
    return "r2" if metrics["task"] == "regression" else "accuracy"


def as_fitted(metrics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return accuracy, NEC and evaluation of the fit, also where edits came after it."""
    return metrics.get("as_fitted") or metrics


def show_figure(metrics: Mapping[str, Any], value: float | None) -> str:
    """Return an accuracy as a percentage, an R^2 as a decimal."""
    return percent(value) if figure_name(metrics) == "accuracy" else decimal(value)


def show_difference(metrics: Mapping[str, Any], value: float | None) -> str:
    """Return a difference in points of accuracy, or of R^2."""
    if figure_name(metrics) == "accuracy":
        return points(value) + " points" if value is not None else points(value)
    return signed(value)


def sentences(metrics: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the summary: what the model is, how good it is beside what, how it was edited."""
    return [_model(metrics), _accuracy(metrics), *_controls(metrics), *_edits(metrics, steps)]


def verdict(metrics: Mapping[str, Any]) -> tuple[str, str]:
    """Return whether the concepts beat random directions: a word for the style, and a sentence."""
    random = metrics["controls"]["random_bank"]
    if random is None:
        return "unknown", (
            "Not tested against random directions. Accuracy alone is no evidence that the named "
            "concepts matter."
        )
    spread = f"{show_difference(metrics, random['difference'])} (95% interval {interval(metrics)})"
    if random["beaten"]:
        return "yes", (
            f"The named concepts do better than random directions of the same number and "
            f"sparsity: {spread}."
        )
    return "no", (
        "Accuracy is no evidence for these concepts: random directions of the same number and "
        f"sparsity do about as well. Named minus random: {spread}."
    )


def interval(metrics: Mapping[str, Any]) -> str:
    """Return the interval of named minus random, without its unit."""
    low, high = metrics["controls"]["random_bank"]["interval"]
    show = points if figure_name(metrics) == "accuracy" else signed
    return f"{show(low)} to {show(high)}"


def _model(metrics: Mapping[str, Any]) -> str:
    concepts = plural(metrics["n_concepts"], "named concept")
    used = effective(metrics["nec"])
    if metrics["task"] == "regression":
        return f"The model predicts a number from {concepts}, of which it uses {used}."
    classes = plural(metrics["n_classes"], "class", "classes")
    if metrics["task"] == "binary":
        return f"The model tells {classes} apart by {concepts}, of which it uses {used}."
    verb = "marks" if metrics["task"] == "multilabel" else "tells"
    apart = "with" if metrics["task"] == "multilabel" else "apart by"
    return f"The model {verb} {classes} {apart} {concepts}; a class uses {used} of them on average."


def _accuracy(metrics: Mapping[str, Any]) -> str:
    test = as_fitted(metrics)[figure_name(metrics)]["test"]
    if test is None:
        return "How good it is on test data was not measured."
    rows = f"{count(metrics['n_test'])} test rows"
    where = f"Before the edits, on {rows}," if "as_fitted" in metrics else f"On {rows}"
    verb = "was" if "as_fitted" in metrics else "is"
    if metrics["task"] == "regression":
        return f"{where} its R² {verb} {decimal(test)}."
    if metrics["task"] == "multilabel":
        return f"{where} every label {verb} right for {percent(test)} (exact match)."
    return f"{where} it {verb} right for {percent(test)}."


def _controls(metrics: Mapping[str, Any]) -> list[str]:
    controls = metrics["controls"]
    texts = []
    if controls["full_probe"] is not None:
        probe = show_figure(metrics, controls["full_probe"])
        texts.append(f"A linear probe on all activations, without concepts, reaches {probe}.")
    if controls["majority"] is not None:
        base = show_figure(metrics, controls["majority"])
        always = ALWAYS.get(metrics["task"], "the most frequent class")
        texts.append(f"Always answering {always} gives {base}.")
    return texts


def _edits(metrics: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]) -> list[str]:
    if not steps:
        return []
    times = "once" if len(steps) == 1 else f"{len(steps)} times"
    texts = [f"After the fit its coefficients were changed by hand {times}."]
    measured = evaluations(steps[-1].get("evaluation"))
    if not measured:
        return [*texts, "What that did to its predictions was not measured."]
    name, edit = figure_name(metrics), "edit" if len(steps) == 1 else "last edit"
    what = "R²" if name == "r2" else "accuracy"
    moves = []
    for record in measured:
        before, after = (show_figure(metrics, record[side][name]) for side in ("before", "after"))
        where = f" ({record['data']})" if record.get("data") else ""
        moves.append(f"from {before} to {after}{where}")
    return [*texts, f"The {edit} took the {what} {', '.join(moves)}."]
