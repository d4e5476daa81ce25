"""What ``pcbm report`` writes beside the page: figures for papers, and a summary in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.output import Line
from pcbm.errors import InputError, need

FiguresOption = Annotated[
    Path | None,
    typer.Option("--figures", metavar="DIR", help="Write every chart as a figure for papers."),
]
FigureFormatOption = Annotated[
    str, typer.Option("--figure-format", metavar="FORMAT", help="Of the figures: svg, pdf or png.")
]


FORMATS = ("html", "md")
STDOUT = Path("-")


def check_output(
    out: Path | None, format_: str, figures: Path | None, *, force: bool
) -> Path | None:
    """Return the file to write; None for Markdown on stdout, and where only figures are wanted.

    Raises
    ------
    InputError
        The format is unknown, the file exists, or there is nothing to write.
    """
    from pcbm.files import refuse_existing

    if format_ not in FORMATS:
        raise InputError(f"--format was given as {format_!r}: it is html or md")
    if out is not None and out != STDOUT:
        refuse_existing(out, force=force)
        return out
    if format_ == "html" and out == STDOUT:
        raise InputError("--out - prints Markdown only: add --format md, or name a file")
    if format_ == "html" and figures is None:
        raise InputError(
            "nothing was asked for: give --out FILE.html, --figures DIR or --format md"
        )
    return None


def check_figures(folder: Path | None, format_: str, *, force: bool) -> None:
    """Refuse figures that cannot be written, before any time is spent on them.

    Raises
    ------
    InputError
        The folder exists, the format is unknown, or matplotlib is not installed.
    """
    from pcbm.files import refuse_existing
    from pcbm.report.plots import check_format
    from pcbm.report.plots.save import INDEX

    check_format(format_)
    if folder is not None:
        need("matplotlib", "plots")
        refuse_existing(folder, mark=INDEX, force=force)


def write_figures(
    run: Any, folder: Path, samples: Sequence[Any] | None, format_: str, *, force: bool
) -> tuple[dict[str, Any], list[Line]]:
    """Write the figures; return what JSON says of them, and the lines for a person."""
    from pcbm.report.plots import Absent, save_figures

    every = save_figures(run, folder, samples=samples, format_=format_, force=force)
    absent = [chart for chart in every if isinstance(chart, Absent)]
    files = [f"{chart.name}.{format_}" for chart in every if not isinstance(chart, Absent)]
    document = {
        "folder": folder,
        "format": format_,
        "files": files,
        "not_drawn": {chart.name: chart.reason for chart in absent},
    }
    lines = [Line(f"wrote {len(files)} figures to {folder}")]
    lines += [Line(f"not drawn: {chart.name} ({chart.reason})") for chart in absent]
    return document, lines
