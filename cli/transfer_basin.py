"""``pcbm transfer basin``: whether networks lie in one basin of the loss."""

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
from pcbm.errors import InputError

LossOption = Annotated[
    str, typer.Option("--loss", help="cross_entropy (nats), or error (share of wrong answers).")
]


def basin(
    common: Common,
    choice: PictureChoice,
    figures: FigureChoice,
    points: Annotated[
        list[str], typer.Argument(metavar="NETWORK...", help=f"Two or more, each {A_NETWORK}.")
    ],
    epsilon: Annotated[float, typer.Option("--epsilon", help="In units of the loss.")],
    delta: Annotated[
        float, typer.Option("--delta", help="Length of a step outside, in units of weights.")
    ],
    network: ArchitectureOption = None,
    loss: LossOption = "cross_entropy",
    draws: Annotated[int, typer.Option("--draws", min=10, help="Of each expectation.")] = 50,
    recalibrate: Annotated[
        bool,
        typer.Option("--recalibrate", help="Compute batch-norm statistics anew at every draw."),
    ] = False,
    train: TrainOption = None,
    train_rows: TrainRowsOption = ROWS,
) -> Result:
    """Check whether the convex hull of networks is an (epsilon, delta)-basin of the loss.

    Flat inside, and at least 2 epsilon higher outside, around its edge and beyond it. The loss is
    that of the train rows of DATA, where it marks some.
    """
    from pcbm.analysis.transfer import Landscape, measure_basin, read_weights
    from pcbm.analysis.transfer.landscape import check_figure_of_merit
    from pcbm.analysis.transfer.weights import check_same_shapes, squared_distance
    from pcbm.report.plots.landscapes import basin_chart

    began = time.perf_counter()
    figures.check()
    check_figure_of_merit(loss)
    if len(points) < 2:
        raise InputError(f"one network was named, {points[0]}: give at least two")
    rows = chosen_rows(choice, common, default="train")
    networks = open_points(points, network, common)
    weights = [read_weights(one) for one in networks]
    for name, other in zip(points[1:], weights[1:], strict=True):
        check_same_shapes(weights[0], other, (points[0], name))
    pixels, labels = rows.seen_by(networks[0])
    statistics = None
    if recalibrate:
        statistics = training_pixels(networks[0], rows, train, train_rows, common)
        if statistics is None:
            raise InputError(
                f"--recalibrate needs training pictures, and {choice.data} marks none: add --train"
            )
    land = Landscape(
        networks[0],
        pixels,
        labels,
        train=statistics,
        batch_size=choice.batch_size,
        seed=common.seed,
    )
    with common.progress("losses") as progress:
        found = measure_basin(
            lambda w: land.score(w).figure(loss),
            weights,
            eps=epsilon,
            delta=delta,
            draws=draws,
            seed=common.seed,
            progress=progress,
        ).data()
    ends = [land.score(point).figure(loss) for point in weights]
    sides = [squared_distance(weights[0].parameters, w.parameters) ** 0.5 for w in weights]
    document = {
        **found,
        "loss": loss,
        "points": [
            {"network": name, "loss": end, "distance": side}
            for name, end, side in zip(points, ends, sides, strict=True)
        ],
        "statistics": "recalibrated" if recalibrate else "as is",
        "data": choice.data,
        "split": rows.split,
        "n": len(pixels),
        "figures": figures.write([basin_chart(found)]),
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(document))


def _view(document: dict[str, Any]) -> list[Block]:
    said = {True: "is a basin", False: "is no basin", None: "is not decided: more --draws"}
    part = "" if document["split"] == "all" else f" ({document['split']})"
    verdicts = {True: "yes", False: "no", None: "not decided"}
    checks = [
        [c["condition"], c["value"], c["error"], c["limit"], verdicts[c["holds"]]]
        for c in document["checks"].values()
    ]
    points = [[p["network"], p["loss"], p["distance"]] for p in document["points"]]
    return [
        Line(
            f"the convex hull {said[document['holds']]}, eps = {document['eps']:g}, "
            f"delta = {document['delta']:g}"
        ),
        Line(
            f"{document['loss']} of {document['n']:,} pictures of {document['data']}{part}, "
            f"batch-norm statistics {document['statistics']}"
        ),
        Table(("network", "loss", "distance from the first"), points),
        Line(
            f"mu = {document['mu']:.4g} ± {document['mu_error']:.2g}, {document['draws']} draws "
            "an expectation"
        ),
        Table(("condition", "value", "Monte Carlo error", "limit", "holds"), checks),
    ]
