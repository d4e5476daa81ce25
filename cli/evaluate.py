"""``pcbm evaluate``: how a fitted run does on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcbm.cli.inputs import activations_like, fitted_rows_warning, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, warning_lines
from pcbm.cli.views import evaluation_blocks

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder pcbm fit wrote.")]
DataArgument = Annotated[str, typer.Argument(metavar="DATA", help="Data as for pcbm fit.")]
SplitOption = Annotated[
    str | None,
    typer.Option("--split", help="Which rows: all, train, val or test, as DATA marks them."),
]


def evaluate(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    data: DataArgument,
    split: SplitOption = None,
) -> Result:
    """Measure a RUN on labelled DATA.

    On its test rows where it marks some, else on all.
    """
    from pcbm.model import load_run
    from pcbm.model.pipeline import evaluate_model, labels_for

    loaded, given = load_run(run), read(data, common)
    warnings = fitted_rows_warning(loaded, given)
    acts = activations_like(loaded, run, given, choice, common)
    rows, taken = split_part(acts, split, default_test=True)
    acts = acts.take(rows)
    evaluation = evaluate_model(loaded.model, acts.X, labels_for(loaded.model, acts), acts.group)
    document = {**evaluation, "run": run, "data": data, "split": taken, "warnings": warnings}

    def view() -> list[Block]:
        which = "all rows" if taken == "all" else f"the {taken} rows"
        return [
            *warning_lines(warnings),
            Line(f"{run} on {which} of {data}"),
            *evaluation_blocks({"value": evaluation}),
        ]

    return Result(document, view)
