"""``pcbm report``: one HTML file that a reviewer can open and check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.editing_page import (
    EditorDataOption,
    EditorOption,
    PortOption,
    ServeOption,
    cases_of,
    check_editor,
    check_served_alone,
    named_cases,
    served,
)
from pcbm.cli.evaluate import RunArgument, SplitOption
from pcbm.cli.inputs import activations_like, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result
from pcbm.cli.report_outputs import (
    FigureFormatOption,
    FiguresOption,
    check_figures,
    check_output,
    write_figures,
)


def report(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The file to write; - prints Markdown."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DATA", help="Explain rows of this data in the report."),
    ] = None,
    split: SplitOption = None,
    title: Annotated[str | None, typer.Option("--title", help="Default: the run's name.")] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="html, or md: a short summary.")
    ] = "html",
    figures: FiguresOption = None,
    figure_format: FigureFormatOption = "svg",
    editor: EditorOption = False,
    editor_data: EditorDataOption = None,
    serve: ServeOption = False,
    port: PortOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> Result:
    """Write a RUN as one self-contained HTML page, as Markdown, as figures.

    It says what the run is, why to believe it, and what was changed.
    """
    import numpy as np

    from pcbm.files import write_text
    from pcbm.model import load_run
    from pcbm.model.pipeline import labels_for
    from pcbm.report import choose_samples, render_markdown, render_report
    from pcbm.report.editor import editor_part

    check_editor(editor, editor_data, data, serve, port)
    if serve:
        check_served_alone(out, figures, format_)
    else:
        out = check_output(out, format_, figures, force=force)
    check_figures(figures, figure_format, force=force)
    loaded = load_run(run)
    samples, cases = None, None
    if editor_data is not None:
        cases = named_cases(loaded, run, editor_data, choice, common)
    if data is not None:
        rows = read(data, common)
        acts = activations_like(loaded, run, rows, choice, common)
        if cases is None and (editor or serve):
            cases = cases_of(loaded, run, rows, acts)
        acts = acts.take(split_part(acts, split, default_test=True)[0])
        y = None if acts.y is None else labels_for(loaded.model, acts)
        rows = rows.take(np.isin(rows.ids, acts.ids))  # without what could not be read
        samples = choose_samples(loaded.model, acts.X, rows, y, seed=common.seed)
    part = None
    if cases is not None:
        part = editor_part(loaded, cases, seed=common.seed, served=serve)
    if serve:
        page = render_report(loaded, samples=samples, title=title, editor=part)
        return served(loaded, run, page, cases, port, common)
    document: dict[str, Any] = {"run": run, "format": format_, "report": out, "bytes": None}
    document |= {"samples": None if samples is None else len(samples), "figures": None}
    document["editor"] = None if cases is None else cases.source.as_dict()
    document["editor"] = None if cases is None else cases.source.as_dict()
    lines: list[Block] = []
    if format_ == "md":
        page = render_markdown(loaded, title=title)
        if out is None:
            document["markdown"] = page
            lines += map(Line, page.splitlines())
    elif out is not None:
        page = render_report(loaded, samples=samples, title=title, editor=part)
    if out is not None:
        write_text(out, page)
        document["bytes"] = len(page.encode())
        lines.append(Line(f"wrote {out} ({document['bytes'] / 1024:,.0f} KiB)"))
    if figures is not None:
        document["figures"], told = write_figures(
            loaded, figures, samples, figure_format, force=force
        )
        if "markdown" in document:  # which is alone on stdout, to be piped on
            for line in told:
                common.note(line.text)
        else:
            lines += told
    return Result(document, lambda: lines)
