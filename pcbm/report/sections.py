"""What each section of a report shows, as plain values for the template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pcbm.model.hybrid_text import residual_lines
from pcbm.model.run import row_names
from pcbm.report.charts import path_chart, strip, strip_axis
from pcbm.report.figures import count, decimal, effective, percent, signed, significant
from pcbm.report.meters import meter, signed_bar
from pcbm.report.summary import as_fitted, figure_name, interval, show_difference, show_figure
from pcbm.report.svg import Across, nice_ticks

CONCEPTS_A_CLASS = 12  # shown at once; the others of a class unfold, up to MOST_A_CLASS
MOST_A_CLASS = 60
CLASSES_AT_ONCE = 24
UNUSED = "none"


def comparison(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the model beside its controls, on one axis; None when nothing was measured."""
    controls = metrics["controls"]
    random, figure = controls["random_bank"], as_fitted(metrics)[figure_name(metrics)]
    regression = metrics["task"] == "regression"
    rows = [
        ("base", "Always the mean" if regression else "Most frequent class", controls["majority"]),
        ("random", "Random directions", None if random is None else random["mean"]),
        ("model", "Before the edits" if "as_fitted" in metrics else "This model", figure["test"]),
        ("probe", "Linear probe, all activations", controls["full_probe"]),
    ]
    known = [value for _, _, value in rows if value is not None]
    if not known:
        return None
    known += [] if random is None else list(random.get("values") or [])
    ticks = nice_ticks(min(known), max(known))
    axis = Across(ticks[0], ticks[-1])
    shown = []
    for class_, name, value in rows:
        at_random = random if class_ == "random" else None
        words = show_figure(metrics, value)
        shown.append(
            {
                "class": class_,
                "name": name,
                "value": words,
                "detail": _detail(class_, metrics, at_random),
                "plot": strip(
                    axis,
                    f"{name}: {words}",
                    value=value,
                    class_=class_,
                    values=(at_random or {}).get("values") or (),
                ),
            }
        )
    axis_plot = strip_axis(axis, ticks, lambda v: show_figure(metrics, v).replace(".0%", "%"))
    return {"rows": shown, "axis": axis_plot, "train": show_figure(metrics, figure["train"])}


def _detail(class_: str, metrics: Mapping[str, Any], random: Mapping[str, Any] | None) -> str:
    if class_ == "model":
        used = effective(as_fitted(metrics)["nec"])
        return f"{used} concepts a class, {metrics['n_concepts']} in all"
    if class_ == "random" and random is not None:
        return (
            f"{random['repeats']} banks at NEC {effective(random['nec'])}, "
            f"standard deviation {show_figure(metrics, random['std'])}"
        )
    if class_ == "probe":
        strength = metrics["controls"].get("full_probe_C")
        return "no concepts" if strength is None else f"no concepts, C = {significant(strength)}"
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


