"""``pcbm transfer learning``: invariances that fine-tuning forgot and learnt, layer by layer."""

from __future__ import annotations

import csv
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.progress import stages
from pcbm.cli.transfer_figures import FigureChoice
from pcbm.cli.transfer_finetuned import (
    FinetunedArgument,
    LikeOption,
    PretrainedArgument,
    Study,
    open_study,
)
from pcbm.cli.transfer_study import (
    StudyChoice,
    inversion_table,
    inversions,
    kept_parts,
    plus_minus,
    reasons,
    study_lines,
    weak,
)
from pcbm.errors import InputError, near

if TYPE_CHECKING:
    import numpy as np

    from pcbm.analysis.transfer import Stir
    from pcbm.report.plots.chart import Chart

MEASURES = {
    "forgetting": "STIR(pt[i] | pt[j]) - STIR(ft[i] | pt[j])",
    "learning": "STIR(ft[i] | ft[j]) - STIR(pt[i] | ft[j])",
    "cka_divergence": "CKA(pt[i], pt[j]) - CKA(ft[i], pt[j])",
}
TITLES = {"forgetting": "forgetting", "learning": "learning", "cka_divergence": "CKA divergence"}


@dataclass(frozen=True, eq=False)
class Changes:
    """What was measured: (T, L, L) means and spreads over seeds, and the inversions."""

    values: dict[str, np.ndarray]
    spreads: dict[str, np.ndarray | None]
    stirs: list[Stir]
    checkpoints: list[str]


def learning(
    common: Common,
    choice: StudyChoice,
    figures: FigureChoice,
    pretrained: PretrainedArgument,
    finetuned: FinetunedArgument,
    like: LikeOption = None,
    with_learning: Annotated[
        bool,
        typer.Option(
            "--learning/--no-learning",
            help="Invert the fine-tuned layers too: one pass more for each checkpoint.",
        ),
    ] = True,
    against: Annotated[
        Path | None,
        typer.Option(
            "--against",
            metavar="FILE.csv",
            help="Link the spread of forgetting over layers with a number: checkpoint,value.",
        ),
    ] = None,
    block: Annotated[
        int | None,
        typer.Option(
            "--block", min=1, help="Neighbouring checkpoints that a permutation keeps together."
        ),
    ] = None,
) -> Result:
    """Measure forgetting, learning and CKA divergence between PRETRAINED and FINETUNED.

    Finished inversions are kept, so that a repeat goes on.
    """
    began = time.perf_counter()
    figures.check()
    table = None if against is None else _table(against)
    study = open_study(pretrained, finetuned, like, choice, common)
    numbers = linked = None
    if against is not None and table is not None:
        numbers = _numbers(study, table, against, block)
    found = _measured(study, common, with_learning=with_learning)
    if against is not None and numbers is not None:
        linked = _linked(found, numbers, against, block, common.seed)
    entries = [entry for stir in found.stirs for entry in inversions(stir)]
    document = {
        "pretrained": pretrained,
        "checkpoints": found.checkpoints,
        "orientation": "row: inverted layer j, column: read layer i",
        "measures": MEASURES,
        **study.about,
        "warnings": [*study.about["warnings"], *weak(entries, study.settings)],
        **{name: _entry(found, name) for name in MEASURES},
        "summary": _summary(found),
        "link": linked,
        "inversions": entries,
        "reasons": [entry for stir in found.stirs for entry in reasons(stir)],
        "figures": figures.write(_charts(found, study.layers)),
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(document, found))


def _entry(found: Changes, name: str) -> dict[str, Any] | None:
    if name not in found.values:
        return None
    return {"values": found.values[name], "spread": found.spreads[name]}


def _measured(study: Study, common: Common, *, with_learning: bool) -> Changes:
    from pcbm.analysis.transfer import divergence, forgotten, learnt
    from pcbm.analysis.transfer import learning as learning_of
    from pcbm.analysis.transfer.stir import spread

    given = (study.pretrained, study.checkpoints, study.pixels)
    same: dict[str, Any] = {"layers": study.layers, "settings": study.settings}
    with kept_parts(common) as ledger, stages(quiet=common.quiet) as tell:
        first = forgotten(*given, **same, ledger=ledger, stages=tell)
        own = learnt(*given, **same, ledger=ledger, stages=tell) if with_learning else []
    by_seed = {"forgetting": first.forgetting()}
    if own:
        by_seed["learning"] = learning_of(own)
    values = {name: table.mean(axis=1) for name, table in by_seed.items()}
    spreads = {name: spread(table) for name, table in by_seed.items()}
    values["cka_divergence"] = divergence(*given, **same)
    spreads["cka_divergence"] = None  # nothing in it is random
    return Changes(values, spreads, [first.stir, *own], first.checkpoints)


def _diagonal(values: np.ndarray) -> np.ndarray:
    """Return each layer beside itself, (T, L)."""
    import numpy as np

    return np.diagonal(values, axis1=1, axis2=2)


def _summary(found: Changes) -> list[dict[str, Any]]:
    """Return mean and spread over layers (divisor L) of each layer beside itself."""
    rows = []
    for t, name in enumerate(found.checkpoints):
        row: dict[str, Any] = {"checkpoint": name}
        for measure, values in found.values.items():
            own = _diagonal(values)[t]
            row[measure] = {"mean": own.mean(), "std_over_layers": own.std()}
        rows.append(row)
    return rows


