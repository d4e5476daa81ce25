"""``pcbm export``: a run in a format that serving systems read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.evaluate import RunArgument, SplitOption
from pcbm.cli.inputs import activations_like, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.errors import InputError, near

FORMATS = ("onnx",)


def export(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="onnx: from activations on.")
    ] = "onnx",
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DATA", help="Compare file and model on rows of this data."),
    ] = None,
    split: SplitOption = None,
    float64: Annotated[
        bool, typer.Option("--float64", help="Compute in double precision inside the file.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> Result:
    """Write a RUN as one file for serving.

    The file is run and compared with the RUN first; it is written only if they agree to 1e-5.
    """
    from pcbm.export import export_onnx
    from pcbm.files import refuse_existing
    from pcbm.model import load_run

    if format_ not in FORMATS:
        raise InputError(f"--format was given as {format_!r}: {near(format_, FORMATS)}")
    refuse_existing(out, force=force)
    loaded = load_run(run)
    X = None
    if data is not None:
        acts = activations_like(loaded, run, read(data, common), choice, common)
        X = acts.take(split_part(acts, split, default_test=False)[0]).X
    record = export_onnx(
        loaded.model,
        out,
        X,
        float64=float64,
        config=loaded.config,
        force=force,
        seed=common.seed,
    )
    if data is None:
        common.note(f"compared on {record['check']['rows']} drawn rows: real ones come by --data")
    return Result({"run": run, "data": data, **record}, lambda: _view(record))


def _view(record: dict[str, Any]) -> list[Block]:
    check = record["check"]
    kind = "rows of the data" if check["real"] else "drawn rows"
    return [
        Line(f"wrote {record['out']} ({record['bytes'] / 1024:,.0f} KiB, {record['precision']})"),
        Line(f"agrees with the run on {check['rows']:,} {kind}; largest relative difference:"),
        Table(
            ("output", "columns", "difference"),
            [
                (name, columns, f"{check['largest_difference'][name]:.1e}")
                for name, columns in record["outputs"].items()
            ],
        ),
    ]
