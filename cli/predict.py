"""``pcbm predict``: labels and probabilities for data, with or without labels of its own."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.evaluate import DataArgument, RunArgument, SplitOption
from pcbm.cli.inputs import activations_like, read, split_part
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
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> Result:
    """Predict the label of every row of DATA."""
    from pcbm.files import refuse_existing, write_text
    from pcbm.model import load_run

    if out is not None:
        refuse_existing(out, force=force)
    loaded = load_run(run)
    acts = activations_like(loaded, run, read(data, common), choice, common)
    rows, _ = split_part(acts, split, default_test=False)
    document = predictions(loaded.model, acts.take(rows))
    if out is not None:
        write_text(out, predictions_csv(document))
        document["out"] = out
    return Result(document, lambda: _view(document))


def predictions(model: Any, acts: Any) -> dict[str, Any]:
    """Return ids, classes, labels and probabilities as JSON values.

    ``label`` holds a class name a row; for multilabel a list of names, for regression a number.
    Regression has neither classes nor probabilities.
    """
    from pcbm.model.run import class_names, task_of

    task = task_of(model)
    classes = class_names(model)
    predicted = model.predict(acts.X)
    if classes is None:
        label = predicted.tolist()
    elif task == "multilabel":
        label = [[c for c, yes in zip(classes, row, strict=True) if yes] for row in predicted]
    else:
        label = [str(value) for value in predicted]
    return {
        "ids": acts.ids.tolist(),
        "classes": classes,
        "label": label,
        "proba": None if classes is None else model.predict_proba(acts.X).tolist(),
    }


def predictions_csv(document: dict[str, Any]) -> str:
    """Return predictions as CSV: id, label, and one probability column a class."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    classes = document["classes"] or []
    table.writerow(["id", "label", *(f"proba_{name}" for name in classes)])
    proba = document["proba"] or [[]] * len(document["ids"])
    for name, label, row in zip(document["ids"], document["label"], proba, strict=True):
        table.writerow([name, _label(label), *(repr(value) for value in row)])
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
    blocks: list[Block] = [Table(("id", "label", "probability"), rows[:SHOWN_ROWS])]
    if "out" in document:
        blocks.append(Line(f"wrote {n:,} rows to {document['out']}"))
    elif n > SHOWN_ROWS:
        blocks.append(Line(f"{n - SHOWN_ROWS:,} more rows: --out FILE.csv or --json has them all"))
    return blocks
