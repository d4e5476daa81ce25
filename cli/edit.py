"""``pcbm edit``: change what a head says of a concept, and measure what that did."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.evaluate import RunArgument
from pcbm.cli.guards import guard_blocks
from pcbm.cli.inputs import read
from pcbm.cli.judging import (
    Judging,
    evaluation_of,
    judged_sets,
    learnt_there,
    source_of,
)
from pcbm.cli.judging_views import judgement_blocks
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.page_check import page_check
from pcbm.cli.pairs import PairsOption, WithOption, WithoutOption
from pcbm.cli.plan_data import PAIR_OPTIONS, PairsGiven, check_needed, learnt_from
from pcbm.cli.plans import Wanted, edit_plan
from pcbm.errors import InputError

SHOWN_CHANGES = 20
CONCEPTS = "Concepts themselves"
AFTER = "After the edits"
RECORD = "Record"
FOLLOW_UPS = ("orthogonalise", "renormalise", "refit")
SHOWN_SHARED = 8


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
    clamp: Annotated[
        list[str] | None,
        typer.Option(
            "--clamp", metavar="CONCEPT=SIGN", help="Keep its coefficients >= 0 (+) or <= 0 (-)."
        ),
    ] = None,
    rename: Annotated[
        list[str] | None,
        typer.Option(
            "--rename", metavar="OLD=NEW", help="Rename a concept.", rich_help_panel=CONCEPTS
        ),
    ] = None,
    merge: Annotated[
        list[str] | None,
        typer.Option(
            "--merge",
            metavar="CONCEPT",
            help="Merge these concepts; repeat it, with --into and --train.",
            rich_help_panel=CONCEPTS,
        ),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="NAME",
            help="The merged concept's name, new or one of theirs.",
            rich_help_panel=CONCEPTS,
        ),
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
    orthogonalise: Annotated[
        bool,
        typer.Option(
            "--orthogonalise",
            help="Clear the other scores of what they share with zeroed concepts.",
            rich_help_panel=AFTER,
        ),
    ] = False,
    renormalise: Annotated[
        bool,
        typer.Option(
            "--renormalise",
            help="Rescale the others to the same L1 norm.",
            rich_help_panel=AFTER,
        ),
    ] = False,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit", help="Fit the other coefficients again on --train.", rich_help_panel=AFTER
        ),
    ] = False,
    train: Annotated[
        str | None,
        typer.Option(
            "--train",
            metavar="DATA",
            help="Training data for --merge, --orthogonalise, --refit and --guard.",
            rich_help_panel=AFTER,
        ),
    ] = None,
    guard: Annotated[
        list[str] | None,
        typer.Option(
            "--guard",
            metavar="G",
            help="Close a hole that --zero leaves: scores, silent, recentre-classes, "
            "recentre-groups, residual, residual-in-class, residual-balanced; repeatable, with "
            "--train.",
            rich_help_panel=AFTER,
        ),
    ] = None,
    balanced: Annotated[
        str | None,
        typer.Option(
            "--balanced",
            metavar="BY",
            help="Weigh the training rows so that class and cue are unrelated; who has the cue is "
            "told by groups (of --train) or scores (of the zeroed concepts).",
            rich_help_panel=AFTER,
        ),
    ] = None,
    pairs: PairsOption = None,
    having: WithOption = None,
    lacking: WithoutOption = None,
    undo: Annotated[
        int | None,
        typer.Option(
            "--undo", metavar="[N]", help="Take the last N edits of RUN back; alone, the last."
        ),
    ] = None,
    judge: Annotated[
        str | None, typer.Option("--eval", metavar="DATA", help="Compare before and after on this.")
    ] = None,
    shifted: Annotated[
        str | None,
        typer.Option(
            "--shifted", metavar="DATA2", help="Beside --eval: rows where a cue points elsewhere."
        ),
    ] = None,
    control_repeats: Annotated[
        int,
        typer.Option(
            "--control-repeats", min=0, help="Random edits to set beside --eval; 0 turns them off."
        ),
    ] = 20,
    curve: Annotated[
        bool,
        typer.Option("--curve/--no-curve", help="With --eval: the edit along the whole path."),
    ] = True,
    chosen_on: Annotated[
        str | None,
        typer.Option(
            "--chosen-on",
            metavar="DATA",
            help="The data that suggested the edits, recorded; judging on it brings a warning.",
            rich_help_panel=RECORD,
        ),
    ] = None,
    author: Annotated[
        str | None, typer.Option("--author", help="Who edits.", rich_help_panel=RECORD)
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why.", rich_help_panel=RECORD)] = (
        None
    ),
    date: Annotated[str | None, typer.Option("--date", help="When.", rich_help_panel=RECORD)] = (
        None
    ),
    save_plan: Annotated[
        Path | None,
        typer.Option(
            "--save-plan",
            metavar="PLAN.json",
            help="Write the plan, for --plan on another run.",
            rich_help_panel=RECORD,
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing RUN2.")] = False,
) -> Result:
    """Change concepts of RUN, and measure the effect.

    The edited run is written to RUN2 with the whole history of edits; --undo takes them back.
    """
    from pcbm.files import refuse_existing, refuse_inside
    from pcbm.model import load_run
    from pcbm.model.run import CONFIG

    beside: PairsGiven = (pairs, having, lacking)
    wanted = Wanted(
        zero=zero or (),
        scale=scale or (),
        set_to=set_to or (),
        clamp=clamp or (),
        rename=rename or (),
        merge=merge or (),
        into=into,
        classes=classes or (),
        at=at,
        orthogonalise=orthogonalise,
        renormalise=renormalise,
        refit=refit,
        guards=guard or (),
        pairs=any(value is not None for value in beside),
        balanced=balanced,
    )
    refuse_inside(out, run)
    if undo is not None:
        further: dict[str, Any] = {
            "--plan": plan,
            "--train": train,
            "--eval": judge,
            "--shifted": shifted,
            "--chosen-on": chosen_on,
            "--save-plan": save_plan,
        }
        further |= {f"--{k}": v for k, v in wanted.follow_ups().items()}
        further |= {"--guard": guard, "--balanced": balanced}
        further |= dict(zip(PAIR_OPTIONS, beside, strict=True))
        named = [*wanted.given(), *(option for option, value in further.items() if value)]
        if named:
            raise InputError(f"--undo was given beside {', '.join(named)}: run pcbm edit twice")
        refuse_existing(out, force=force, mark=CONFIG)
        return _undone(load_run(run), run, undo, out, force=force)
    told = edit_plan(wanted, plan).signed(author, reason, date)
    if chosen_on is not None:
        told = told.chosen(source_of(read(chosen_on, common)))
    wished = Judging(judge, shifted, control_repeats, curve)
    check_needed(told, train, beside, controls=wished.controls)
    refuse_existing(out, force=force, mark=CONFIG)
    if save_plan is not None:
        refuse_existing(save_plan, force=force)
        if save_plan.resolve() == out.resolve():
            raise InputError(f"--out and --save-plan are both {out}: give the plan another name")
    result, told = _edited(common, choice, run, told, (train, beside), wished, out, force=force)
    if save_plan is not None:
        told.save(save_plan)
    return result


def _edited(
    common: Common,
    choice: BackboneChoice,
    run: Path,
    plan: Any,
    given: tuple[str | None, PairsGiven],
    wished: Judging,
    out: Path,
    *,
    force: bool,
) -> tuple[Result, Any]:
    """Apply a plan to RUN, measure it where asked, and write RUN2; return the plan as recorded."""
    from pcbm.editing import edited_run
    from pcbm.model import load_run, save_run

    before = load_run(run)
    plan.check(before.model)
    data = learnt_from(before, run, plan, given, choice, common)
    plan = plan.learnt(data.source)
    sets, warnings = judged_sets(before, run, wished, choice, common)
    model, step = plan.step(
        before.model,
        train=None if plan.needs_data is None else data.train,
        pairs=data.pairs,
        held_out=(sets[0].acts.X, sets[0].y) if sets else None,
    )
    if plan.needs_data is not None and data.given is not None:
        warnings += learnt_there(data.given, sets)
    learnt = (data.train, data.pairs)
    evaluation = evaluation_of(before.model, model, plan, sets, wished, learnt, common)
    seen, said, off = page_check(plan, before, model, run, wished.data, evaluation, choice, common)
    if evaluation is not None and plan.page is not None:
        evaluation = {**evaluation, "page": seen}
    step = replace(
        step,
        evaluation=evaluation,
        notes=(*step.notes, *data.notes, *said),
        warnings=(*step.warnings, *data.warnings, *warnings, *off),
    )
    after = edited_run(before, model, step)
    save_run(after, out, force=force)
    document = {
        "run": out,
        "edits": after.edits,
        "evaluation": evaluation,
        "changes": [change.as_dict() for change in step.changes],
        "structure": [dict(record) for record in step.structure],
        "notes": list(step.notes),
        "warnings": list(step.warnings),
    }
    return Result(document, lambda: _view(document, plan)), plan


def _undone(before: Any, run: Path, count: int, out: Path, *, force: bool) -> Result:
    """Take the last edits of a run back, and write what is left as RUN2."""
    from pcbm.editing import undone_run
    from pcbm.model import save_run

    after = undone_run(before, count)
    save_run(after, out, force=force)
    taken = before.edits[len(before.edits) - count :]
    document = {"run": out, "edits": after.edits, "undone": taken, "evaluation": None}

    def view() -> list[Block]:
        left = len(after.edits)
        state = "as it was fitted" if left == 0 else f"with {left} edit{'' if left == 1 else 's'}"
        plural = "edit" if count == 1 else "edits"
        return [Line(f"{out}: {count} {plural} of {run} taken back; the model is {state}")]

    return Result(document, view)


def _view(document: dict[str, Any], plan: Any) -> list[Block]:
    blocks = warning_lines(document["warnings"])
    blocks += [Line(note) for note in document["notes"]]
    follow = [word for word in FOLLOW_UPS if getattr(plan, word)]
    done = "; ".join([*map(str, plan.edits), *follow, *map(str, plan.guards)])
    rows = _net_changes(document["changes"])
    rows.sort(key=lambda row: -abs(row[3] - row[2]))
    changed = f"{len(rows)} coefficient{'' if len(rows) == 1 else 's'} changed"
    blocks.append(Line(f"{document['run']}: {done} ({changed})"))
    if rows:
        blocks.append(Table(("for", "concept", "coef before", "after"), rows[:SHOWN_CHANGES]))
    if len(rows) > SHOWN_CHANGES:
        blocks.append(Line(f"{len(rows) - SHOWN_CHANGES} more in {document['run']}/edits.json"))
    blocks += [Line(text) for text in map(_structure, document["structure"]) if text]
    blocks += guard_blocks(document["structure"])
    if document["evaluation"] is not None:
        blocks += judgement_blocks(document["evaluation"])
    return blocks


def _net_changes(changes: list[dict[str, Any]]) -> list[tuple[str, str, float, float]]:
    """Return each coefficient that moved, from its first value to its last."""
    moved: dict[tuple[str, str], list[float]] = {}
    for change in changes:
        if change["coef"] is not None:
            pair = change["coef"]["before"], change["coef"]["after"]
            moved.setdefault((change["class"], change["concept"]), [pair[0], pair[1]])[1] = pair[1]
    return [(*place, old, new) for place, (old, new) in moved.items() if old != new]


def _structure(record: dict[str, Any]) -> str | None:
    """Say what an operation did to the scores; a new name says enough by itself."""
    if record["op"] == "merge":
        parts = ", ".join(f"{name} {r:.2f}" for name, r in record["correlation"].items())
        return (
            f"{record['into']}: keeps {record['kept']:.0%} of what its parts said; correlation of "
            f"each part with it: {parts}"
        )
    if record["op"] == "orthogonalise":
        most = sorted(record["shared"].items(), key=lambda item: -item[1])[:SHOWN_SHARED]
        parts = ", ".join(f"{name} {share:.0%}" for name, share in most)
        against = ", ".join(record["against"])
        return f"variance within the classes that went with {against}: {parts}"
    return None
