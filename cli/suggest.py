"""``pcbm edit suggest``: find edits on a small labelled set, and compare them with other ways."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.evaluate import RunArgument
from pcbm.cli.inputs import activations_like, fitted_rows_warning, marks_test, read
from pcbm.cli.judging import judged_set, source_of
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.views import interval_text, signed
from pcbm.errors import InputError


def suggest(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    shifted: Annotated[
        str, typer.Option("--shifted", metavar="DATA", help="Labelled rows to search on.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="PLAN.json", help="Write the plan, for pcbm edit --plan."),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option("--eval", metavar="DATA", help="In distribution: what it costs there."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option("--plan", metavar="PLAN.json", help="A person's plan, to be compared."),
    ] = None,
    by: Annotated[
        str, typer.Option("--by", help="shifted: raise accuracy; groups: that of the worst group.")
    ] = "shifted",
    max_edits: Annotated[
        int, typer.Option("--max-edits", min=1, max=5, help="Edits in a plan at most.")
    ] = 3,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds of the cross-fit.")] = 5,
    control_repeats: Annotated[
        int, typer.Option("--control-repeats", min=0, help="Random choices to compare with.")
    ] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing plan.")] = False,
) -> Result:
    """Suggest edits of RUN from a small labelled set.

    Rows that DATA marks as test are not searched on. Every figure on the other rows is
    cross-fitted: none is of rows that the search saw.
    """
    import numpy as np

    from pcbm.audit import Judged, suggest_edits
    from pcbm.editing import EditPlan
    from pcbm.files import refuse_existing
    from pcbm.model import load_run
    from pcbm.model.pipeline import labels_for

    if out is not None:
        refuse_existing(out, force=force)
    persons = None if plan is None else EditPlan.load(plan)
    before = load_run(run)
    if persons is not None:
        persons.check(before.model)
    given = read(shifted, common)
    acts = activations_like(before, run, given, choice, common)
    part, warnings = "all", fitted_rows_warning(before, given)
    if marks_test(acts) and acts.split is not None:
        part, acts = "not test", acts.take(np.flatnonzero(acts.split != "test"))
    source = source_of(given, part, len(acts))
    beside = None
    if judge is not None:
        one, told = judged_set(before, run, judge, choice, common)
        warnings += told
        if source.meets(one.rows):
            raise InputError(
                f"--eval {judge} holds the rows of --shifted: give other rows, so that what was "
                "searched is not judged there"
            )
        beside = Judged(one.acts.X, one.y, one.acts.group)
    found = suggest_edits(
        before.model,
        acts.X,
        labels_for(before.model, acts),
        acts.group,
        in_distribution=beside,
        by=by,
        max_edits=max_edits,
        plan=persons,
        folds=folds,
        repeats=control_repeats,
        seed=common.seed,
        source=source,
    )
    written = out if found.plan is not None else None
    if written is not None and found.plan is not None:
        found.plan.save(written)
    document = {
        "run": run,
        "out": written,
        **found.as_dict(),
        "warnings": [*warnings, *found.warnings],
    }
    return Result(document, lambda: _view(document, found.plan))


def _view(document: Mapping[str, Any], plan: Any) -> list[Block]:
    blocks = warning_lines(document["warnings"])
    rows = [_line(row) for row in document["comparison"]]
    settings = document["settings"]
    title = (
        f"On {settings['n']:,} rows, cross-fitted in {settings['folds']} folds; none of these "
        "figures is of rows that a search saw"
    )
    columns = (
        "",
        "edits",
        "accuracy",
        "95 %",
        "change",
        "of the change",
        "worst group",
        "in distr.",
    )
    blocks.append(Table(columns, rows, title))
    blocks += [Line(note) for note in document["notes"]]
    if plan is not None:
        blocks.append(Line("Suggested: " + "; ".join(str(edit) for edit in plan.edits)))
    if document["out"] is not None:
        command = shlex.join(["pcbm", "edit", str(document["run"]), "--plan", str(document["out"])])
        blocks.append(Line(f"To apply it: {command} --out RUN2"))
    return blocks


def _line(row: Mapping[str, Any]) -> Sequence[Any]:
    here, there = row["here"], row["there"]
    edits = row.get("edits")
    count = len(edits) if isinstance(edits, list) else edits
    if here is None:
        return [row["name"].replace("_", " "), count, *[None] * 6]
    difference = here.get("difference")
    change, span = None, None
    if difference is not None and row["name"] != "no_edit":
        change = signed(difference["accuracy"])
        span = interval_text(difference["intervals"]["accuracy"])
    return [
        row["name"].replace("_", " "),
        count,
        here["accuracy"],
        interval_text(here["intervals"]["accuracy"]),
        change,
        span,
        here["worst_group"],
        None if there is None else there["accuracy"],
    ]
