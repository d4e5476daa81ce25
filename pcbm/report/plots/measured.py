"""The charts of a run's figures: controls, path, classes, groups, confusion, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pcbm.report.figures import count, decimal, effective, percent, significant
from pcbm.report.plots.chart import Absent, Chart, Drawn, dot, dots, paged
from pcbm.report.summary import as_fitted, figure_name, show_difference

ROWS = 50  # of a dot plot on one page
CELLS = 30  # classes of a confusion matrix that can be read
UNMEASURED = "the run holds no such figures: pcbm fit and pcbm edit --eval measure them"
PARTS = {
    "concepts_only": "Concepts alone",
    "residual_only": "Residual alone",
    "with_residual": "Concepts and residual",
    "without_concepts": "Every concept deleted",
}


def rows_of(metrics: Mapping[str, Any]) -> str:
    """Return which rows the evaluation is of, for a caption."""
    n = count((metrics["evaluation"] or {}).get("n"))
    return f"{n} rows, after the edits" if "as_fitted" in metrics else f"{n} test rows"


def headline(metrics: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the name of the task's figure as an axis has it, and whether it is a share."""
    return ("R²", False) if figure_name(metrics) == "r2" else ("accuracy", True)


def controls(metrics: Mapping[str, Any]) -> Drawn:
    """Return the model beside what accuracy alone would prove."""
    title, figure, share = "Test accuracy beside its controls", *headline(metrics)
    record, name = metrics["controls"], figure_name(metrics)
    random, fitted = record["random_bank"], as_fitted(metrics)
    known = record.get("intervals") or {}
    own = ((fitted.get("evaluation") or {}).get("intervals") or {}).get(name)
    base = "Always the mean" if name == "r2" else "Most frequent class"
    rows = [
        dot(base, [record["majority"]], [known.get("majority")], role="base"),
        dot(
            "Random directions",
            [None if random is None else random["mean"]],
            role="random",
            repeats=[] if random is None else random.get("values") or [],
        ),
        dot("Concepts, as fitted", [fitted[name]["test"]], [own]),
        dot(
            "Linear probe, no concepts",
            [record["full_probe"]],
            [known.get("full_probe")],
            role="probe",
        ),
    ]
    if all(row["values"] == [None] for row in rows):
        return Absent("controls", title, UNMEASURED)
    caption = f"{figure.capitalize()} on {count(metrics['n_test'])} test rows"
    caption += "; bars are 95 % intervals." if own else "."
    if random is not None:
        low, high = (show_difference(metrics, v) for v in random["interval"])
        caption += (
            f" Random directions: {random['repeats']} banks of as many directions at NEC "
            f"{effective(random['nec'])}, each a small dot; named minus random "
            f"{show_difference(metrics, random['difference'])} (95 % interval {low} to {high}), "
            f"p = {significant(random['p_value'])}."
        )
    return Chart("controls", title, caption, "dots", dots(f"{figure} on test", rows, percent=share))


def path(metrics: Mapping[str, Any]) -> Drawn:
    """Return the task's figure against the number of concepts along the path."""
    title, figure, share = "Accuracy against the number of concepts", *headline(metrics)
    name, fitted = figure_name(metrics), as_fitted(metrics)
    points = [p for p in metrics["path"] or () if p.get(name) is not None]
    if not points:
        return Absent("path", title, UNMEASURED)
    record = metrics["controls"]
    random = record["random_bank"]
    own = ((fitted.get("evaluation") or {}).get("intervals") or {}).get(name)
    data = {
        "figure": figure,
        "percent": share,
        "nec": [p["nec"] for p in points],
        "train": [p[name] for p in points],
        "chosen": {"nec": fitted["nec"], "test": fitted[name]["test"], "interval": own},
        "random": None
        if random is None
        else {"nec": random["nec"], "mean": random["mean"], "std": random["std"]},
        "probe": record["full_probe"],
        "majority": record["majority"],
    }
    caption = (
        f"Training {figure} along the regularisation path (line) and the chosen head, NEC "
        f"{effective(fitted['nec'])}, on test (point). Levels and random directions (mean and "
        "standard deviation at equal NEC) are on test."
    )
    return Chart("path", title, caption, "path", data)


def classes(metrics: Mapping[str, Any]) -> list[Drawn]:
    """Return the recall of each class, or the accuracy of each label."""
    multilabel = metrics["task"] == "multilabel"
    what = "accuracy" if multilabel else "recall"
    title = f"{what.capitalize()} of each {'label' if multilabel else 'class'}"
    return _named("classes", title, what, metrics, "per_class")


def groups(metrics: Mapping[str, Any]) -> list[Drawn]:
    """Return the figure of each group of rows."""
    what = "RMSE" if metrics["task"] == "regression" else "accuracy"
    return _named("groups", f"{what.capitalize()} of each group", what, metrics, "per_group")


