"""The editor of ``pcbm report``: its options, the rows it shows, and the server beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import activations_like, read, training_rows
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Line, Result
from pcbm.errors import InputError

if TYPE_CHECKING:
    from pcbm.activations import ActivationSet, Dataset
    from pcbm.report.editor import Cases

EDITOR = "Editor"
EditorOption = Annotated[
    bool,
    typer.Option(
        "--editor",
        help="Let readers try edits in the page, on a sample of --data that is not for testing.",
        rich_help_panel=EDITOR,
    ),
]
EditorDataOption = Annotated[
    str | None,
    typer.Option(
        "--editor-data",
        metavar="DATA2",
        help="Try edits on this data instead of --data.",
        rich_help_panel=EDITOR,
    ),
]
ServeOption = Annotated[
    bool,
    typer.Option(
        "--serve",
        help="Serve the page to a browser on this machine; edits are evaluated on all rows.",
        rich_help_panel=EDITOR,
    ),
]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65535,
        help="Of --serve; default: a free one.",
        rich_help_panel=EDITOR,
    ),
]


def check_editor(
    editor: bool, editor_data: str | None, data: str | None, serve: bool, port: int | None
) -> None:
    """Refuse options that need each other, before any data is read."""
    if editor and data is None and editor_data is None:
        raise InputError("--editor was given without rows to try edits on: add --data DATA")
    if editor_data is not None and not (editor or serve):
        raise InputError("--editor-data was given without --editor: add --editor, or leave it out")
    if port is not None and not serve:
        raise InputError("--port was given without --serve: add --serve, or leave it out")


def check_served_alone(out: Path | None, figures: Path | None, format_: str) -> None:
    """Refuse files beside ``--serve``."""
    given = {"--out": out, "--figures": figures, "--format md": format_ != "html" or None}
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise InputError(f"--serve was given beside {', '.join(named)}: run pcbm report twice")


def cases_of(
    run: Any, folder: Path, data: Dataset, acts: ActivationSet, option: str = "--data"
) -> Cases:
    """Return the rows of DATA that edits may be tried on.

    Raises
    ------
    InputError
        It has no labels, is the run's test set, or has test rows alone.
    """
    import numpy as np

    from pcbm.editing import ChosenOn
    from pcbm.model.pipeline import labels_for
    from pcbm.report.editor import Cases, editing_rows

    if acts.y is None:
        raise InputError(
            f"{data.source} has no labels, which the editor counts with: give labelled rows"
        )
    record = run.config["data"] or {}
    test = record.get("test")
    if test is not None and Path(test).absolute() == Path(data.source).absolute():
        raise InputError(
            f"{data.source} is the test set of {folder}, which the report quotes and no edit may "
            f"be chosen on: give other rows, like --editor-data {record['source']}"
        )
    train, _ = training_rows(run, data, acts)
    y, content = labels_for(run.model, acts), data.content_hash()
    known = record.get("content") == content
    chosen = editing_rows(run, y, acts.split, train, of_the_fit=known)
    source = ChosenOn(content, chosen.part, len(chosen.rows), data.source)
    readable = data.take(np.isin(data.ids, acts.ids))
    return Cases(readable, acts, y, chosen, source)


def named_cases(run: Any, folder: Path, name: str, choice: BackboneChoice, common: Common) -> Cases:
    """Read DATA and return the rows of it that edits may be tried on; see `cases_of`."""
    data = read(name, common)
    return cases_of(run, folder, data, activations_like(run, folder, data, choice, common))


def served(
    run: Any, folder: Path, page: str, cases: Cases | None, port: int | None, common: Common
) -> Result:
    """Open the server; what is printed is its address, and then it runs until Control+C."""
    from pcbm.report.editor import ReportServer, evaluator

    answer = None if cases is None else evaluator(run, cases)
    server = ReportServer(page, answer, port=port or 0)
    rows = None if cases is None else len(cases)
    document = {"run": folder, "url": server.url, "port": server.server_port, "rows": rows}
    if cases is None:
        common.note("there are no rows to try edits on: --data DATA adds the editor")
    common.note("open the address below in a browser; Control+C ends the server")
    return Result(document, lambda: [Line(server.url)], then=server.run)
