"""``pcbm transfer transferability``: what layers learnt on some classes are worth on others."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import read
from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.cli.transfer_figures import FigureChoice
from pcbm.cli.transfer_stitch import train_and_test
from pcbm.cli.transfer_study import kept_parts
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pcbm.analysis.networks import Network
    from pcbm.analysis.transfer.transferability import Transferability
    from pcbm.report.plots.chart import Chart

BUDGET = "Budget of every network"


def transferability(
    common: Common,
    figures: FigureChoice,
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="python:FILE.py:FACTORY; the factory draws new weights at every call.",
        ),
    ],
    data: Annotated[str, typer.Option("--data", metavar="DATA", help="Images with classes.")],
    cut: Annotated[
        list[str],
        typer.Option("--cut", metavar="PATTERN", help="Layers to cut after, such as layer*."),
    ],
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Repeats, other classes each.")] = 3,
    rows: Annotated[
        int | None,
        typer.Option("--rows", min=4, help="Train on so many rows, drawn by the seed."),
    ] = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, help="Of training.", rich_help_panel=BUDGET)
    ] = 500,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=2, help="Rows a step.", rich_help_panel=BUDGET)
    ] = 64,
    rate: Annotated[
        float, typer.Option("--rate", help="Of the first step.", rich_help_panel=BUDGET)
    ] = 0.05,
) -> Result:
    """Train AnB, BnB, AnB+ and BnB+ on random halves of the classes, for every cut.

    Layers up to the cut are copied from a network trained on A or on B; the rest is new and
    trained on B; with + the copied layers learn too. An interrupted study goes on where it was.
    """
    from pcbm.analysis.reading import matching_layers
    from pcbm.analysis.transfer.training import Budget
    from pcbm.analysis.transfer.transferability import (
        TransferabilitySettings,
        measure_transferability,
    )

    began = time.perf_counter()
    figures.check()
    settings = TransferabilitySettings(Budget(steps, batch_size, rate), seeds, common.seed)
    make = _maker(network, common)
    first = make()
    cuts = matching_layers(first, cut)
    train, test = train_and_test([first], read(data, common), rows, common)[0]
    with kept_parts(common) as ledger, common.progress("training") as progress:
        found = measure_transferability(
            make, train, test, cuts, settings, ledger=ledger, progress=progress
        )
    document = {
        "network": network,
        "data": data,
        "n_train": len(train),
        "n_test": len(test),
        "trained": seeds * (2 + 4 * len(cuts)),
        **found.data(),
        "figures": figures.write([_chart(found)]),
        "seed": common.seed,
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(document, found))


def _maker(spec: str, common: Common) -> Callable[[], Network]:
    from pcbm.analysis.networks import open_network

    if not spec.startswith("python:"):
        raise InputError(
            f"{spec} comes with weights, and transferability trains networks from new ones: give "
            "python:FILE.py:FACTORY"
        )
    return lambda: open_network(spec, device=common.device)


def _chart(found: Transferability) -> Chart:
    import numpy as np

    from pcbm.report.plots.invariances import trend

    base = np.broadcast_to(found.base[:, 1:], (len(found.base), len(found.cuts)))
    every = {"base B": base, **found.accuracy}
    seeds = len(base)
    chart = trend(
        "transferability",
        "Accuracy on the classes of B",
        f"Means of {seeds} repeats, bands of one standard deviation; "
        f"{found.settings.budget.steps} steps each.",
        found.cuts,
        "test accuracy",
        [(name, values.mean(axis=0), _spread(values)) for name, values in every.items()],
    )
    chart.data["x_axis"] = "cut after"
    return chart


def _spread(values: np.ndarray) -> np.ndarray | None:
    """Return the standard deviation over seeds; None with a single one."""
    return values.std(axis=0, ddof=1) if len(values) > 1 else None


def _view(document: dict[str, Any], found: Transferability) -> list[Block]:
    from pcbm.analysis.transfer.transferability import TREATMENTS
    from pcbm.cli.transfer_study import plus_minus

    def cell(values: np.ndarray, k: int) -> Any:
        spread = _spread(values)
        return plus_minus(float(values[:, k].mean()), None if spread is None else float(spread[k]))

    drops = found.drops()
    lines = [
        [
            name,
            *(cell(found.accuracy[treatment], k) for treatment in TREATMENTS),
            *(cell(values, k) for values in drops.values()),
        ]
        for k, name in enumerate(found.cuts)
    ]
    budget = found.settings.budget
    blocks: list[Block] = [
        Line(
            f"{document['trained']} networks of {budget.steps} steps of {budget.batch_size} rows, "
            f"rate {budget.rate:g}; {len(found.base)} repeats from seed {found.settings.seed}; "
            f"{document['n_train']:,} train and {document['n_test']:,} test rows of all classes"
        ),
        Line(
            f"base A {cell(found.base, 0)} on its classes, base B {cell(found.base, 1)} on its own"
        ),
        Table(
            ("cut after", *TREATMENTS, "base B - BnB", "BnB - AnB", "AnB+ - base B"),
            lines,
            "Accuracy on the classes of B, mean ± standard deviation over repeats",
        ),
    ]
    if document["figures"]:
        blocks.append(Line(f"figures in {document['figures']['folder']}"))
    return blocks
