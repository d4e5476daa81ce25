"""``pcbm demo``: the whole way on data that comes with the package, offline."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.progress import stages

if TYPE_CHECKING:
    from pcbm.demo import Story

SHOWN_NEC = (1, 2, 3, 5, 10, 15)


def demo(
    common: Common,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder to write; default: demo/ in the cache folder."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing DIR.")] = False,
) -> Result:
    """Build data, fit, edit and report on an embedded world of shapes; offline, in a minute."""
    began = time.perf_counter()
    from pcbm.activations.cache import cache_folder
    from pcbm.demo import REPORT, save_story, tell_story
    from pcbm.files import refuse_existing

    folder = cache_folder() / "demo" if out is None else out
    force = force or out is None
    refuse_existing(folder, force=force, mark=REPORT)
    with stages(quiet=common.quiet) as progress:
        story = tell_story(common.seed, common.device, progress)
    save_story(story, folder, force=force)
    document = {
        "accuracy": story.accuracy,
        "edits": story.edited.edits,
        "reliance": story.reliance,
        "random_bank": story.random,
        "path": story.path,
        "run": folder / "edited",
        "run_before": folder / "run",
        "report": folder / REPORT,
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(story, document))


def _view(story: Story, document: dict[str, Any]) -> list[Block]:
    from pcbm.demo import TEXTURE_WORDS

    metrics, accuracy = story.run.metrics, story.accuracy
    random = metrics["controls"]["random_bank"]
    textures = ", ".join(TEXTURE_WORDS)
    blocks: list[Block] = [
        Line(
            f"{metrics['n_train']:,} pictures of 5 shapes, {metrics['n_concepts']} words, "
            f"a sparse head with {metrics['nec']:.3g} concepts a class. In training the background "
            "texture gives the class away 99 times in 100; in the shifted test it lies."
        ),
        Table(
            ("accuracy", "in distribution", "shifted"),
            [
                ("before", accuracy["before"]["id"], accuracy["before"]["shifted"]),
                (
                    f"after zeroing {textures}",
                    accuracy["after"]["id"],
                    accuracy["after"]["shifted"],
                ),
                ("random directions, before", None, story.random["before"]),
                ("random directions, the same edit", None, story.random["after"]),
            ],
        ),
        Line(
            f"In distribution the words beat {random['repeats']} banks of random directions at the "
            f"same sparsity ({random['mean']:.3f}), and still the head follows the wrong ones: "
            "no figure in distribution would have told."
        ),
        _coefficients(story),
        _path_table(story),
        Line(
            "The sparsest heads know some classes by texture alone and lose them in the edit; in "
            "the densest the edit brings less. Choose the sparsity before you judge an edit."
        ),
        *warning_lines(story.reliance["warnings"]),
        Line(f"run     {document['run']}"),
        Line(f"report  {document['report']}  (open it in a browser)", "bold"),
        Line(f"took {document['seconds']:.0f} s"),
    ]
    return blocks


def _coefficients(story: Story) -> Table:
    """Return the edited coefficients as they were; all of them are 0 after the edit."""
    from pcbm.demo import TEXTURE_WORDS

    model = story.run.model
    columns = [model.concept_names_.index(word) for word in TEXTURE_WORDS]
    rows = [
        (str(name), *(float(row[j]) for j in columns))
        for name, row in zip(model.classes_, model.coef_, strict=True)
    ]
    return Table(("class", *TEXTURE_WORDS), rows, "Coefficients that the edit set to 0")


def _path_table(story: Story) -> Table:
    """Return a few points of the path, from sparse to dense."""
    points = [min(story.path, key=lambda point: abs(point["nec"] - nec)) for nec in SHOWN_NEC]
    keys = ("id before", "id after", "shifted before", "shifted after")
    return Table(
        ("NEC", *keys),
        [(point["nec"], *(point[key] for key in keys)) for point in points],
        "The same edit along the path, from sparse to dense",
    )
