"""``pcbm transfer stir``: what one network cannot tell apart, and another cannot either."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, warning_lines
from pcbm.cli.transfer_figures import FigureChoice
from pcbm.cli.transfer_study import (
    BIASED,
    StudyChoice,
    inversion_table,
    inversions,
    kept_parts,
    matrix_table,
    pictures,
    reasons,
    settings_data,
    study_lines,
    weak,
)

if TYPE_CHECKING:
    from pcbm.analysis.transfer import Stir
    from pcbm.report.plots.chart import Chart


def stir(
    common: Common,
    choice: StudyChoice,
    figures: FigureChoice,
    a: Annotated[str, typer.Argument(metavar="A", help="The backbone whose layers are inverted.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The backbone that looks at the result.")],
    layer_b: Annotated[
        list[str] | None,
        typer.Option(
            "--layer-b", metavar="PATTERN", help="Layers of B, where they differ; repeatable."
        ),
    ] = None,
) -> Result:
    """Measure how far B shares the invariances of A: STIR(B | A).

    Other pictures X' are searched that a layer of A represents as it does X; STIR is the
    similarity of B on X and on X'. Finished inversions are kept, so that a repeat goes on.
    """
    from pcbm.analysis.networks import open_network
    from pcbm.analysis.reading import matching_layers
    from pcbm.analysis.transfer import measure_stir

    began = time.perf_counter()
    figures.check()
    settings = choice.settings(common.seed)
    shown = pictures(choice, common)
    first, second = (open_network(spec, device=common.device) for spec in (a, b))
    layers = matching_layers(first, choice.layers)
    read = matching_layers(second, layer_b or layers)
    pixels, warnings = shown.pixels(first, [second])
    with kept_parts(common) as ledger, common.progress("inverting") as progress:
        found = measure_stir(
            first,
            [second],
            pixels,
            layers=layers,
            read=read,
            settings=settings,
            ledger=ledger,
            progress=progress,
        )
    entries = inversions(found)
    biased = [BIASED] if settings.similarity == "cka" else []
    document = {
        "a": a,
        "b": b,
        "data": choice.data,
        "split": shown.split,
        "n": found.n,
        "layers": {"a": layers, "b": read},
        **_values(found),
        "inversions": entries,
        "reasons": reasons(found),
        "settings": settings_data(settings, pixels),
        "figures": figures.write([_map(found)]),
        "seconds": time.perf_counter() - began,
        "warnings": [*warnings, *biased, *weak(entries, settings)],
    }
    return Result(document, lambda: _view(document, found))


def _values(found: Stir) -> dict[str, Any]:
    from pcbm.analysis.transfer.stir import spread

    spreads = spread(found.by_seed())
    return {
        "values": found.values()[0],
        "spread": None if spreads is None else spreads[0],
        "floors": found.floors.mean(axis=1)[0],
        "by_seed": found.scores[0],
    }


def _map(found: Stir) -> Chart:
    from pcbm.report.plots.invariances import layer_map

    settings = found.settings
    residuals = found.residual.mean(axis=0)
    return layer_map(
        "stir",
        f"STIR({found.observers[0]} | {found.reference})",
        f"Row: inverted layer, column: layer that looked. {settings.similarity}, {found.n} "
        f"pictures, means over {settings.seeds} seeds, {settings.inversion.steps} steps, residuals "
        f"{residuals.min():.3f} to {residuals.max():.3f}.",
        found.values()[0],
        (found.layers, found.read),
        ("inverted layer of A", "layer of B"),
        limit=1.0,
    )


def _view(document: dict[str, Any], found: Stir) -> list[Block]:
    blocks = warning_lines(document["warnings"])
    blocks.append(Line(f"STIR(B | A), A = {document['a']}, B = {document['b']}"))
    blocks += study_lines(document)
    blocks += inversion_table(document["inversions"], "Inversions of A")
    names = (found.layers, found.read)
    corner = "inverted in A \\ read in B"
    values, spreads, floors = (document[key] for key in ("values", "spread", "floors"))
    seeds = "" if spreads is None else ", mean ± spread over seeds"
    blocks.append(matrix_table(f"STIR(B | A){seeds}", corner, *names, values, spreads))
    blocks.append(matrix_table("Floor: the starts, not optimised", corner, *names, floors))
    for entry in document["reasons"]:
        where = f"{entry['inverted']}, read in {entry['read']}"
        blocks.append(Line(f"no value: {where}: {entry['reason']}", "yellow"))
    return blocks
