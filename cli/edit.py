"""``pcbm edit``: change what a head says of a concept, and measure what that did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.evaluate import RunArgument
from pcbm.cli.inputs import activations_like, fitted_rows_warning, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.views import evaluation_blocks
from pcbm.errors import InputError

SHOWN_CHANGES = 20


def edit(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", metavar="RUN2", help="The edited run's folder.")],
    zero: Annotated[
        list[str] | None, typer.Option("--zero", metavar="CONCEPT", help="Remove a concept.")
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option("--scale", metavar="CONCEPT=F", help="Multiply its coefficients by F."),
    ] = None,
    set_to: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="CONCEPT=W", help="Set its coefficients to W."),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option("--plan", metavar="PLAN.json", help="Edits from a file.")
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="C", help="Edit the row of this class only; repeatable."),
    ] = None,
    at: Annotated[
        str,
        typer.Option("--at", help="Where --zero holds a concept: mean, or boundary (score 0)."),
    ] = "mean",
    renormalise: Annotated[
        bool, typer.Option("--renormalise", help="Rescale the others to the same L1 norm.")
    ] = False,
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit the other coefficients again on --train.")
    ] = False,
    train: Annotated[
        str | None, typer.Option("--train", metavar="DATA", help="Training data for --refit.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option("--eval", metavar="DATA", help="Compare before and after on this.")
    ] = None,
    author: Annotated[str | None, typer.Option("--author", help="Who edits; recorded.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why; recorded.")] = None,
    date: Annotated[str | None, typer.Option("--date", help="When; recorded.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing RUN2.")] = False,
) -> Result:
    """Zero, scale or set concepts of RUN, and measure the effect.

    The edited run is written to RUN2 with the whole history of edits.
    """
    from pcbm.editing import edited_run, evaluate_edit
    from pcbm.files import refuse_existing
    from pcbm.model import load_run, save_run
    from pcbm.model.pipeline import labels_for
    from pcbm.model.run import CONFIG

    if refit != (train is not None):
        raise InputError("--refit and --train DATA belong together: give both or neither")
    wanted = edit_plan(zero or [], scale or [], set_to or [], plan, classes or [], at)
    wanted = wanted.signed(author, reason, date)
    refuse_existing(out, force=force, mark=CONFIG)
    before = load_run(run)
    warnings: list[str] = []

    def labelled(path: str, *, default_test: bool) -> tuple[Any, Any]:
        given = read(path, common)
        if default_test:
            warnings.extend(fitted_rows_warning(before, given))
        acts = activations_like(before, run, given, choice, common)
        rows, _ = split_part(acts, None, default_test=default_test)
        if not default_test and acts.split is not None:
            rows = rows[acts.split != "test"]
        acts = acts.take(rows)
        return acts, labels_for(before.model, acts)

    refit_on = None
    if train is not None:
        acts, y = labelled(train, default_test=False)
        refit_on = (acts.X, y)
    model, step = wanted.step(before.model, renormalise=renormalise, refit_on=refit_on)
    evaluation = None
    if judge is not None:
        acts, y = labelled(judge, default_test=True)
        evaluation = evaluate_edit(before.model, model, acts.X, y, acts.group)
        evaluation["data"] = judge
        step = replace(step, evaluation=evaluation, warnings=(*step.warnings, *warnings))
    after = edited_run(before, model, step)
    save_run(after, out, force=force)
    document = {
        "run": out,
        "edits": after.edits,
        "evaluation": evaluation,
        "changes": [change.as_dict() for change in step.changes],
        "notes": list(step.notes),
        "warnings": list(step.warnings),
    }
    return Result(document, lambda: _view(document, wanted))


def edit_plan(
    zero: list[str],
    scale: list[str],
    set_to: list[str],
    plan: Path | None,
    classes: list[str],
    at: str,
) -> Any:
    """Return the plan the options describe; ``--class`` holds for every one of them.

    Raises
    ------
    InputError
        No edit, a plan beside other edits, one concept edited twice, no number after ``=``.
    """
    from pcbm.editing import EditPlan

    if plan is not None:
        if zero or scale or set_to or classes:
            raise InputError(
                "--plan was given beside --zero, --scale, --set or --class: "
                "put all edits into the plan, or run pcbm edit twice"
            )
        return EditPlan.load(plan)
    if at != "mean" and not zero:
        raise InputError(
            f"--at {at} was given without --zero: it says where --zero holds a concept"
        )
    names = classes or None
    result = EditPlan()
    for concept in zero:
        result = result.zero(concept, names, at=at)
    for text in scale:
        concept, number = name_and_number(text, "--scale")
        result = result.scale(concept, number, names)
    for text in set_to:
        concept, number = name_and_number(text, "--set")
        result = result.set(concept, number, names)
    if not result.edits:
        raise InputError("no edit was given: add --zero, --scale, --set or --plan")
    concepts = [item.concept for item in result.edits]
    twice = [concept for concept in concepts if concepts.count(concept) > 1]
    if twice:
        raise InputError(
            f"the concept {twice[0]!r} is edited twice in one command: "
            "put edits whose order matters into a plan, see --plan"
        )
    return result


def name_and_number(text: str, option: str) -> tuple[str, float]:
    """Split ``NAME=0.5`` at the last ``=``.

    >>> name_and_number("a=b=0.5", "--scale")
    ('a=b', 0.5)
    """
    name, equals, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = None
    if not equals or not name or value is None:
        raise InputError(f"{option} was given as {text!r}: write CONCEPT=NUMBER, like stripes=0.5")
    return name, value


def _view(document: dict[str, Any], plan: Any) -> list[Block]:
    blocks = warning_lines(document["warnings"])
    blocks += [Line(note) for note in document["notes"]]
    done = "; ".join(str(item) for item in plan.edits)
    rows = [
        (change["class"], change["concept"], change["coef"]["before"], change["coef"]["after"])
        for change in document["changes"]
        if change["coef"] is not None and change["coef"]["before"] != change["coef"]["after"]
    ]
    rows.sort(key=lambda row: -abs(row[3] - row[2]))
    changed = f"{len(rows)} coefficient{'' if len(rows) == 1 else 's'} changed"
    blocks.append(Line(f"{document['run']}: {done} ({changed})"))
    blocks.append(Table(("for", "concept", "coef before", "after"), rows[:SHOWN_CHANGES]))
    if len(rows) > SHOWN_CHANGES:
        blocks.append(Line(f"{len(rows) - SHOWN_CHANGES} more in {document['run']}/edits.json"))
    if document["evaluation"] is not None:
        sides = {side: document["evaluation"][side] for side in ("before", "after")}
        blocks += evaluation_blocks(sides)
        blocks.append(Line(_changed(document["evaluation"]["changed"])))
    return blocks


def _changed(changed: dict[str, Any]) -> str:
    text = f"{changed['n']:,} of {changed['of']:,} predictions changed"
    if changed["repaired"] is None:
        return text
    return f"{text}: {changed['repaired']:,} repaired, {changed['broken']:,} broken"
