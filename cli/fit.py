"""``pcbm fit``: from data and concepts to a fitted run, set beside its controls."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import activations, backbone_for, load_chosen, marks_test, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.progress import stages
from pcbm.cli.views import interval_text, weights_table
from pcbm.errors import InputError

if TYPE_CHECKING:
    from pcbm.activations import ActivationSet, Dataset
    from pcbm.backbones import Backbone
    from pcbm.concepts import ConceptBank

HEAD = "Head"
TEST_SIZE = 0.2


def fit(
    common: Common,
    choice: BackboneChoice,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder of class folders, a .csv or .parquet manifest, activations "
            "(.npz, .safetensors, .parquet), a store of pcbm embed, or demo:shapes.",
        ),
    ],
    concepts: Annotated[
        Path,
        typer.Option(
            "--concepts",
            metavar="C",
            help="A bank .safetensors, words in .txt or .json, a folder of example folders, "
            "or a .csv of concept labels.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="The folder to write.")],
    test: Annotated[
        str | None, typer.Option("--test", metavar="DATA", help="Test data of its own.")
    ] = None,
    test_size: Annotated[
        float | None,
        typer.Option("--test-size", help=f"Part of DATA to test on; {TEST_SIZE} where none is."),
    ] = None,
    task: Annotated[
        str,
        typer.Option("--task", help="auto, binary, multiclass, multilabel or regression."),
    ] = "auto",
    template: Annotated[
        list[str] | None,
        typer.Option("--template", help="A sentence with {} for the word; repeatable."),
    ] = None,
    projection: Annotated[
        str,
        typer.Option(
            "--projection",
            help="margin, cosine, centred or least_squares.",
            rich_help_panel=HEAD,
        ),
    ] = "margin",
    concepts_per_class: Annotated[
        float | None,
        typer.Option(
            "--concepts-per-class",
            min=0.0,
            help="This many concepts a class (NEC), met by --nec-rule.",
            rich_help_panel=HEAD,
        ),
    ] = None,
    nec_rule: Annotated[
        str | None,
        typer.Option(
            "--nec-rule",
            help="path: the densest path point of at most as many, the default; exact: also "
            "between path points; truncate: the largest of a denser point; refit: path, fitted "
            "again without the 1-norm.",
            rich_help_panel=HEAD,
        ),
    ] = None,
    lam: Annotated[
        float | None,
        typer.Option("--lam", help="The penalty itself, above 0.", rich_help_panel=HEAD),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(
            "--select",
            help="What chooses the penalty: 1se, the default, or min on held-out rows; cv-1se or "
            "cv by cross-validation; bic; ebic.",
            rich_help_panel=HEAD,
        ),
    ] = None,
    group_folds: Annotated[
        bool,
        typer.Option(
            "--group-folds",
            help="Cross-validate with every group of the data whole.",
            rich_help_panel=HEAD,
        ),
    ] = False,
    l1_ratio: Annotated[
        float,
        typer.Option("--l1-ratio", min=0.0, max=1.0, help="1 is the lasso.", rich_help_panel=HEAD),
    ] = 0.99,
    solver: Annotated[
        str,
        typer.Option(
            "--solver",
            help="newton; glmnet (extra, GPL-2), saga, minibatch: the same head; sgd: the official "
            "code's settings, not converged.",
            rich_help_panel=HEAD,
        ),
    ] = "newton",
    residual: Annotated[
        str,
        typer.Option(
            "--residual",
            help="What concepts miss: none, linear, orthogonal, erase or mlp.",
            rich_help_panel=HEAD,
        ),
    ] = "none",
    control_repeats: Annotated[
        int,
        typer.Option("--control-repeats", min=0, help="Random banks to compare with; 0 is none."),
    ] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing RUN.")] = False,
) -> Result:
    """Fit a sparse head on concept scores, beside its controls."""
    from pcbm.files import refuse_existing
    from pcbm.model import FitSettings, fit_run, save_run
    from pcbm.model.run import CONFIG

    settings = FitSettings(
        projection=projection,
        concepts_per_class=concepts_per_class,
        lam=lam,
        select=select,
        nec_rule=nec_rule,
        group_folds=group_folds,
        l1_ratio=l1_ratio,
        solver=solver,
        residual=residual,
        task=task,
        seed=common.seed,
        control_repeats=control_repeats,
    )
    refuse_existing(out, force=force, mark=CONFIG)
    rows, held_out = read(data, common), None if test is None else read(test, common)
    check_one_test_set(rows, held_out, test_size)
    test_size = TEST_SIZE if test_size is None else test_size
    train, tested, bank = prepare(
        rows, held_out, concepts, choice, common, task=task, test_size=test_size, template=template
    )
    source = {
        "source": data,
        "content": rows.content_hash(),
        "test": test,
        "test_size": None if test or marks_test(rows) else test_size,
        "concepts": concepts.as_posix(),
    }
    with stages(quiet=common.quiet) as progress:
        run = fit_run(train, tested, bank, settings, data=source, progress=progress)
    save_run(run, out, force=force)
    document = {
        **run.metrics,
        "skipped": list(dict.fromkeys([*train.skipped, *tested.skipped])),
        "notes": [*run.metrics["notes"], *bank.notes],
    }
    return Result(document, lambda: _view(run))


def check_one_test_set(rows: Dataset, held_out: Dataset | None, test_size: float | None) -> None:
    """Refuse two answers to the question what to test on.

    Raises
    ------
    InputError
        Two of ``--test``, ``--test-size`` and test rows in DATA.
    """
    given = {
        "--test": held_out is not None,
        "--test-size": test_size is not None,
        f"test rows in {rows.source}": marks_test(rows),
    }
    named = [name for name, there in given.items() if there]
    if len(named) > 1:
        raise InputError(f"there are two test sets, {' and '.join(named)}: keep one of them")


def prepare(
    rows: Dataset,
    held_out: Dataset | None,
    concepts: Path,
    choice: BackboneChoice,
    common: Common,
    *,
    task: str,
    test_size: float,
    template: list[str] | None,
) -> tuple[ActivationSet, ActivationSet, ConceptBank]:
    """Return the activations to fit on, those to test on, and the concept bank.

    Words and folders become a bank before the backbone sees the data, so that a fault in them
    shows at once; labels of rows need the training activations, and those alone.
    """
    from pcbm.concepts import ConceptBank, resolve_concepts

    record = None
    if concepts.suffix.casefold() == ".safetensors" and concepts.is_file():
        record = ConceptBank.load(concepts).record
    backbone = backbone_for(rows, choice, record, common)
    names = backbone or _words_backbone(rows, concepts, choice, common)

    def bank_of(train: ActivationSet | None) -> ConceptBank:
        with common.progress("concepts") as progress:
            bank, notes = resolve_concepts(
                concepts,
                names,
                train,
                templates=template,
                seed=common.seed,
                batch_size=choice.batch_size,
                skip_unreadable=choice.skip_unreadable,
                progress=progress,
            )
        for note in notes:
            common.note(note)
        return bank

    early = backbone is not None and concepts.suffix.casefold() != ".csv"
    bank = bank_of(None) if early else None
    train, tested = _parts(rows, held_out, backbone, choice, common, task, test_size)
    return train, tested, bank if bank is not None else bank_of(train)


def _words_backbone(
    rows: Dataset, concepts: Path, choice: BackboneChoice, common: Common
) -> Backbone | None:
    """Return the backbone that embeds the concepts of data that holds activations already."""
    from pcbm.backbones import reload_backbone

    backbone = load_chosen(choice, common)
    needed = concepts.is_dir() or concepts.suffix.casefold() in (".txt", ".json")
    if backbone is None and needed and rows.record is not None:
        return reload_backbone(rows.record, device=common.device)
    return backbone


def _parts(
    rows: Dataset,
    held_out: Dataset | None,
    backbone: Backbone | None,
    choice: BackboneChoice,
    common: Common,
    task: str,
    test_size: float,
) -> tuple[ActivationSet, ActivationSet]:
    """Return the activations of the training rows and of the test rows."""
    from pcbm.activations import resolve_task, split_rows
    from pcbm.backbones import check_same_backbone

    acts = activations(rows, backbone, choice, common)
    if held_out is not None:
        tested = activations(held_out, backbone, choice, common)
        check_same_backbone(acts.record, tested.record, f"the test data {held_out.source}")
        return acts, tested.take(split_part(tested, None, default_test=True)[0])
    labels = resolve_task(acts.y, task, label_names=acts.label_names)
    train, test = split_rows(labels, acts.split, test_size, common.seed)
    return acts.take(train), acts.take(test)


def _view(run: Any) -> list[Block]:
    from pcbm.model.hybrid_text import residual_lines
    from pcbm.model.run import class_names, row_names

    m = run.metrics
    figure = "r2" if m["task"] == "regression" else "accuracy"
    classes = "" if m["n_classes"] is None else f", {m['n_classes']} classes"
    blocks = warning_lines(m["warnings"])
    blocks += [Line(f"note: {text}") for text in m["notes"]]
    blocks.append(
        Line(
            f"{m['run']}: {m['task']}, {m['n_train']:,} rows to fit{classes}, "
            f"{m['n_test']:,} to test, {m['n_concepts']} concepts"
        )
    )
    blocks.append(Line(f"head: {m['selection']['text']}; lam = {m['lam']:.4g}"))
    if m["solver"]["name"] != "newton":
        blocks.append(Line(f"solver: {m['solver']['text']}"))
    spans = (m["controls"].get("intervals") or {}) | {"own": m["evaluation"]["intervals"][figure]}
    span = {name: interval_text(spans.get(name)) for name in ("own", "full_probe", "majority")}
    train = f"{m[figure]['train']:.3f} on train"
    rows = [("named concepts", m[figure]["test"], span["own"], m["nec"], train)]
    random = m["controls"]["random_bank"]
    if random is not None:
        low, high = random["interval"]
        note = (
            f"named - random {random['difference']:+.3f} [{low:+.3f}, {high:+.3f}], "
            f"p = {random['p_value']:.2g}, {random['repeats']} banks"
        )
        rows.append(("random directions", random["mean"], None, random["nec"], note))
    probe, always = m["controls"]["full_probe"], m["controls"]["majority"]
    rows.append(("full probe", probe, span["full_probe"], None, "no concepts, all activations"))
    rows.append(("majority", always, span["majority"], None, ""))
    if m["residual"] is not None:
        both = m["residual"][figure]
        rows.insert(1, ("without residual", both["concepts_only"], None, m["nec"], ""))
    exact = " (every label right)" if m["task"] == "multilabel" else ""
    blocks.append(Table((f"test {figure}{exact}", "value", "95 %", "NEC", ""), rows))
    if m["residual"] is not None:
        blocks.append(Table(("residual", ""), residual_lines(m["residual"], m["task"])))
    blocks.append(weights_table(run.model, row_names(run.model), class_names(run.model)))
    return blocks
