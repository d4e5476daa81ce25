"""``pcbm transfer barrier``: the loss on the line between two networks."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.cli.transfer_figures import FigureChoice
from pcbm.cli.transfer_points import (
    A_NETWORK,
    ROWS,
    ArchitectureOption,
    PictureChoice,
    TrainOption,
    TrainRowsOption,
    chosen_rows,
    open_points,
    training_pixels,
)


def barrier(
    common: Common,
    choice: PictureChoice,
    figures: FigureChoice,
    a: Annotated[str, typer.Argument(metavar="A", help=f"{A_NETWORK}.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other, of the same architecture.")],
    network: ArchitectureOption = None,
    train: TrainOption = None,
    train_rows: TrainRowsOption = ROWS,
    points: Annotated[int, typer.Option("--points", min=3, help="Of t, 0 and 1 included.")] = 11,
) -> Result:
    """Measure the barrier between A and B: max over t of l((1-t) A + t B) - (1-t) l(A) - t l(B).

    Batch-norm statistics are mixed like the weights (as is), and computed anew at every t from
    training pictures (recalibrated). The loss is the cross-entropy of the test rows of DATA,
    where it marks some.
    """
    from pcbm.analysis.transfer import measure_barrier
    from pcbm.report.plots.landscapes import barrier_chart

    began = time.perf_counter()
    figures.check()
    rows = chosen_rows(choice, common)
    first, second = open_points((a, b), network, common)
    pixels, labels = rows.seen_by(first)
    statistics = training_pixels(first, rows, train, train_rows, common)
    with common.progress("line") as progress:
        found = measure_barrier(
            first,
            second,
            pixels,
            labels,
            train=statistics,
            points=points,
            batch_size=choice.batch_size,
            seed=common.seed,
            progress=progress,
        ).data()
    document = {
        **found,
        "a": a,
        "b": b,
        "data": choice.data,
        "split": rows.split,
        "figures": figures.write([barrier_chart(found)]),
        "seed": common.seed,
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(document))


def _view(document: dict[str, Any]) -> list[Block]:
    curves = {"as is": document["as_is"], "recalibrated": document["recalibrated"]}
    known = {name: curve for name, curve in curves.items() if curve is not None}
    part = "" if document["split"] == "all" else f" ({document['split']})"
    blocks: list[Block] = [
        Line(f"A = {document['a']}, B = {document['b']}"),
        Line(f"{document['n']:,} pictures of {document['data']}{part}"),
        Table(
            ("batch-norm statistics", "barrier", "at t", "inside", "barrier of the error"),
            [
                [name, curve["barrier"], curve["at"], curve["inside"], curve["error_barrier"]]
                for name, curve in known.items()
            ],
        ),
    ]
    if document["reason"]:
        blocks.append(Line(f"recalibrated: not measured, {document['reason']}", "yellow"))
    else:
        blocks.append(Line(f"recalibrated on {document['n_train']:,} training pictures"))
    columns = ["t", *(f"{what}, {name}" for name in known for what in ("loss", "accuracy"))]
    lines = [
        [t, *(curve[what][k] for curve in known.values() for what in ("loss", "accuracy"))]
        for k, t in enumerate(document["t"])
    ]
    return [*blocks, Table(columns, lines, "Along (1 - t) A + t B")]
