"""``pcbm transfer criticality``: which modules of a network could not go back to their start."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.cli.transfer_basin import LossOption
from pcbm.cli.transfer_figures import FigureChoice
from pcbm.cli.transfer_points import (
    A_NETWORK,
    ArchitectureOption,
    PictureChoice,
    chosen_rows,
    open_points,
)

if TYPE_CHECKING:
    from pcbm.analysis.networks import Network
    from pcbm.analysis.transfer import Weights

PartsOption = Annotated[
    Path | None,
    typer.Option("--parts", metavar="DIR", help="Keep finished modules; a repeat continues."),
]


def criticality(
    common: Common,
    choice: PictureChoice,
    figures: FigureChoice,
    start: Annotated[str, typer.Argument(metavar="START", help=f"Before training: {A_NETWORK}.")],
    end: Annotated[str, typer.Argument(metavar="END", help="The same network after training.")],
    epsilon: Annotated[float, typer.Option("--epsilon", help="What the mean loss may be.")],
    network: ArchitectureOption = None,
    loss: LossOption = "cross_entropy",
    module: Annotated[
        list[str] | None,
        typer.Option(
            "--module",
            metavar="PATTERN",
            help="Such as layer1.*; repeatable. Default: all that hold matrices.",
        ),
    ] = None,
    path: Annotated[
        Path | None,
        typer.Option("--path", metavar="DIR", help="Checkpoints between, instead of the line."),
    ] = None,
    alphas: Annotated[int, typer.Option("--alphas", min=2, help="Points of the line.")] = 11,
    draws: Annotated[int, typer.Option("--draws", min=1, help="Of the noise.")] = 5,
    parts: PartsOption = None,
) -> Result:
    """Measure the criticality of each module between START and END.

    The least alpha^2 ||end - start||^2 / sigma^2 for which the mean loss under noise of size sigma,
    with the module moved back to start + alpha (end - start), is at most epsilon. The loss is that
    of the train rows of DATA, where it marks some.
    """
    from pcbm.analysis.reading import matching_layers
    from pcbm.analysis.transfer.criticality import weight_modules
    from pcbm.analysis.transfer.landscape import check_figure_of_merit
    from pcbm.report.plots.landscapes import criticality_chart

    began = time.perf_counter()
    figures.check()
    check_figure_of_merit(loss)
    rows = chosen_rows(choice, common, default="train")
    networks = open_points((start, end), network, common)
    names = matching_layers(networks[1], module) if module else weight_modules(networks[1])
    settings = {
        "epsilon": epsilon,
        "loss": loss,
        "alphas": alphas,
        "draws": draws,
        "seed": common.seed,
    }
    modules, final, n = _measured(networks, names, path, rows, choice, settings, parts, common)
    sums = [entry["mu"] for entry in modules]
    document: dict[str, Any] = {
        "start": start,
        "end": end,
        "path": path,
        **settings,
        "data": choice.data,
        "split": rows.split,
        "n": n,
        "final": final,
        "modules": modules,
        "sum": None if None in sums else sum(sums),
    }
    document["figures"] = figures.write([criticality_chart(document)])
    document["seconds"] = time.perf_counter() - began
    return Result(document, lambda: _view(document))


def _measured(
    networks: list[Network],
    names: list[str],
    path: Path | None,
    rows: Any,
    choice: PictureChoice,
    settings: dict[str, Any],
    parts: Path | None,
    common: Common,
) -> tuple[list[dict[str, Any]], float, int]:
    """Return the criticality of every module, the loss at the end, and the number of pictures."""
    from pcbm.analysis.transfer import Landscape, Ledger, read_weights
    from pcbm.analysis.transfer.criticality import module_criticality, module_parameters
    from pcbm.analysis.transfer.stir_study import pixels_sha256
    from pcbm.analysis.transfer.weights import check_same_shapes

    first, last = networks
    ends = read_weights(first), read_weights(last)
    check_same_shapes(*ends, (first.name, last.name))
    held = {name: module_parameters(last, name) for name in names}
    way, marks = _path(path, networks, ends)
    pixels, labels = rows.seen_by(last)
    land = Landscape(last, pixels, labels, batch_size=choice.batch_size, seed=common.seed)
    ledger = Ledger(parts)
    identity = {
        "study": "criticality",
        "networks": [first.fingerprint(), last.fingerprint(), *marks],
        "pixels": pixels_sha256(pixels),
        "labels": labels.tolist(),
        "settings": settings,
    }

    def part(name: str) -> Callable[[], dict[str, Any]]:
        return lambda: module_criticality(
            lambda w: land.score(w).figure(settings["loss"]),
            *ends,
            held[name],
            eps=settings["epsilon"],
            path=way,
            alphas=settings["alphas"],
            draws=settings["draws"],
            seed=settings["seed"],
            module=name,
        ).data()

    found = []
    with common.progress("modules") as progress:
        for done, name in enumerate(names, 1):
            found.append(ledger.part({**identity, "module": name}, part(name)))
            if progress:
                progress(done, len(names))
    return found, land.score(ends[1]).figure(settings["loss"]), len(pixels)


def _path(
    folder: Path | None, networks: list[Network], ends: tuple[Weights, Weights]
) -> tuple[list[Weights] | None, list[str]]:
    """Return the points of the path, start and end included, and what tells them apart."""
    from pcbm.analysis.transfer import CheckpointFolder, read_weights

    if folder is None:
        return None, []
    between, marks = [], []
    for checkpoint in CheckpointFolder(folder, networks[1]):
        between.append(read_weights(checkpoint))
        marks.append(checkpoint.fingerprint())
    return [ends[0], *between, ends[1]], marks


def _view(document: dict[str, Any]) -> list[Block]:
    part = "" if document["split"] == "all" else f" ({document['split']})"
    place = "alpha" if document["path"] is None else "checkpoint"
    columns = ("module", "numbers", "distance", "loss at start", "criticality", place, "sigma",
               "mean loss", "Monte Carlo error")  # fmt: skip
    keys = ("module", "count", "distance", "rewound", "mu", "at", "sigma", "loss", "error")
    lines = [[entry[key] for key in keys] for entry in document["modules"]]
    blocks: list[Block] = [
        Line(f"from {document['start']} to {document['end']}"),
        Line(
            f"{document['loss']} at most {document['epsilon']:g} on {document['n']:,} pictures of "
            f"{document['data']}{part}; {document['final']:.4g} at the end; {document['draws']} "
            f"draws, seed {document['seed']}"
        ),
        Table(columns, lines),
    ]
    for entry in document["modules"]:
        if entry["reason"]:
            blocks.append(Line(f"{entry['module']}: no value, {entry['reason']}", "yellow"))
    if document["sum"] is not None:
        blocks.append(Line(f"sum over modules: {document['sum']:.4g}"))
    return blocks
