"""``pcbm predict``: labels and probabilities for data, with or without labels of its own."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.evaluate import DataArgument, RunArgument, SplitOption
from pcbm.cli.inputs import activations_like, read, split_part
from pcbm.cli.interventions import InterveneOption, held_scores, intervention_lines, told
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table

SHOWN_ROWS = 20


def predict(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    data: DataArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.csv", help="Write all rows here.")
    ] = None,
    split: SplitOption = None,
    held: InterveneOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> Result:
    """Predict the label of every row of DATA."""
    from pcbm.files import refuse_existing, write_text
    from pcbm.model import load_run

    if out is not None:
        refuse_existing(out, force=force)
    loaded, values = load_run(run), held_scores(held or [])
    acts = activations_like(loaded, run, read(data, common), choice, common)
    rows, _ = split_part(acts, split, default_test=False)
    document = predictions(loaded.model, acts.take(rows), values)
    if out is not None:
        write_text(out, predictions_csv(document))
        document["out"] = out
    return Result(document, lambda: _view(document))


def predictions(model: Any, acts: Any, values: dict[str, float] | None = None) -> dict[str, Any]:
    """Return ids, classes, labels and probabilities as JSON values.

    ``label`` holds a class name a row; for multilabel a list of names, for regression a number.
    Regression has neither classes nor probabilities. With ``values`` (concept to raw score) these
    are the predictions after the intervention; ``intervention`` says what was held and how many
    predictions changed by it, and holds labels and probabilities ``before``.
    """
    from pcbm.model import intervene
    from pcbm.model.run import class_names

    classes = class_names(model)
    document: dict[str, Any] = {"ids": acts.ids.tolist(), "classes": classes}
    if not values:
        proba = None if classes is None else model.predict_proba(acts.X)
        return document | _told_rows(model, model.predict(acts.X), proba)
    found = intervene(model, acts.X, values)
    document |= _told_rows(model, found.predicted_after, found.proba_after)
    document["intervention"] = {
        **told(model, values, int(found.changed.sum()), len(acts), found.notes),
        "before": _told_rows(model, found.predicted_before, found.proba_before),
    }
    return document


def _told_rows(model: Any, predicted: Any, proba: Any) -> dict[str, Any]:
    from pcbm.model.run import class_names, task_of

    classes = class_names(model)
    if classes is None:
        label = predicted.tolist()
    elif task_of(model) == "multilabel":
        label = [[c for c, yes in zip(classes, row, strict=True) if yes] for row in predicted]
    else:
        label = [str(value) for value in predicted]
    return {"label": label, "proba": None if proba is None else proba.tolist()}


def predictions_csv(document: dict[str, Any]) -> str:
    """Return predictions as CSV: id, label, and one probability column a class.

    After an intervention a last column holds the label before it.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    classes = document["classes"] or []
    held = document.get("intervention")
    last = [] if held is None else ["label_before"]
    table.writerow(["id", "label", *(f"proba_{name}" for name in classes), *last])
    n = len(document["ids"])
    proba = document["proba"] or [[]] * n
    ends = [[]] * n if held is None else [[_label(label)] for label in held["before"]["label"]]
    rows = zip(document["ids"], document["label"], proba, ends, strict=True)
    for name, label, row, end in rows:
        table.writerow([name, _label(label), *(repr(value) for value in row), *end])
    return text.getvalue()


def _label(label: Any) -> Any:
    if not isinstance(label, list):
        return label
    return ";".join(str(part) for part in label)


def _view(document: dict[str, Any]) -> list[Block]:
    n = len(document["ids"])
    proba = document["proba"] or [None] * n
    rows = [
        (name, _label(label), None if p is None or isinstance(label, list) else max(p))
        for name, label, p in zip(document["ids"], document["label"], proba, strict=True)
    ]
    blocks: list[Block] = [*intervention_lines(document.get("intervention"))]
    blocks += [Table(("id", "label", "probability"), rows[:SHOWN_ROWS])]
    if "out" in document:
        blocks.append(Line(f"wrote {n:,} rows to {document['out']}"))
    elif n > SHOWN_ROWS:
        blocks.append(Line(f"{n - SHOWN_ROWS:,} more rows: --out FILE.csv or --json has them all"))
    return blocks
