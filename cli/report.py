"""``pcbm report``: one HTML file that a reviewer can open and check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pcbm.cli.evaluate import RunArgument, SplitOption
from pcbm.cli.inputs import activations_like, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Line, Result


def report(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.html", help="The file to write.")],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DATA", help="Explain rows of this data in the report."),
    ] = None,
    split: SplitOption = None,
    title: Annotated[str | None, typer.Option("--title", help="Default: the run's name.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> Result:
    """Write a RUN as one self-contained HTML page.

    It says what the run is, why to believe it, and what was changed.
    """
    import numpy as np

    from pcbm.files import refuse_existing, write_text
    from pcbm.model import load_run
    from pcbm.model.pipeline import labels_for
    from pcbm.report import choose_samples, render_report

    refuse_existing(out, force=force)
    loaded = load_run(run)
    samples = None
    if data is not None:
        rows = read(data, common)
        acts = activations_like(loaded, run, rows, choice, common)
        acts = acts.take(split_part(acts, split, default_test=True)[0])
        y = None if acts.y is None else labels_for(loaded.model, acts)
        rows = rows.take(np.isin(rows.ids, acts.ids))  # without what could not be read
        samples = choose_samples(loaded.model, acts.X, rows, y, seed=common.seed)
    page = render_report(loaded, samples=samples, title=title)
    write_text(out, page)
    size = len(page.encode())
    document = {
        "run": run,
        "report": out,
        "bytes": size,
        "samples": None if samples is None else len(samples),
    }
    return Result(document, lambda: [Line(f"wrote {out} ({size / 1024:,.0f} KiB)")])
