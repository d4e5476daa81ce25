"""``pcbm audit``: what a model still does with a concept, before and after its edits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.evaluate import DataArgument, RunArgument, SplitOption
from pcbm.cli.inputs import activations_like, fitted_rows_warning, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.pairs import PairsOption, WithOption, WithoutOption, read_pairs
from pcbm.errors import InputError, near

if TYPE_CHECKING:
    import numpy as np

    from pcbm.activations import ActivationSet

PARTS = ("concepts", "residual", "total")


def audit(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    data: DataArgument,
    concept: Annotated[str, typer.Option("--concept", metavar="NAME", help="The concept.")],
    pairs: PairsOption = None,
    having: WithOption = None,
    lacking: WithoutOption = None,
    shifted: Annotated[
        str | None,
        typer.Option(
            "--shifted", metavar="DATA2", help="Rows in which it points to a wrong class."
        ),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="G", help="A group of DATA that has it; repeatable."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", metavar="LABELS.csv", help="id and a 0/1 column named as the concept."
        ),
    ] = None,
    permutations: Annotated[
        int, typer.Option("--permutations", min=1, help="Of the within-class audit.")
    ] = 199,
    split: SplitOption = None,
) -> Result:
    """Show what RUN still does with a concept, and what it did before its edits.

    The response to the same inputs with and without it, the AUC within the classes, and signed
    reliance; an audit that lacks its data says so.
    """
    from pcbm.audit import Evidence, audit_model
    from pcbm.editing import original_model, read_history
    from pcbm.model import load_run
    from pcbm.model.pipeline import labels_for

    loaded, given = load_run(run), read(data, common)
    warnings = fitted_rows_warning(loaded, given)
    acts = activations_like(loaded, run, given, choice, common)
    paired = read_pairs(loaded, run, acts, (pairs, having, lacking), choice, common)
    rows, taken = split_part(acts, split, default_test=True)
    acts = acts.take(rows)
    acts, present, told, notes = _presence(acts, concept, group or [], labels)
    other = None
    if shifted is not None:
        there = activations_like(loaded, run, read(shifted, common), choice, common)
        there = there.take(split_part(there, None, default_test=True)[0])
        other = there.X, labels_for(loaded.model, there)
    evidence = Evidence(acts.X, labels_for(loaded.model, acts), present, told, paired, other)
    steps = read_history(loaded.edits)
    before = original_model(loaded.model, steps) if steps else None
    record = audit_model(
        loaded.model, concept, evidence, before=before, repeats=permutations, seed=common.seed
    )
    document = {
        "run": run,
        "data": data,
        "split": taken,
        "n": len(acts),
        "edits": len(steps),
        **record,
        "notes": [*record["notes"], *notes],
        "warnings": warnings,
    }
    return Result(document, lambda: audit_blocks(document))


def _presence(
    acts: ActivationSet, concept: str, groups: list[str], labels: Path | None
) -> tuple[ActivationSet, np.ndarray | None, str, list[str]]:
    """Return the rows to audit, which of them have the concept, who says so, and notes."""
    import numpy as np

    if groups and labels is not None:
        raise InputError("--group was given beside --labels: both say which rows have the concept")
    if labels is not None:
        from pcbm.concepts.labels import concept_labels

        values = concept_labels(labels, concept, acts.ids)
        known = values >= 0
        if not known.any():
            raise InputError(f"{labels} labels none of the {len(acts)} rows: use the ids of DATA")
        left = int((~known).sum())
        notes = [f"{left:,} rows have no label in {labels} and were left out"] if left else []
        return acts.take(known), values[known] == 1, f"column {concept!r} of {labels}", notes
    if not groups:
        return acts, None, "", []
    if acts.group is None:
        raise InputError("--group was given, but DATA names no groups: add a column 'group'")
    names = [str(name) for name in np.unique(acts.group)]
    for name in groups:
        if name not in names:
            raise InputError(f"DATA has no group {name!r}: {near(name, names)}")
    return acts, np.isin(acts.group, groups), "the groups " + ", ".join(groups), []


def audit_blocks(document: dict[str, Any]) -> list[Block]:
    """Return an audit as lines and tables."""
    edits = document["edits"]
    state = f"after {edits} edit{'' if edits == 1 else 's'}" if edits else "as it was fitted"
    blocks = warning_lines(document["warnings"])
    blocks.append(
        Line(f"{document['run']} ({document['model']}, {state}), concept {document['concept']}")
    )
    blocks += [Line(f"- {text}") for text in document["findings"]]
    blocks += _paired(document["paired"])
    blocks += _within(document["within_class"])
    blocks += _reliance(document["reliance"])
    return [*blocks, *(Line(f"note: {text}") for text in document["notes"])]


def _sides(audit: dict[str, Any]) -> list[tuple[str, Any]]:
    sides = (("before", audit["before"]), ("now", audit["now"]))
    return [(name, side) for name, side in sides if side is not None]


def _paired(audit: dict[str, Any]) -> list[Block]:
    if "not_measurable" in audit:
        return [_unmeasured("paired counterfactual", audit)]
    rows, flips = [], []
    for side, found in _sides(audit):
        for name, response in found["toward"].items():
            for part in PARTS:
                if response[part] is None:
                    continue
                low, high = response[part]["interval"] or (None, None)
                rows.append((side, name, part, response[part]["mean"], low, high))
        if found["flips"] is not None:
            flips.append(f"{side} {found['flips']['share']:.1%}")
    n = audit["now"]["pairs"]
    title = f"Response to the concept in {n:,} pairs (logits toward the class, 95 % interval)"
    blocks: list[Block] = [Table(("", "toward", "part", "mean", "low", "high"), rows, title)]
    if flips:
        blocks.append(Line(f"predictions that change with it: {', '.join(flips)}"))
    return blocks


def _within(audit: dict[str, Any]) -> list[Block]:
    if "not_measurable" in audit:
        return [_unmeasured("AUC within the classes", audit)]
    rows = [
        (side, name, part, figure["auc"], *figure["null"], figure["p_value"])
        for side, found in _sides(audit)
        for part in PARTS
        if found[part] is not None
        for name, figure in found[part]["toward"].items()
    ]
    title = f"AUC of the concept among rows of one class ({audit['of']})"
    columns = ("", "toward", "part", "AUC", "chance from", "to", "p")
    return [Table(columns, rows, title)]


def _reliance(audits: dict[str, Any]) -> list[Block]:
    names = {
        "shifted": "in distribution minus shifted",
        "groups": "rows it helps minus rows it misleads",
    }
    rows = [
        (names[key], side, found["value"], *found["interval"])
        for key, audit in audits.items()
        if "not_measurable" not in audit
        for side, found in _sides(audit)
    ]
    blocks: list[Block] = []
    if rows:
        blocks.append(Table(("accuracy", "", "gap", "low", "high"), rows, "Signed reliance"))
    return blocks + [
        _unmeasured(f"signed reliance ({names[key]})", audit)
        for key, audit in audits.items()
        if "not_measurable" in audit
    ]


def _unmeasured(name: str, audit: dict[str, Any]) -> Line:
    return Line(f"{name}: not measurable, {audit['not_measurable']}")
