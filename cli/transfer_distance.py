"""``pcbm transfer distance``: how far apart the parameters of two networks are."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.cli.transfer_figures import FigureChoice
from pcbm.cli.transfer_points import A_NETWORK, ArchitectureOption, open_points


def distance(
    common: Common,
    figures: FigureChoice,
    a: Annotated[str, typer.Argument(metavar="A", help=f"{A_NETWORK}.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other, of the same architecture.")],
    network: ArchitectureOption = None,
) -> Result:
    """Measure the L2 distance of all parameters of A and B, by module and in all.

    Buffers, such as the statistics of batch norm, are listed apart and count nowhere.
    """
    from pcbm.analysis.transfer import parameter_distance
    from pcbm.report.plots.landscapes import distance_chart

    began = time.perf_counter()
    figures.check()
    found = parameter_distance(*open_points((a, b), network, common)).data()
    document = {
        **found,
        "a": a,
        "b": b,
        "figures": figures.write([distance_chart(found)]),
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(document))


def _view(document: dict[str, Any]) -> list[Block]:
    total = document["total"]
    columns = ("module", "tensors", "numbers", "distance", "norm of A", "relative")
    blocks: list[Block] = [
        Line(f"||A - B|| = {total['distance']:.5g}, A = {document['a']}, B = {document['b']}"),
        Table(columns, [_row(part) for part in [*document["modules"], total]], "Parameters"),
    ]
    if document["buffers"]:
        title = "Buffers: no parameters, in no sum above"
        blocks.append(Table(columns, [_row(part) for part in document["buffers"]], title))
    if document["left_out"]:
        blocks.append(Line(f"{len(document['left_out'])} buffers without fractions are left out"))
    return blocks


def _row(part: dict[str, Any]) -> list[Any]:
    tensors = ", ".join(part["tensors"]) if len(part["tensors"]) <= 4 else "all"
    return [
        part["name"], tensors, part["count"], part["distance"], part["norm_a"], part["relative"]
    ]  # fmt: skip
