"""``pcbm counterfactual``: the smallest change of concept scores that flips each prediction."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pcbm.cli.evaluate import DataArgument, RunArgument, SplitOption
from pcbm.cli.explain import positions
from pcbm.cli.fit_rows import judged_and_fitted
from pcbm.cli.inputs import activations_like, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.errors import InputError

SHOWN_SAMPLES = 5


def counterfactual(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    data: DataArgument,
    id: Annotated[
        list[str] | None, typer.Option("--id", help="Only this row; repeat it for several.")
    ] = None,
    toward: Annotated[
        str | None,
        typer.Option("--toward", metavar="CLASS", help="The class to reach; the runner-up."),
    ] = None,
    train: Annotated[
        str | None,
        typer.Option(
            "--train", metavar="DATA", help="The data of the fit, for the range of the scores."
        ),
    ] = None,
    quantile: Annotated[
        float,
        typer.Option(
            "--quantile", help="Scores stay within this quantile and 1 minus it; 0 is min and max."
        ),
    ] = 0.0,
    most: Annotated[
        int, typer.Option("--most", min=1, help="Search all sets of up to so many concepts.")
    ] = 3,
    alternatives: Annotated[
        int, typer.Option("--alternatives", min=0, help="Other ways to list for each row.")
    ] = 5,
    split: SplitOption = None,
) -> Result:
    """Find the smallest change of concept scores that flips each prediction.

    Fewest concepts first, inside the range of the training scores.
    """
    from pcbm.faithfulness import Range, counterfactuals
    from pcbm.faithfulness.counterfactuals import NORM
    from pcbm.model import load_run

    if not 0 <= quantile < 0.5:
        raise InputError(f"--quantile was given as {quantile:g}: it is from 0 to below 0.5")
    loaded = load_run(run)
    parts = judged_and_fitted(loaded, run, data, train, choice, common)
    fitted = parts.judged if parts.train is None else parts.train
    source = "the given rows" if parts.train is None else "the rows of the fit"
    within = Range.of(loaded.model.transform(fitted.X), source, (quantile, 1 - quantile))
    rows = read(data, common)
    acts = activations_like(loaded, run, rows, choice, common)
    acts = acts.take(positions(rows, id) if id else split_part(acts, split, default_test=False)[0])
    with common.progress("counterfactuals") as progress:
        found = counterfactuals(
            loaded.model,
            acts.X,
            acts.ids.tolist(),
            within=within,
            target=toward,
            most=most,
            alternatives=alternatives,
            progress=progress,
        )
    document = {
        "samples": [item.as_dict() for item in found],
        "range": {"of": source, "n": len(fitted), "quantiles": [quantile, 1 - quantile]},
        "norm": NORM,
    }
    return Result(document, lambda: _view(document))


def _view(document: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = [Line(f"{document['norm']}; range of {document['range']['of']}")]
    samples = document["samples"]
    for sample in samples[:SHOWN_SAMPLES]:
        blocks.append(Line(sample["text"]))
        if sample["feasible"] and sample["alternatives"]:
            rows = [
                (
                    ", ".join(c["concept"] for c in way["changes"]),
                    ", ".join(f"{c['score']['to']:.4g}" for c in way["changes"]),
                    way["l1"],
                )
                for way in sample["alternatives"]
            ]
            blocks.append(Table(("or by changing", "to score", "sd in all"), rows))
    if len(samples) > SHOWN_SAMPLES:
        left = len(samples) - SHOWN_SAMPLES
        blocks.append(Line(f"{left:,} more samples: choose with --id, or see all with --json"))
    return blocks
