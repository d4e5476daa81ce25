"""``pcbm transfer shuffle``: pictures whose blocks change places, and how networks take it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import read
from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.cli.transfer_figures import FigureChoice
from pcbm.cli.transfer_points import PictureChoice, chosen_rows
from pcbm.cli.views import interval_text
from pcbm.errors import InputError

if TYPE_CHECKING:
    from pcbm.analysis.transfer.shuffle import Size


def shuffle(
    common: Common,
    choice: PictureChoice,
    figures: FigureChoice,
    networks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NETWORK]...", help="Networks to run, python:FILE.py:FACTORY."),
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(
            "--size",
            help="Side of the blocks, or channel; repeatable. Default: all that divide the side.",
        ),
    ] = None,
    permutations: Annotated[
        int, typer.Option("--permutations", min=1, help="With seeds counted on from --seed.")
    ] = 3,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write DATA shuffled, for one --size."),
    ] = None,
) -> Result:
    """Measure accuracy on block-shuffled and channel-shuffled pictures, or write such data.

    One permutation, drawn by the seed, serves every picture. With --out all of DATA is written as
    pictures and a table, DIR/data.csv, to train or test on.
    """
    began = time.perf_counter()
    figures.check()
    sizes = [_size(text) for text in size] if size else None
    if not networks and out is None:
        raise InputError("nothing was asked for: name a network to run, or --out DIR with --size")
    written = None if out is None else _write(choice, sizes, out, figures.force, common)
    found = _studies(networks or [], choice, sizes, permutations, common)
    document = {
        "data": choice.data,
        "studies": found,
        "out": written,
        "figures": figures.write([_chart(found)]) if found else None,
        "seed": common.seed,
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(document))


def _size(text: str) -> Size:
    if text.strip() == "channel":
        return "channel"
    if text.strip().isdecimal() and int(text) > 0:
        return int(text)
    raise InputError(f"--size was given as {text!r}: it is a whole number from 1, or channel")


def _write(
    choice: PictureChoice, sizes: list[Size] | None, out: Path, force: bool, common: Common
) -> dict[str, Any]:
    from pcbm.analysis.transfer.shuffle import Shuffle
    from pcbm.analysis.transfer.shuffled_folder import TABLE, check_folder, save_shuffled

    if sizes is None or len(sizes) != 1:
        raise InputError(f"--out needs one --size, and {len(sizes or [])} were given: add one")
    check_folder(out, force=force)
    data = read(choice.data, common)
    with common.progress("pictures") as progress:
        save_shuffled(data, Shuffle(sizes[0], common.seed), out, force=force, progress=progress)
    return {"folder": out, "data": out / TABLE, "size": sizes[0], "n": len(data)}


def _studies(
    names: list[str],
    choice: PictureChoice,
    sizes: list[Size] | None,
    permutations: int,
    common: Common,
) -> list[dict[str, Any]]:
    if not names:
        return []
    from pcbm.analysis.networks import open_network
    from pcbm.analysis.transfer import shuffled_accuracy

    rows = chosen_rows(choice, common)
    found = []
    for name in names:
        network = open_network(name, device=common.device)
        pixels, labels = rows.seen_by(network)
        with common.progress(f"shuffles, {name}") as progress:
            study = shuffled_accuracy(
                network,
                pixels,
                labels,
                sizes,
                permutations=permutations,
                seed=common.seed,
                batch_size=choice.batch_size,
                progress=progress,
            )
        found.append({**study.data(), "split": rows.split})
    return found


def _chart(found: list[dict[str, Any]]) -> Any:
    from pcbm.report.plots.landscapes import shuffle_chart

    return shuffle_chart(found)


def _view(document: dict[str, Any]) -> list[Block]:
    blocks: list[Block] = []
    written = document["out"]
    if written is not None:
        what = "values" if written["size"] == "channel" else f"blocks of {written['size']}"
        blocks.append(Line(f"wrote {written['n']:,} pictures, {what} shuffled: {written['data']}"))
    for study in document["studies"]:
        part = "" if study["split"] == "all" else f" ({study['split']})"
        lines = [
            [
                str(row["size"]),
                row["accuracy"],
                interval_text(row["interval"]),
                ", ".join(f"{value:.3f}" for value in row["by_permutation"]),
            ]
            for row in study["sizes"]
        ]
        blocks.append(
            Line(
                f"{study['network']}: {study['n']:,} pictures of {document['data']}{part}, most "
                f"frequent class {study['majority']:.3f}"
            )
        )
        blocks.append(Table(("block", "accuracy", "95 %", "by permutation"), lines))
    return blocks