def sparsity(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the path chart and its table; None when no path was measured."""
    path, name = metrics["path"], figure_name(metrics)
    if not path or all(point.get(name) is None for point in path):
        return None
    controls = metrics["controls"]
    chart = path_chart(
        path,
        name,
        nec=as_fitted(metrics)["nec"],
        test=as_fitted(metrics)[name]["test"],
        random=controls["random_bank"],
        levels={"probe": controls["full_probe"], "base": controls["majority"]},
    )
    nearest = min(range(len(path)), key=lambda i: abs(path[i]["lam"] - metrics["lam"]))
    rows = [
        {
            "lam": significant(point["lam"]),
            "nec": effective(point["nec"]),
            "figure": show_figure(metrics, point.get(name)),
            "kkt": significant(point.get("kkt"), 2),
            "chosen": i == nearest,
        }
        for i, point in enumerate(path)
    ]
    return {"chart": chart, "rows": rows, "figure": "R²" if name == "r2" else "Accuracy"}


def weights(model: Any) -> dict[str, Any]:
    """Return the coefficients of each row, largest first, with their share of the longest bar."""
    names, coef = list(model.concept_names_), np.atleast_2d(model.coef_)
    longest = float(np.abs(coef).max()) or 1.0
    binary = len(coef) == 1 and len(getattr(model, "classes_", ())) == 2
    cards = []
    for row, (name, values) in enumerate(zip(row_names(model), coef, strict=True)):
        order = [int(j) for j in np.argsort(-np.abs(values), kind="stable") if values[j] != 0]
        bars = [bar(names[j], float(values[j]), longest) for j in order[:MOST_A_CLASS]]
        cards.append(
            {
                "name": name,
                "against": str(model.classes_[0]) if binary else None,
                "bars": bars[:CONCEPTS_A_CLASS],
                "more": bars[CONCEPTS_A_CLASS:],
                "left_out": len(order) - len(bars),
                "used": len(order),
                "intercept": decimal(float(np.atleast_1d(model.intercept_)[row])),
            }
        )
    return {
        "cards": cards[:CLASSES_AT_ONCE],
        "more": cards[CLASSES_AT_ONCE:],
        "binary": binary,
        "concepts": len(names),
    }


def bar(name: str, value: float, longest: float, digits: int = 3) -> dict[str, Any]:
    """Return a name with its value and a bar, of full length at ``longest``."""
    return {"name": name, "value": signed(value, digits), "bar": signed_bar(value / longest)}


def bank_table(model: Any) -> dict[str, Any] | None:
    """Return what is known of each concept's own quality; None without a bank."""
    bank = model.bank
    if bank is None:
        return None
    coef = np.abs(np.atleast_2d(model.coef_))
    measured = [
        key
        for key in ("auc", "balanced_accuracy")
        if any(key in figures for figures in bank.stats.values())
    ]
    sources = getattr(bank, "sources", [bank.source] * len(bank.names))
    rows = []
    for k, name in enumerate(bank.names):
        figures = bank.stats.get(name, {})
        rows.append(
            {
                "name": name,
                "source": sources[k],
                "rows": int(np.count_nonzero(coef[:, k])),
                "largest": UNUSED if not coef[:, k].any() else decimal(float(coef[:, k].max())),
                "figures": [decimal(figures.get(key)) for key in measured],
                "margins": _margins(figures),
                "examples": _examples(figures),
                "weight": float(coef[:, k].sum()),
            }
        )
    rows.sort(key=lambda row: -row["weight"])
    return {
        "rows": rows,
        "measured": [_heading(key) for key in measured],
        "examples": any(row["examples"] for row in rows),
        "margins": any(row["margins"] for row in rows),
        "notes": list(getattr(bank, "notes", [])),
        "unused": sum(row["rows"] == 0 for row in rows),
        "n": len(rows),
    }


def _examples(figures: Mapping[str, Any]) -> str | None:
    if figures.get("n_positive") is None:
        return None
    return f"{count(figures['n_positive'])} with, {count(figures.get('n_negative'))} without"


def _margins(figures: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return mean and deviation of the held-out margins, with and without the concept."""
    if figures.get("margin_positive_mean") is None:
        return None
    one, other = (
        f"{signed(figures[f'margin_{side}_mean'], 2)} ± {decimal(figures[f'margin_{side}_std'], 2)}"
        for side in ("positive", "negative")
    )
    return one, other


def _heading(key: str) -> str:
    names = {"auc": "AUC", "balanced_accuracy": "Balanced accuracy"}
    return names.get(key, key.replace("_", " ").capitalize())


def evaluation(record: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return an evaluation E as tables: overall figures, classes, groups."""
    if record is None:
        return None
    overall = [
        (label, show(record[key]))
        for key, label, show in (
            ("accuracy", "Accuracy", percent),
            ("balanced_accuracy", "Balanced accuracy", percent),
            ("label_accuracy", "Accuracy a label", percent),
            ("auc", "AUC, one against the rest", decimal),
            ("r2", "R²", decimal),
            ("rmse", "RMSE", significant),
            ("worst_group", "Worst group", significant if "rmse" in record else percent),
            ("n", "Rows", count),
        )
        if record.get(key) is not None
    ]
    return {
        "overall": overall,
        "classes": _evaluated(record.get("per_class")),
        "groups": _evaluated(record.get("per_group")),
        "worst": record.get("worst_group_name"),
    }


def _evaluated(rows: Mapping[str, Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    result = []
    for name, row in (rows or {}).items():
        value = row.get("accuracy")
        has_error = "rmse" in row
        result.append(
            {
                "name": name,
                "n": count(row["n"]),
                "value": significant(row["rmse"]) if has_error else percent(value),
                "meter": "" if value is None else meter(value),
                "auc": decimal(row["auc"]) if row.get("auc") is not None else None,
            }
        )
    return result


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
