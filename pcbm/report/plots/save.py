"""All figures of a run: collected, drawn, and written with the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pcbm.errors import InputError, near
from pcbm.files import new_folder, refuse_existing, to_json, write_bytes, write_text
from pcbm.model.run import Run, class_names
from pcbm.report.plots import concepts, edited, explained, measured
from pcbm.report.plots.chart import Absent, Chart, Drawn
from pcbm.report.plots.draw import DRAWINGS
from pcbm.report.plots.style import own_style, short
from pcbm.report.samples import Sample

INDEX = "figures.json"
FORMATS = ("svg", "pdf", "png")
# What a format writes of itself: the time of day has no place in it.
DATES: dict[str, dict[str, Any]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}


def charts(run: Run, samples: Sequence[Sample] | None = None) -> list[Drawn]:
    """Return the values of every figure of a run; what was not measured says why.

    Parameters
    ----------
    run : Run
    samples : sequence of Sample, optional
        Explained rows, see `pcbm.report.choose_samples`.
    """
    metrics, model = run.metrics, run.model
    return [
        measured.controls(metrics),
        measured.path(metrics),
        *concepts.weights(model),
        concepts.weights_map(model),
        *concepts.contributions(model, metrics),
        *concepts.quality(model.bank),
        concepts.geometry(metrics),
        measured.confusion(metrics, class_names(model)),
        measured.calibration(metrics),
        *measured.classes(metrics),
        *measured.groups(metrics),
        measured.residual(metrics),
        *edited.edits(run.edits),
        *explained.samples(samples),
    ]


def figure_bytes(chart: Chart, format_: str = "svg") -> bytes:
    """Return a chart as a file: fonts embedded, no date, the same bytes for the same values.

    Parameters
    ----------
    chart : Chart
    format_ : {"svg", "pdf", "png"}

    Raises
    ------
    InputError
        Another format.
    MissingExtraError
        matplotlib is not installed.
    """
    check_format(format_)
    file = io.BytesIO()
    title = {} if format_ == "png" else {"Title": short(chart.title, 200)}
    with own_style():
        drawn = DRAWINGS[chart.kind](chart.data)
        drawn.savefig(file, format=format_, metadata={**DATES[format_], **title})
    return file.getvalue()


def check_format(format_: str) -> None:
    """Raise InputError for a format that figures are not written in."""
    if format_ not in FORMATS:
        raise InputError(f"the figure format {format_!r} is unknown: {near(format_, FORMATS)}")


def save_figures(
    run: Run,
    folder: str | Path,
    *,
    samples: Sequence[Sample] | None = None,
    format_: str = "svg",
    force: bool = False,
) -> list[Drawn]:
    """Write every figure of a run into a new folder, whole or not at all.

    Beside the pictures stands ``figures.json``: title, caption and values of each, and which were
    not drawn, and why.

    Parameters
    ----------
    run : Run
    folder : path
    samples : sequence of Sample, optional
    format_ : {"svg", "pdf", "png"}
    force : bool
        Replace a folder of figures.

    Returns
    -------
    list of Chart or Absent

    Raises
    ------
    InputError
        The folder exists, or the format is unknown.
    MissingExtraError
        matplotlib is not installed.
    """
    check_format(format_)
    refuse_existing(Path(folder), mark=INDEX, force=force)
    every = charts(run, samples)
    save_charts(every, folder, format_=format_, force=force)
    return every


def save_charts(
    every: Sequence[Drawn], folder: str | Path, *, format_: str = "svg", force: bool = False
) -> None:
    """Write charts and their ``figures.json`` into a new folder, see `save_figures`."""
    check_format(format_)
    drawn = [chart for chart in every if isinstance(chart, Chart)]
    index = {
        "figures": [{"file": f"{c.name}.{format_}", **asdict(c)} for c in drawn],
        "not_drawn": [asdict(c) for c in every if isinstance(c, Absent)],
    }
    with new_folder(Path(folder), mark=INDEX, force=force) as draft:
        for chart in drawn:
            write_bytes(draft / f"{chart.name}.{format_}", figure_bytes(chart, format_))
        write_text(draft / INDEX, to_json(index) + "\n")
