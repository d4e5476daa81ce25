"""``pcbm evaluate``: how a fitted run does on labelled data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import activations_like, fitted_rows_warning, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, warning_lines
from pcbm.cli.views import evaluation_blocks, interval_text, signed

if TYPE_CHECKING:
    from pcbm.model import Run

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder pcbm fit wrote.")]
DataArgument = Annotated[str, typer.Argument(metavar="DATA", help="Data as for pcbm fit.")]
SplitOption = Annotated[
    str | None,
    typer.Option("--split", help="Which rows: all, train, val or test, as DATA marks them."),
]


ShiftedOption = Annotated[
    str | None,
    typer.Option(
        "--shifted", metavar="DATA2", help="Rows to set beside DATA: a cue points elsewhere there."
    ),
]


def evaluate(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    data: DataArgument,
    shifted: ShiftedOption = None,
    split: SplitOption = None,
) -> Result:
    """Measure a RUN on labelled DATA.

    On its test rows where it marks some, else on all. Every figure has its 95 % interval; with
    --shifted a second set of rows stands beside it.
    """
    from pcbm.editing import accuracy_difference
    from pcbm.model import load_run
    from pcbm.model.intervals import Resampling

    loaded, how = load_run(run), Resampling(seed=common.seed)
    sets = {"value" if shifted is None else "in distribution": (data, split)}
    if shifted is not None:
        sets["shifted"] = (shifted, None)
    found, warnings, lines = {}, [], []
    for name, (source, part) in sets.items():
        found[name], told, which = _measured(loaded, run, source, part, choice, common)
        warnings += told
        lines.append(f"{run} on {which} of {source}")
    first, *others = found.values()
    document = {**first, "run": run, "shifted": None, "reliance": None, "warnings": warnings}
    if others:
        document["shifted"] = others[0]
        if "accuracy" in first:
            document["reliance"] = accuracy_difference(first, others[0], how)

    def view() -> list[Block]:
        blocks = [*warning_lines(warnings), *map(Line, lines), *evaluation_blocks(found)]
        if document["reliance"] is not None:
            gap = document["reliance"]
            span = interval_text(gap["interval"])
            text = f"accuracy in distribution minus shifted: {signed(gap['value'])} ({span})"
            blocks.append(Line(text))
        return blocks

    return Result(document, view)


def _measured(
    loaded: Run, run: Path, source: str, split: str | None, choice: BackboneChoice, common: Common
) -> tuple[dict[str, Any], list[str], str]:
    """Return the evaluation of one DATA, what to warn of, and which rows these were."""
    from pcbm.model.intervals import Resampling
    from pcbm.model.pipeline import evaluate_model, labels_for

    given = read(source, common)
    warnings = fitted_rows_warning(loaded, given)
    acts = activations_like(loaded, run, given, choice, common)
    rows, taken = split_part(acts, split, default_test=True)
    acts = acts.take(rows)
    how = Resampling(seed=common.seed)
    record = evaluate_model(loaded.model, acts.X, labels_for(loaded.model, acts), acts.group, how)
    which = "all rows" if taken == "all" else f"the {taken} rows"
    return {**record, "data": source, "split": taken}, warnings, which
