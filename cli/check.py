"""``pcbm check``: whether the concepts of a run carry its decisions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.evaluate import DataArgument, RunArgument
from pcbm.cli.fit_rows import judged_and_fitted
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.progress import stages
from pcbm.errors import InputError, near

if TYPE_CHECKING:
    from pcbm.activations import ActivationSet
    from pcbm.faithfulness import ConceptLabels

NAMES = ("nec", "share", "hard", "leakage", "stability", "rashomon", "constraint")
SHOWN_CHOICES = 15


def check(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    data: DataArgument,
    train: Annotated[
        str | None,
        typer.Option(
            "--train", metavar="DATA", help="The data of the fit, where DATA does not hold it."
        ),
    ] = None,
    concept_labels: Annotated[
        Path | None,
        typer.Option(
            "--concept-labels",
            metavar="FILE.csv",
            help="Which rows show which concepts: column id, one 0/1 column a concept.",
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="CHECK", help=f"{', '.join(NAMES)}; repeatable."),
    ] = None,
    repeats: Annotated[
        int, typer.Option("--repeats", min=2, help="Bootstraps of the stability.")
    ] = 20,
) -> Result:
    """Check how faithful a RUN is to its concepts.

    Judged on the test rows of DATA; the rows of the fit are found there or given with --train.
    """
    from pcbm.faithfulness import run_checks
    from pcbm.model import load_run
    from pcbm.model.controls import Sample
    from pcbm.model.pipeline import labels_for

    for name in only or ():
        if name not in NAMES:
            raise InputError(f"--only was given as {name!r}: {near(name, NAMES)}")
    loaded = load_run(run)
    parts = judged_and_fitted(loaded, run, data, train, choice, common)
    labels = None if concept_labels is None else _labels(concept_labels, parts.judged)

    def sample(acts: ActivationSet) -> Sample:
        return Sample(acts.X, labels_for(loaded.model, acts))

    with stages(quiet=common.quiet) as progress:
        found = run_checks(
            loaded.model,
            sample(parts.judged),
            None if parts.train is None else sample(parts.train),
            labels,
            only=only,
            repeats=repeats,
            seed=common.seed,
            progress=progress,
        )
    warnings = list(parts.warnings)
    if loaded.model.residual_ is not None:
        warnings.append(
            "this run has a residual: share counts it, every other check looks at the concept "
            "part alone"
        )
    if loaded.edits:
        warnings.append(
            "this run has edits: share, hard and the run's own figure look at the edited head; the "
            "levels of nec, stability and rashomon fit heads that know nothing of the edits"
        )
    document = {
        "run": run,
        "data": data,
        "n": {
            "judged": len(parts.judged),
            "fitted": None if parts.train is None else len(parts.train),
        },
        "rows": parts.how,
        **found,
        "warnings": warnings,
    }
    return Result(document, lambda: _view(document))


def _labels(path: Path, acts: ActivationSet) -> ConceptLabels:
    from pcbm.concepts.labels import concept_table
    from pcbm.faithfulness import ConceptLabels

    return ConceptLabels(*concept_table(path, acts.ids))


def _view(document: dict[str, Any]) -> list[Block]:
    n = document["n"]
    fitted = "no rows of the fit" if n["fitted"] is None else f"{n['fitted']:,} rows of the fit"
    blocks = warning_lines(document["warnings"])
    blocks.append(
        Line(f"{document['run']}: {n['judged']:,} rows to judge, {fitted} ({document['rows']})")
    )
    checks = document["checks"]
    for name, finding in checks.items():
        text = finding["text"] if finding else f"not measurable: {document['not_measurable'][name]}"
        blocks.append(Line(f"{name}: {text}"))
    if checks.get("nec"):
        rows = [
            (x["wanted"], x["nec"], x["truncated"], x["refit"]) for x in checks["nec"]["levels"]
        ]
        figure = checks["nec"]["figure"]
        blocks.append(Table(("concepts a class", "NEC", f"{figure} cut", "refitted"), rows))
    if checks.get("stability"):
        rows = [
            (c["row"], c["concept"], c["coef"], c["frequency"])
            for c in checks["stability"]["choices"]
            if c["coef"] != 0
        ]
        rows.sort(key=lambda row: row[3])
        title = "Least often chosen again, of the concepts of the head"
        blocks.append(Table(("for", "concept", "coef", "frequency"), rows[:SHOWN_CHOICES], title))
    if checks.get("rashomon"):
        rashomon = checks["rashomon"]
        rows = [
            (d["concepts"][-1], ", ".join(d["for_rows"]), d["change"], *d["interval"])
            for d in rashomon["singles"]
        ]
        columns = ("without", "strongest for", rashomon["figure"] + " change", "low", "high")
        blocks.append(Table(columns, rows))
    return blocks
