"""The summary in plain words: what the figures of a run say, and what they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcbm.report.figures import count, decimal, percent, plural, points, signed, significant


def figure_name(metrics: Mapping[str, Any]) -> str:
    """Return the key of the task's headline figure."""
    return "r2" if metrics["task"] == "regression" else "accuracy"


def show_figure(metrics: Mapping[str, Any], value: float | None) -> str:
    """Return an accuracy as a percentage, an R^2 as a decimal."""
    return percent(value) if figure_name(metrics) == "accuracy" else decimal(value)


def show_difference(metrics: Mapping[str, Any], value: float | None) -> str:
    """Return a difference in points of accuracy, or of R^2."""
    if figure_name(metrics) == "accuracy":
        return points(value) + " points" if value is not None else points(value)
    return signed(value)


def sentences(metrics: Mapping[str, Any], n_edits: int) -> list[str]:
    """Return the summary, a sentence or two each on the model, its accuracy and its concepts."""
    texts = [_model(metrics), _accuracy(metrics)]
    return [text for text in (*texts, *_controls(metrics), _edits(n_edits)) if text]


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
    used = significant(metrics["nec"])
    if metrics["task"] == "regression":
        return f"The model predicts a number from {concepts}, of which it uses {used}."
    classes = plural(metrics["n_classes"], "class", "classes")
    if metrics["task"] == "binary":
        return f"The model tells {classes} apart by {concepts}, of which it uses {used}."
    verb = "marks" if metrics["task"] == "multilabel" else "tells"
    apart = "with" if metrics["task"] == "multilabel" else "apart by"
    return f"The model {verb} {classes} {apart} {concepts}; a class uses {used} of them on average."


def _accuracy(metrics: Mapping[str, Any]) -> str:
    test = metrics[figure_name(metrics)]["test"]
    if test is None:
        return "Its accuracy on test data was not measured."
    rows = f"{count(metrics['n_test'])} test rows"
    if metrics["task"] == "regression":
        return f"On {rows} it explains a share of {decimal(test)} of the variance (R²)."
    return f"On {rows} it is right for {percent(test)}."


def _controls(metrics: Mapping[str, Any]) -> list[str]:
    controls = metrics["controls"]
    texts = []
    if controls["full_probe"] is not None:
        probe = show_figure(metrics, controls["full_probe"])
        texts.append(f"A linear probe on all activations, without concepts, reaches {probe}.")
    if controls["majority"] is not None:
        base = show_figure(metrics, controls["majority"])
        always = "the mean" if metrics["task"] == "regression" else "the most frequent class"
        texts.append(f"Always answering {always} gives {base}.")
    return texts


def _edits(number: int) -> str:
    if not number:
        return ""
    return (
        "The coefficients were changed by hand "
        + ("once" if number == 1 else f"{number} times")
        + " after the fit; see Edits."
    )
