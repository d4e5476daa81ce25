"""``pcbm bank``: make, show, merge and filter concept banks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.inputs import activations, backbone_for, load_chosen, read
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.errors import InputError

OutOption = Annotated[
    Path, typer.Option("--out", metavar="BANK.safetensors", help="The bank to write.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
BankArgument = Annotated[Path, typer.Argument(metavar="BANK", help="A bank .safetensors.")]


def text(
    common: Common,
    choice: BackboneChoice,
    words: Annotated[
        Path, typer.Argument(metavar="WORDS", help="A .txt (one a line) or .json file.")
    ],
    out: OutOption,
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="A sentence with {} for the word; repeatable."),
    ] = None,
    force: ForceOption = False,
) -> Result:
    """Make a bank from words, through the backbone's text tower."""
    from pcbm.concepts import resolve_concepts

    _check_out(out, force)
    if words.is_dir() or words.suffix.casefold() not in (".txt", ".json"):
        raise InputError(f"{words} holds no words: give a .txt or .json file (see  pcbm bank cav)")
    backbone = load_chosen(choice, common)
    if backbone is None:
        raise InputError("words need a text tower: add --backbone")
    with common.progress("words") as progress:
        bank, notes = resolve_concepts(words, backbone, templates=template, progress=progress)
    return _saved(bank, notes, out, common)


def cav(
    common: Common,
    choice: BackboneChoice,
    examples: Annotated[
        Path,
        typer.Argument(
            metavar="EXAMPLES",
            help="A folder of CONCEPT/positive and CONCEPT/negative, or of CONCEPT folders; "
            "or a .csv of concept labels (id, one 0/1 column a concept) of --data.",
        ),
    ],
    out: OutOption,
    data: Annotated[
        str | None, typer.Option("--data", metavar="DATA", help="The rows that a .csv labels.")
    ] = None,
    learner: Annotated[
        str,
        typer.Option(
            "--learner",
            help="svm; paper (the official code's settings); squared_hinge; or ridge.",
        ),
    ] = "svm",
    penalty: Annotated[
        float | None,
        typer.Option("--penalty", metavar="C", help="C, not the best in cross-validation."),
    ] = None,
    force: ForceOption = False,
) -> Result:
    """Make a bank from examples: one linear probe a concept."""
    from pcbm.concepts import resolve_concepts
    from pcbm.concepts.learners import find_learner

    _check_out(out, force)
    find_learner(learner, penalty)  # before the backbone runs
    labels = examples.suffix.casefold() == ".csv"
    if labels != (data is not None):
        raise InputError("a .csv of concept labels and --data belong together: give both or none")
    if not labels and not examples.is_dir():
        raise InputError(f"{examples} is no folder and no .csv: give example folders or labels")
    backbone, acts = None, None
    if data is not None:
        rows = read(data, common)
        backbone = backbone_for(rows, choice, None, common)
        acts = activations(rows, backbone, choice, common)
    else:
        backbone = load_chosen(choice, common)
        if backbone is None:
            raise InputError("examples are embedded by a backbone: add --backbone")
    with common.progress("examples") as progress:
        bank, notes = resolve_concepts(
            examples,
            backbone,
            acts,
            learner=learner,
            penalty=penalty,
            seed=common.seed,
            batch_size=choice.batch_size,
            skip_unreadable=choice.skip_unreadable,
            progress=progress,
        )
    return _saved(bank, notes, out, common)


def show(common: Common, bank: BankArgument) -> Result:
    """Show the concepts of a bank and how well they were learnt."""
    from pcbm.concepts import ConceptBank

    loaded = ConceptBank.load(bank)
    return Result(_document(loaded, bank), lambda: _view(loaded, bank))


def merge(
    common: Common,
    banks: Annotated[list[Path], typer.Argument(metavar="BANK...", help="Two or more banks.")],
    out: OutOption,
    force: ForceOption = False,
) -> Result:
    """Join the concepts of several banks of one backbone."""
    from pcbm.concepts import ConceptBank, merge_banks

    _check_out(out, force)
    if len(banks) < 2:
        raise InputError("one bank was given to merge: give two or more")
    return _saved(merge_banks([ConceptBank.load(path) for path in banks]), [], out, common)


def filter_(
    common: Common,
    bank: BankArgument,
    out: OutOption,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", help="Keep this concept only; repeatable.")
    ] = None,
    drop: Annotated[
        list[str] | None, typer.Option("--drop", help="Leave this concept out; repeatable.")
    ] = None,
    min_auc: Annotated[
        float | None, typer.Option("--min-auc", help="Leave out probes with a lower AUC.")
    ] = None,
    max_cosine: Annotated[
        float | None, typer.Option("--max-cosine", help="Leave out near copies of earlier ones.")
    ] = None,
    force: ForceOption = False,
) -> Result:
    """Leave out concepts: by name, by quality, or near copies."""
    from pcbm.concepts import ConceptBank, filter_bank

    _check_out(out, force)
    if not keep and not drop and min_auc is None and max_cosine is None:
        raise InputError("nothing to filter by: add --keep, --drop, --min-auc or --max-cosine")
    left, notes = filter_bank(
        ConceptBank.load(bank),
        keep=keep or None,
        drop=drop or [],
        min_auc=min_auc,
        max_cosine=max_cosine,
    )
    return _saved(left, notes, out, common)


def _check_out(out: Path, force: bool) -> None:
    from pcbm.files import refuse_existing

    if out.suffix.casefold() != ".safetensors":
        raise InputError(f"--out was given as {str(out)!r}: a bank's name ends in .safetensors")
    refuse_existing(out, force=force)


def _saved(bank: Any, notes: list[str], out: Path, common: Common) -> Result:
    bank.save(out)
    for note in notes:
        common.note(note)
    return Result({**_document(bank, out), "notes": notes}, lambda: _view(bank, out))


def _document(bank: Any, path: Path) -> dict[str, Any]:
    return {
        "bank": path,
        "n_concepts": len(bank),
        "dim": bank.dim,
        "source": bank.source,
        "fingerprint": bank.fingerprint,
        "backbone": None if bank.record is None else bank.record.get("spec"),
        "concepts": [
            {"name": name, "source": source, "stats": bank.stats.get(name)}
            for name, source in zip(bank.names, bank.sources, strict=True)
        ],
        "notes": bank.notes,
    }


def _view(bank: Any, path: Path) -> list[Block]:
    made_on = "no backbone recorded" if bank.record is None else bank.record.get("spec")
    figures = list(dict.fromkeys(key for row in bank.stats.values() for key in row))
    shown = [key for key in ("n_positive", "n_negative", "accuracy", "auc") if key in figures]
    rows = [
        (name, source, *(bank.stats.get(name, {}).get(key) for key in shown))
        for name, source in zip(bank.names, bank.sources, strict=True)
    ]
    return [
        Line(f"{path}: {len(bank)} concepts in {bank.dim} dimensions, {made_on}"),
        Table(("concept", "source", *(key.replace("_", " ") for key in shown)), rows),
    ]