def _named(name: str, title: str, what: str, metrics: Mapping[str, Any], key: str) -> list[Drawn]:
    record = metrics["evaluation"] or {}
    found = record.get(key)
    if not found:
        reason = UNMEASURED if not record else f"the test rows have no {name}"
        return [Absent(name, title, reason)]
    known = (record.get("intervals") or {}).get(key) or {}
    figure = "rmse" if what == "RMSE" else "accuracy"
    rows = [
        dot(label, [row.get(figure)], [known.get(label)], detail=f"n = {count(row['n'])}")
        for label, row in found.items()
    ]
    caption = f"{title} on {rows_of(metrics)}"
    caption += "; bars are 95 % intervals." if known else "."
    return [
        Chart(page, title, caption, "dots", dots(what, part, percent=what != "RMSE"))
        for page, part in paged(name, rows, ROWS)
    ]


def confusion(metrics: Mapping[str, Any], names: Sequence[str] | None) -> Drawn:
    """Return what was taken for what; of many classes those most often confused."""
    title = "What is taken for what"
    record = metrics["evaluation"] or {}
    counts = record.get("confusion")
    if not counts or names is None:
        reason = "numbers are not confused" if metrics["task"] == "regression" else UNMEASURED
        return Absent("confusion", title, reason)
    if metrics["task"] == "multilabel":
        kinds = [(t, p) for t in ("present", "absent") for p in ("present", "absent")]
        wrong = {
            a: sum(counts.get(a, {}).get(t, {}).get(p, 0) for t, p in kinds[1:3]) for a in names
        }
        kept = _kept(names, sorted(names, key=lambda name: -wrong[name]))
        columns = [f"{t}, said {p}" for t, p in kinds]
        cells = [[counts.get(a, {}).get(t, {}).get(p, 0) for t, p in kinds] for a in kept]
    else:
        pairs = [(-n, a, b) for a, row in counts.items() for b, n in row.items() if a != b]
        kept = _kept(names, [name for _, *pair in sorted(pairs) for name in pair])
        columns = kept
        cells = [[counts.get(a, {}).get(b, 0) for b in kept] for a in kept]
    caption = f"Given and predicted class of {rows_of(metrics)}."
    if len(kept) < len(names):
        caption += f" The {len(kept)} of {len(names)} classes: those with the largest confusions."
    data = {"rows": list(kept), "columns": list(columns), "values": cells}
    square = metrics["task"] != "multilabel"
    axes = {"row_axis": "given" if square else "", "column_axis": "predicted" if square else ""}
    return Chart("confusion", title, caption, "counts", {**data, **axes})


def _kept(names: Sequence[str], worst: Sequence[str]) -> list[str]:
    """Return at most `CELLS` names, the first of the worst, in their order."""
    if len(names) <= CELLS:
        return list(names)
    first = set(list(dict.fromkeys([*worst, *names]))[:CELLS])
    return [name for name in names if name in first]


def calibration(metrics: Mapping[str, Any]) -> Drawn:
    """Return the share of right rows against the stated probability."""
    title = "Do probabilities mean what they say?"
    record = (metrics["evaluation"] or {}).get("calibration")
    if not record:
        reason = "numbers have no probabilities" if metrics["task"] == "regression" else UNMEASURED
        return Absent("calibration", title, reason)
    of = "every label" if record["of"] == "labels" else "the predicted class"
    caption = (
        f"Share of right rows against the probability of {of}, in bins of equal width, "
        f"{rows_of(metrics)}; bars are 95 % intervals, grey shows how many probabilities fall "
        f"into each bin. Expected calibration error {decimal(record['ece'])}."
    )
    return Chart("calibration", title, caption, "calibration", dict(record))


def residual(metrics: Mapping[str, Any]) -> Drawn:
    """Return what the residual model does beside the concepts."""
    title, figure, share = "What the residual adds", *headline(metrics)
    record = as_fitted(metrics).get("residual") or metrics["residual"]
    if record is None:
        return Absent("residual", title, "the model has no residual")
    found = record.get(figure_name(metrics))
    if not found:
        return Absent("residual", title, UNMEASURED)
    rows = [
        dot(words, [found.get(key)], role="model" if key == "with_residual" else "base")
        for key, words in PARTS.items()
    ]
    caption = f"{figure.capitalize()} on {count(record['rows']['n'])} {record['rows']['part']} rows"
    shares = record.get("margin_share")
    if shares is not None:
        caption += (
            f"; of the margin's variance {percent(shares['concepts'])} belong to the concepts and "
            f"{percent(shares['residual'])} to the {record['kind']} residual"
        )
    return Chart("residual", title, caption + ".", "dots", dots(f"{figure}", rows, percent=share))