def _table(path: Path) -> dict[str, float]:
    """Read a number for each checkpoint from a CSV file with a header."""
    from pcbm.files import read_utf8

    rows = [row for row in csv.reader(read_utf8(path).splitlines()) if row]
    if not rows or len(rows[0]) != 2 or rows[0][0].strip() != "checkpoint":
        raise InputError(f"{path}: expected the columns checkpoint and one of numbers")
    found = {}
    for line, row in enumerate(rows[1:], 2):
        try:
            name, value = row
            found[name.strip()] = float(value)
        except ValueError:
            raise InputError(
                f"{path}, row {line} is {','.join(row)!r}: expected a checkpoint and a number"
            ) from None
    return found


def _numbers(study: Study, table: dict[str, float], path: Path, block: int | None) -> np.ndarray:
    """Return the number of each checkpoint; refuse what cannot be linked before it is measured."""
    import numpy as np

    from pcbm.analysis.transfer import link

    names = [network.name for network in study.checkpoints]
    for name in names:
        if name not in table:
            raise InputError(f"{path} has no checkpoint {name!r}: {near(name, table)}")
    numbers = np.array([table[name] for name in names])
    link(numbers, numbers, block=block)
    return numbers


def _linked(
    found: Changes, numbers: np.ndarray, path: Path, block: int | None, seed: int
) -> dict[str, Any]:
    """Link the spread of forgetting over layers with a number of each checkpoint."""
    from pcbm.analysis.transfer import link
    from pcbm.analysis.transfer.block_link import CAUTION

    series = _diagonal(found.values["forgetting"]).std(axis=1)
    return {
        "of": "std over layers of forgetting(ft[i] | pt[i])",
        "with": path,
        "series": series,
        "other": numbers,
        **link(series, numbers, block=block, seed=seed).data(),
        "caution": CAUTION,
    }


def _sentence(words: str) -> str:
    return words[:1].upper() + words[1:]


def _charts(found: Changes, layers: Sequence[str]) -> list[Chart]:
    from pcbm.report.plots.invariances import layer_map, trend

    charts = []
    for name, values in found.values.items():
        charts.append(
            layer_map(
                name.replace("_", "-"),
                f"{_sentence(TITLES[name])}, {found.checkpoints[-1]}",
                f"{MEASURES[name]}; row j, column i.",
                values[-1],
                (layers, layers),
                ("inverted layer" if name != "cka_divergence" else "pretrained layer", "layer"),
            )
        )
    if len(found.checkpoints) > 1:
        for name, values in found.values.items():
            own, spread = _diagonal(values), found.spreads[name]
            spreads = None if spread is None else _diagonal(spread)
            charts.append(
                trend(
                    f"{name.replace('_', '-')}-over-checkpoints",
                    f"{_sentence(TITLES[name])} of each layer",
                    f"{MEASURES[name]} with i = j; bands: spread over seeds.",
                    found.checkpoints,
                    TITLES[name],
                    [
                        (layer, own[:, k], None if spreads is None else spreads[:, k])
                        for k, layer in enumerate(layers)
                    ],
                )
            )
    return charts


def _view(document: dict[str, Any], found: Changes) -> list[Block]:
    blocks = warning_lines(document["warnings"])
    blocks.append(Line(f"What fine-tuning of {document['pretrained']} changed"))
    blocks += study_lines(document)
    first, *others = found.stirs
    blocks += inversion_table(inversions(first), "Inversions of PRETRAINED")
    if others:
        blocks += inversion_table(inversions(others[-1]), f"Inversions of {found.checkpoints[-1]}")
    blocks += _tables(found, document["layers"], document["summary"])
    for entry in document["reasons"]:
        where = f"{entry['inverted']}, read in {entry['read']} of {entry['network']}"
        blocks.append(Line(f"no value: {where}: {entry['reason']}", "yellow"))
    return blocks + _link_lines(document["link"])


def _tables(
    found: Changes, layers: Sequence[str], summary: Sequence[dict[str, Any]]
) -> list[Block]:
    """Return the changes of each layer beside itself, and the checkpoints in one row each."""
    names = list(found.values)
    last = -1
    rows = []
    for k, layer in enumerate(layers):
        row = [layer]
        for name in names:
            spread = found.spreads[name]
            value = float(found.values[name][last, k, k])
            row.append(plus_minus(value, None if spread is None else spread[last, k, k]))
        rows.append(row)
    titles = [TITLES[name] for name in names]
    blocks: list[Block] = [
        Table(["layer", *titles], rows, f"Each layer beside itself, {found.checkpoints[last]}")
    ]
    lines = [
        [
            entry["checkpoint"],
            *(entry[n][key] for n in names for key in ("mean", "std_over_layers")),
        ]
        for entry in summary
    ]
    columns = [f"{title}{part}" for title in titles for part in ("", ", std")]
    blocks.append(Table(["checkpoint", *columns], lines, "Mean and spread over layers"))
    return blocks


def _link_lines(linked: dict[str, Any] | None) -> list[Block]:
    if linked is None:
        return []
    rho, p = linked["rho"], linked["p_value"]
    value = "no value" if rho is None else f"rho {rho:.3f}"
    chance = "no p value" if p is None else f"p {p:.3g}"
    how = "all" if linked["exact"] else "so many drawn"
    blocks: list[Block] = [
        Line(
            f"link of the {linked['of']} with {linked['with']}: {value}, {chance}, from "
            f"{linked['checkpoints']} checkpoints in {linked['blocks']} blocks of "
            f"{linked['block']}, {linked['permutations']:,} orders ({how}), smallest p "
            f"{linked['smallest_p']:.2g}"
        )
    ]
    if linked["reason"]:
        blocks.append(Line(f"no value: {linked['reason']}", "yellow"))
    return [*blocks, Line(f"caution: {linked['caution']}", "yellow")]
