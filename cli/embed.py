"""``pcbm embed``: run a backbone over data once, into a store that later commands read."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import NONE, read
from pcbm.cli.options import BACKBONE, BACKBONE_FORMS, Common, DtypeOption, PoolOption, SkipOption
from pcbm.cli.output import Line, Result, Table
from pcbm.errors import InputError

if TYPE_CHECKING:
    from pcbm.backbones import Backbone


def embed(
    common: Common,
    data: Annotated[str, typer.Argument(metavar="DATA", help="Images or texts; see the docs.")],
    backbone: Annotated[
        str,
        typer.Option(
            "--backbone",
            metavar="B",
            help=BACKBONE_FORMS,
            rich_help_panel=BACKBONE,
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="ACTS", help="The store's folder.")],
    layer: Annotated[
        list[str] | None,
        typer.Option(
            "--layer",
            help="A named module; several give one store each, ACTS/LAYER.",
            rich_help_panel=BACKBONE,
        ),
    ] = None,
    pool: PoolOption = None,
    dtype: DtypeOption = "float32",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Rows at once.")] = 64,
    shard_rows: Annotated[int, typer.Option("--shard-rows", min=1, help="Rows a file.")] = 16384,
    skip_unreadable: SkipOption = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing store.")] = False,
) -> Result:
    """Run a backbone over DATA once, into a store.

    An unfinished store of the same data and backbone is continued.
    """
    from pcbm.activations import embed as embed_data
    from pcbm.backbones import load_backbone

    if backbone == NONE:
        raise InputError("--backbone none runs nothing: DATA that holds activations needs no embed")
    layers: list[str | None] = list(dict.fromkeys(layer or [])) or [None]
    rows = read(data, common)

    def load(name: str | None) -> Backbone:
        found = load_backbone(backbone, layer=name, pool=pool, device=common.device, dtype=dtype)
        assert found is not None
        return found

    for name in layers[1:]:
        load(name)  # a wrong name must show now, not after the layers before it
    stores: list[dict[str, Any]] = []
    for name in layers:
        began = time.perf_counter()
        folder = out if len(layers) == 1 else out / str(name)
        with common.progress("embed" if name is None else f"embed {name}") as progress:
            acts = embed_data(
                rows,
                load(name),
                folder,
                batch_size=batch_size,
                shard_rows=shard_rows,
                skip_unreadable=skip_unreadable,
                progress=progress,
                force=force,
                # Of an interrupted run over several layers the first are complete. With the last
                # one complete as well there is nothing to continue, and the output is refused.
                keep_finished=name != layers[-1],
            )
        stores.append(
            {
                "out": folder,
                "layer": name,
                "n": len(acts),
                "dim": acts.dim,
                "fingerprint": acts.fingerprint,
                "seconds": time.perf_counter() - began,
                "cached": acts.cached,
                "skipped": list(acts.skipped),
            }
        )
    return Result(_document(out, stores), lambda: _view(stores))


def _document(out: Path, stores: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the one store's record, or for several layers what they share and all records."""
    if len(stores) == 1:
        return stores[0]
    return {
        "out": out,
        "n": stores[0]["n"],
        "dim": None,
        "fingerprint": None,
        "seconds": sum(store["seconds"] for store in stores),
        "cached": all(store["cached"] for store in stores),
        "skipped": stores[0]["skipped"],
        "layers": {store["layer"]: store for store in stores},
    }


def _view(stores: list[dict[str, Any]]) -> list[Line | Table]:
    blocks: list[Line | Table] = []
    for store in stores:
        how = "all there already" if store["cached"] else f"in {store['seconds']:.1f} s"
        blocks.append(Line(f"{store['out']}: {store['n']:,} rows of {store['dim']} numbers, {how}"))
        blocks.append(Line(f"fingerprint {store['fingerprint']}"))
        if store["skipped"]:
            names = ", ".join(store["skipped"][:5])
            blocks.append(
                Line(f"left out as unreadable: {len(store['skipped'])}, first {names}", "yellow")
            )
    return blocks
