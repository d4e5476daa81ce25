"""What the sections on controls, sparsity and residual show, as plain values for the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.model.hybrid_text import residual_lines
from pcbm.report.figures import count, decimal, effective, significant, span
from pcbm.report.summary import as_fitted, figure_name, interval, show_difference, show_figure


def comparison(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the model beside its controls; None when nothing was measured."""
    controls, name = metrics["controls"], figure_name(metrics)
    random, figure = controls["random_bank"], as_fitted(metrics)[name]
    known = controls.get("intervals") or {}
    evaluation = as_fitted(metrics)["evaluation"] or {}
    own = (evaluation.get("intervals") or {}).get(name)
    base = "Always the mean" if name == "r2" else "Most frequent class"
    rows = [
        ("base", base, controls["majority"], known.get("majority")),
        ("random", "Random directions", None if random is None else random["mean"], None),
        (
            "model",
            "Before the edits" if "as_fitted" in metrics else "This model",
            figure["test"],
            own,
        ),
        ("probe", "Linear probe, no concepts", controls["full_probe"], known.get("full_probe")),
    ]
    if all(value is None for _, _, value, _ in rows):
        return None
    return {
        "rows": [
            {
                "class": class_,
                "name": words,
                "value": show_figure(metrics, value),
                "interval": show_interval(metrics, bounds),
                "detail": _detail(class_, metrics),
            }
            for class_, words, value, bounds in rows
        ],
        "train": show_figure(metrics, figure["train"]),
    }


def show_interval(metrics: Mapping[str, Any], bounds: Sequence[float] | None) -> str:
    """Return an interval of the headline figure in words; a dash where there is none."""
    if bounds is None or figure_name(metrics) == "accuracy":
        return span(bounds)
    return " to ".join(map(decimal, bounds))


def _detail(class_: str, metrics: Mapping[str, Any]) -> str:
    controls = metrics["controls"]
    random = controls["random_bank"]
    if class_ == "model":
        used = effective(as_fitted(metrics)["nec"])
        return f"{used} concepts a class, {metrics['n_concepts']} in all"
    if class_ == "random" and random is not None:
        return (
            f"{random['repeats']} banks at NEC {effective(random['nec'])}, "
            f"standard deviation {show_figure(metrics, random['std'])}"
        )
    if class_ == "probe":
        strength = controls.get("full_probe_C")
        return "" if strength is None else f"all activations, C = {significant(strength)}"
    return ""


def random_test(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the figures of the comparison with random banks, as (label, value)."""
    random = metrics["controls"]["random_bank"]
    if random is None:
        return []
    return [
        ("Named minus random", show_difference(metrics, random["difference"])),
        ("95% interval", interval(metrics)),
        ("p-value", significant(random["p_value"])),
        ("Named bank, same rows", show_figure(metrics, random["named"])),
        ("Random banks, mean", show_figure(metrics, random["mean"])),
        ("Standard deviation", show_figure(metrics, random["std"])),
        ("Repeats", count(random["repeats"])),
        ("Training rows used", count(random["train_rows"])),
    ]


def path_rows(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the points of the regularisation path as rows of a table."""
    path, name = metrics["path"] or [], figure_name(metrics)
    if not path:
        return []
    nearest = min(range(len(path)), key=lambda i: abs(path[i]["lam"] - metrics["lam"]))
    return [
        {
            "lam": significant(point["lam"]),
            "nec": effective(point["nec"]),
            "figure": show_figure(metrics, point.get(name)),
            "kkt": significant(point.get("kkt"), 2),
            "chosen": i == nearest,
        }
        for i, point in enumerate(path)
    ]


def residual(metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the residual adds, as (label, value); empty without a residual.

    After an edit the figures are those of the fit, and say so.
    """
    fitted = as_fitted(metrics).get("residual")
    record = fitted or metrics["residual"]
    if record is None:
        return []
    lines = [
        (label[0].upper() + label[1:], text)
        for label, text in residual_lines(record, metrics["task"])
    ]
    return [("When", "before the edits"), *lines] if fitted and "as_fitted" in metrics else lines
