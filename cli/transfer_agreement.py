"""``pcbm transfer agreement``: whether two classifiers answer alike, and err at the same places."""

from __future__ import annotations

import csv
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import activations_like, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.cli.views import SPAN, interval_text
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pcbm.activations import Dataset

FILES = (".csv", ".json")
SHARES = {
    "agreement": "same answer",
    "expected_agreement": "expected of independent answers",
    "cohen_kappa": "Cohen's kappa",
    "accuracy_a": "accuracy of A",
    "accuracy_b": "accuracy of B",
    "accuracy_difference": "accuracy of A - B",
    "consistency": "both right or both wrong",
    "expected_consistency": "expected of independent mistakes",
    "error_kappa": "error consistency (kappa)",
    "common_mistakes": "wrong in both, of wrong in either",
    "same_mistakes": "same wrong answer, of wrong in both",
}


@dataclass(frozen=True, eq=False)
class Side:
    """What one side answered: row names, labels, and activations where there are any."""

    ids: np.ndarray
    labels: np.ndarray
    X: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows that are answered, and the classes of the data that they come from."""

    data: Dataset
    classes: list[str] | None


def agreement(
    common: Common,
    a: Annotated[
        str,
        typer.Argument(metavar="A", help="A network, a RUN, or predictions (.csv, .json)."),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="The other one, of the same forms.")],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DATA", help="Rows and labels; files alone need none."),
    ] = None,
    layer: Annotated[
        str | None,
        typer.Option("--layer", help="Of networks: CKA of this layer is put beside."),
    ] = None,
    layer_b: Annotated[
        str | None, typer.Option("--layer-b", help="The layer of B. Default: that of A.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option("--split", help="Which rows of DATA. Default: test, where it marks some."),
    ] = None,
    draws: Annotated[
        int, typer.Option("--draws", min=0, help="Bootstrap samples for intervals; 0 = none.")
    ] = 1000,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Rows at once.")] = 64,
) -> Result:
    """Compare the predictions of two classifiers.

    Output k of a network is the k-th class of DATA by name.
    """
    from pcbm.analysis.transfer.agreement import measure_agreement

    began = time.perf_counter()
    files = {name: read_predictions(Path(name)) for name in (a, b) if _is_file(name)}
    rows = None if data is None else _rows(read(data, common), split, files)
    layers = (layer, layer_b or layer)
    sides = [
        files[given] if given in files else _answered(given, rows, each, batch_size, common)
        for given, each in zip((a, b), layers, strict=True)
    ]
    left, right = sides[0], _in_order_of(sides[0], sides[1], (a, b))
    y = None if rows is None else _right_labels(left, rows.data, a)
    found = measure_agreement(left.labels, right.labels, y, draws=draws, seed=common.seed)
    document = {
        "a": a,
        "b": b,
        **found.data(),
        "cka": _cka(left.X, right.X),
        "seed": common.seed,
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(document))


def _is_file(given: str) -> bool:
    return Path(given).suffix.lower() in FILES and not given.startswith("python:")


def _rows(data: Dataset, split: str | None, files: dict[str, Side]) -> Rows:
    """Return the rows to answer: those of a file of predictions, else those of the split."""
    from pcbm.analysis.transfer.labelled import class_codes

    classes = None if data.y is None else class_codes(data)[1]
    if files and split is None:
        name, side = next(iter(files.items()))
        return Rows(data.take(_places(data.ids, side.ids, (name, data.source))), classes)
    return Rows(data.take(split_part(data, split, default_test=True)[0]), classes)


def _answered(
    given: str, rows: Rows | None, layer: str | None, batch_size: int, common: Common
) -> Side:
    """Return what a run or a network answers."""
    if rows is None:
        raise InputError(f"{given} needs inputs to answer, and there are none: add --data")
    if Path(given).is_dir():
        return _run_side(Path(given), rows.data, batch_size, common)
    if ":" not in given:
        raise InputError(
            f"{given} does not exist: expected predictions (.csv or .json), a RUN folder, or a "
            "network such as python:FILE.py:FACTORY"
        )
    return _network_side(given, rows, layer, batch_size, common)


def read_predictions(path: Path) -> Side:
    """Read what ``pcbm predict`` wrote: ids and labels of a ``.csv``, or of its ``--json``.

    Raises
    ------
    InputError
        No such file, or no ids and labels in it, or an id that occurs twice.
    """
    import numpy as np

    from pcbm.activations.dataset import refuse_duplicates
    from pcbm.files import read_json, read_utf8

    if path.suffix.lower() == ".json":
        table = read_json(path)
    else:
        lines = list(csv.DictReader(read_utf8(path).splitlines()))
        known = {"id", "label"} <= set(lines[0] if lines else ())
        table = (
            {"ids": [r["id"] for r in lines], "label": [r["label"] for r in lines]} if known else {}
        )
    ids, labels = (
        table.get(name) if isinstance(table, dict) else None for name in ("ids", "label")
    )
    if not isinstance(ids, list) or not isinstance(labels, list) or len(ids) != len(labels):
        raise InputError(f"{path} holds no predictions: expected the columns id and label")
    if any(value is None or isinstance(value, list) for value in labels):
        raise InputError(f"{path} does not hold one label a row: agreement compares single classes")
    names = np.array([str(name) for name in ids])
    refuse_duplicates(names, str(path))
    return Side(names, np.array([str(label) for label in labels]))


def _run_side(folder: Path, rows: Dataset, batch_size: int, common: Common) -> Side:
    import numpy as np

    from pcbm.model import load_run
    from pcbm.model.run import task_of

    run = load_run(folder)
    if task_of(run.model) not in ("binary", "multiclass"):
        raise InputError(f"{folder} does not predict one class a row: give a classifier")
    acts = activations_like(run, folder, rows, BackboneChoice(batch_size=batch_size), common)
    labels = np.array([str(label) for label in run.model.predict(acts.X)])
    return Side(acts.ids, labels, np.asarray(acts.X))


def _network_side(
    spec: str, rows: Rows, layer: str | None, batch_size: int, common: Common
) -> Side:
    import numpy as np

    from pcbm.analysis.networks import open_network
    from pcbm.analysis.reading import LayerReader, matching_layers
    from pcbm.analysis.transfer.labelled import check_outputs, read_logits

    network = open_network(spec, device=common.device)
    names = matching_layers(network, [layer]) if layer else []
    if rows.classes is None:
        raise InputError(f"{rows.data.source} names no classes for the outputs of {spec}: label it")
    pixels = network.pixels(rows.data, np.arange(len(rows.data)))
    with common.progress(f"predictions of {spec}") as progress:
        scores = read_logits(network, pixels, batch_size=batch_size, progress=progress)
    check_outputs(network, scores.shape[1], rows.classes)
    labels = np.array(rows.classes)[scores.argmax(dim=1).numpy()]
    if not names:
        return Side(rows.data.ids, labels)
    reader = LayerReader(network, names[:1], example=pixels)
    return Side(rows.data.ids, labels, reader.rows(pixels, batch_size=batch_size)[names[0]])


def _in_order_of(first: Side, second: Side, names: tuple[str, str]) -> Side:
    """Return the second side with its rows in the order of the first; they must be the same."""
    order = _places(second.ids, first.ids, names)
    if len(second.ids) != len(first.ids):
        raise InputError(
            f"{names[0]} has {len(first.ids)} rows and {names[1]} {len(second.ids)}: give "
            "predictions of the same rows"
        )
    X = None if second.X is None else second.X[order]
    return Side(second.ids[order], second.labels[order], X)


def _right_labels(side: Side, rows: Dataset, name: str) -> np.ndarray | None:
    """Return the labels of the data for the rows that were answered; None without any."""
    if rows.y is None:
        return None
    return rows.y[_places(rows.ids, side.ids, (name, rows.source))].astype(str)


def _places(known: np.ndarray, wanted: np.ndarray, names: tuple[str, str]) -> np.ndarray:
    import numpy as np

    from pcbm.errors import quoted

    where = {name: place for place, name in enumerate(known.tolist())}
    missing = [name for name in wanted.tolist() if name not in where]
    if missing:
        raise InputError(
            f"{len(missing)} of the {len(wanted)} ids of {names[0]} are not in {names[1]}: "
            f"{quoted(missing, 3)}; give the same rows"
        )
    return np.array([where[name] for name in wanted.tolist()], dtype=np.int64)


def _cka(X: np.ndarray | None, Y: np.ndarray | None) -> dict[str, Any] | None:
    """Return linear CKA of the activations beside the answers, debiased and biased."""
    from pcbm.analysis import linear_cka

    if X is None or Y is None:
        return None
    return {
        name: linear_cka(X, Y, debiased=name == "cka_debiased").data()
        for name in ("cka_debiased", "cka")
    }


def _view(document: dict[str, Any]) -> list[Block]:
    extra: dict[str, float | None] = dict.fromkeys(
        ("accuracy_a", "accuracy_b", "accuracy_difference")
    )
    if document["accuracy"] is not None:
        first, second = document["accuracy"]
        extra = {"accuracy_a": first, "accuracy_b": second, "accuracy_difference": first - second}
    values = document | extra
    intervals = document["intervals"]
    lines = [
        [words, values[name], interval_text(intervals.get(name))]
        for name, words in SHARES.items()
        if values[name] is not None
    ]
    for name, entry in (document["cka"] or {}).items():
        lines.append([name, entry["value"], None])
    blocks: list[Block] = [Line(f"A {document['a']}, B {document['b']}: {document['n']:,} rows")]
    blocks.append(Table(("", "value", SPAN), lines))
    limits = document["error_kappa_range"]
    if limits:
        blocks.append(
            Line(f"with these accuracies error consistency can lie at {interval_text(limits)}")
        )
    blocks += [
        Line(f"{name}: no value, {reason}", "yellow")
        for name, reason in document["reasons"].items()
    ]
    return blocks
