"""``pcbm export``: a run in a format that serving systems read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from pcbm.cli.evaluate import RunArgument, SplitOption
from pcbm.cli.inputs import activations_like, backbone_for, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.errors import InputError, near

FORMATS = ("onnx", "torch")
IMAGES = 8  # that a torch program is compared on


def export(
    common: Common,
    choice: BackboneChoice,
    run: RunArgument,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The file to write.")],
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="onnx: from activations on; torch: from images on.",
        ),
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
    from pcbm.files import refuse_existing
    from pcbm.model import load_run

    if format_ not in FORMATS:
        raise InputError(f"--format was given as {format_!r}: {near(format_, FORMATS)}")
    refuse_existing(out, force=force)
    loaded = load_run(run)
    settings = {"float64": float64, "config": loaded.config, "force": force}
    if format_ == "torch":
        record = _torch(loaded, out, data, choice, common, settings)
    else:
        record = _onnx(loaded, run, out, data, split, choice, common, settings)
    return Result({"run": run, "data": data, **record}, lambda: _view(record))


def _onnx(
    run: Any,
    folder: Path,
    out: Path,
    data: str | None,
    split: str | None,
    choice: BackboneChoice,
    common: Common,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Write the ONNX file, compared on the activations of DATA where it is given."""
    from pcbm.export import export_onnx

    X = None
    if data is not None:
        acts = activations_like(run, folder, read(data, common), choice, common)
        X = acts.take(split_part(acts, split, default_test=False)[0]).X
    record = export_onnx(run.model, out, X, seed=common.seed, **settings)
    if data is None:
        common.note(f"compared on {record['check']['rows']} drawn rows: real ones come by --data")
    return record


def _torch(
    run: Any,
    out: Path,
    data: str | None,
    choice: BackboneChoice,
    common: Common,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """Write the torch program, compared on the first images of DATA."""
    from pcbm.activations.images import open_image
    from pcbm.export import export_torch

    if data is None:
        raise InputError(
            "--format torch was given without --data: give some images, which fix the size of the "
            "input and are what the file is compared on"
        )
    given = read(data, common)
    if given.kind != "image":
        raise InputError(f"{data} holds {given.kind}s: --format torch starts from images")
    here = replace(common, device="cpu")  # the file can be moved to any device when it is read
    backbone = backbone_for(given, choice, run.config["backbone"], here)
    assert backbone is not None  # images need one
    if backbone.dim != run.model.n_features_in_:
        raise InputError(
            f"{backbone.name} gives {backbone.dim} numbers an image, the run was fitted on "
            f"{run.model.n_features_in_}: use the same backbone, layer and pooling"
        )
    items = [
        open_image(item, str(name))
        for item, name in zip(given.inputs[:IMAGES], given.ids[:IMAGES], strict=True)
    ]
    return export_torch(run.model, backbone, items, out, **settings)


def _view(record: dict[str, Any]) -> list[Block]:
    check = record["check"]
    kind = "drawn rows"
    if check["real"]:
        kind = "images" if record["format"] == "torch" else "rows of the data"
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
