"""``pcbm transfer flow``: to which layers fine-tuning moved what each layer cannot tell apart."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.progress import stages
from pcbm.cli.transfer_figures import FigureChoice
from pcbm.cli.transfer_finetuned import (
    FinetunedArgument,
    LikeOption,
    PretrainedArgument,
    open_study,
)
from pcbm.cli.transfer_study import (
    StudyChoice,
    inversion_table,
    inversions,
    kept_parts,
    matrix_table,
    reasons,
    study_lines,
    weak,
)

if TYPE_CHECKING:
    import numpy as np

    from pcbm.analysis.transfer import Forgotten
    from pcbm.report.plots.chart import Chart

MEANING = (
    "row: inverted pretrained layer i, column: fine-tuned layer j, "
    "STIR(ft[j] | pt[i]) - STIR(ft[i] | pt[i])"
)


def flow(
    common: Common,
    choice: StudyChoice,
    figures: FigureChoice,
    pretrained: PretrainedArgument,
    finetuned: FinetunedArgument,
    like: LikeOption = None,
) -> Result:
    """Measure the flow of invariances from layers of PRETRAINED to layers of FINETUNED.

    Every pretrained layer is inverted once, for all checkpoints. Finished inversions are kept,
    so that a repeat goes on.
    """
    from pcbm.analysis.transfer import forgotten

    began = time.perf_counter()
    figures.check()
    study = open_study(pretrained, finetuned, like, choice, common)
    with kept_parts(common) as ledger, stages(quiet=common.quiet) as tell:
        found = forgotten(
            study.pretrained,
            study.checkpoints,
            study.pixels,
            layers=study.layers,
            settings=study.settings,
            ledger=ledger,
            stages=tell,
        )
    values, spreads = _flow(found)
    entries = inversions(found.stir)
    summary = _summary(found.checkpoints, values)
    document = {
        "pretrained": pretrained,
        "checkpoints": found.checkpoints,
        "orientation": MEANING,
        **study.about,
        "warnings": [*study.about["warnings"], *weak(entries, study.settings)],
        "values": values,
        "spread": spreads,
        "summary": summary,
        "inversions": entries,
        "reasons": reasons(found.stir),
        "figures": figures.write(_charts(found, values, summary)),
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(document))


def _flow(found: Forgotten) -> tuple[np.ndarray, np.ndarray | None]:
    """Return means and spreads over seeds, (T, L, L)."""
    from pcbm.analysis.transfer.stir import spread

    by_seed = found.flow()
    return by_seed.mean(axis=1), spread(by_seed)


def _summary(checkpoints: list[str], values: np.ndarray) -> list[dict[str, Any]]:
    from pcbm.analysis.transfer import sides

    return [
        {"checkpoint": name, "compression": below, "expansion": above}
        for name, (below, above) in zip(checkpoints, map(sides, values), strict=True)
    ]


def _charts(found: Forgotten, values: np.ndarray, summary: list[dict[str, Any]]) -> list[Chart]:
    import numpy as np

    from pcbm.report.plots.invariances import layer_map, trend

    charts = [
        layer_map(
            "flow",
            f"Invariance flow, {found.checkpoints[-1]}",
            f"{MEANING}. Lower left positive: earlier layers took over; upper right: later ones.",
            values[-1],
            (found.layers, found.layers),
            ("inverted pretrained layer", "fine-tuned layer"),
        )
    ]
    if len(summary) > 1 and len(found.layers) > 1:
        series = [
            (name, np.array([entry[name] for entry in summary], dtype=float), None)
            for name in ("compression", "expansion")
        ]
        charts.append(
            trend(
                "flow-over-checkpoints",
                "Compression and expansion",
                "Means of the flow matrix below and above its diagonal.",
                found.checkpoints,
                "mean flow",
                series,
            )
        )
    return charts


def _view(document: dict[str, Any]) -> list[Block]:
    blocks = warning_lines(document["warnings"])
    names, layers = document["checkpoints"], document["layers"]
    blocks.append(Line(f"Invariance flow from {document['pretrained']}"))
    blocks += study_lines(document)
    blocks += inversion_table(document["inversions"], "Inversions of PRETRAINED")
    spreads = document["spread"]
    blocks.append(Line(MEANING))
    blocks.append(
        matrix_table(
            f"Flow, {names[-1]}" + (" (the last checkpoint)" if len(names) > 1 else ""),
            "pretrained \\ fine-tuned",
            layers,
            layers,
            document["values"][-1],
            None if spreads is None else spreads[-1],
        )
    )
    rows = [[entry[key] for key in entry] for entry in document["summary"]]
    columns = ["checkpoint", "compression (below)", "expansion (above)"]
    blocks.append(Table(columns, rows, "Means beside the diagonal"))
    for entry in document["reasons"]:
        where = f"{entry['inverted']}, read in {entry['read']} of {entry['network']}"
        blocks.append(Line(f"no value: {where}: {entry['reason']}", "yellow"))
    return blocks
