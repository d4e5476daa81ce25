"""``pcbm compare``: how alike two representations of the same inputs are."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.compare_figures import Figures, LayoutOption
from pcbm.cli.compare_layers import (
    DEFAULT,
    DataOption,
    LayerChoice,
    LayerPoolOption,
    LayersAOption,
    LayersBOption,
    LayersOption,
    SkipUnreadableOption,
    Task,
    asks_for_layers,
    compare_layers,
)
from pcbm.cli.inputs import read, split_part
from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table, warning_lines
from pcbm.cli.report_outputs import FigureFormatOption, FiguresOption
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pcbm.activations import ActivationSet
    from pcbm.analysis import Comparison, Settings

PAIR_ROWS = 10_000  # more rows make pairs of rows costly: 50 million pairs, 400 MB a side
NAMES = (
    "cka, cka_debiased, cka_minibatch, cka_rbf, cca, cca_max, cca2, svcca, pwcca, procrustes, "
    "rsa, knn, ridge_r2, frechet"
)

SETTINGS = "Settings of single metrics"
MetricOption = Annotated[
    list[str] | None,
    typer.Option(
        "--metric",
        metavar="NAME[,NAME]...",
        help=f"{NAMES}; repeatable. Default: all but frechet.",
    ),
]
SplitOption = Annotated[
    str | None, typer.Option("--split", help="Which rows of A: all, train, val or test.")
]
RowsOption = Annotated[
    int | None,
    typer.Option("--rows", min=4, help="Compare on so many rows, drawn by the seed."),
]
DrawsOption = Annotated[
    int,
    typer.Option("--draws", min=0, help="Subsamples for intervals, 20 or more; 0 = none."),
]
PermutationsOption = Annotated[
    int,
    typer.Option("--permutations", min=0, help="Shuffles for a baseline; 0 = none."),
]
RidgeOption = Annotated[
    float,
    typer.Option(
        "--ridge",
        min=0.0,
        help="Of CCA, in units of the mean variance.",
        rich_help_panel=SETTINGS,
    ),
]
ThresholdOption = Annotated[
    float,
    typer.Option("--threshold", help="Of SVCCA: the share to keep.", rich_help_panel=SETTINGS),
]
ShareOption = Annotated[
    str,
    typer.Option(
        "--share",
        help="Of SVCCA: squared (variance) or singular (singular values).",
        rich_help_panel=SETTINGS,
    ),
]
SigmaOption = Annotated[
    float,
    typer.Option(
        "--sigma", help="Of RBF CKA, in median distances of rows.", rich_help_panel=SETTINGS
    ),
]
NeighboursOption = Annotated[
    int, typer.Option("--neighbours", min=1, help="Of knn.", rich_help_panel=SETTINGS)
]
BatchRowsOption = Annotated[
    int,
    typer.Option("--batch-rows", min=4, help="Of minibatch CKA.", rich_help_panel=SETTINGS),
]


def compare(
    common: Common,
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="Activations: a store, a folder of them, .npz, ...; or a backbone."
        ),
    ],
    b: Annotated[
        str, typer.Argument(metavar="B", help="The same inputs seen by another layer or model.")
    ],
    metric: MetricOption = None,
    split: SplitOption = None,
    rows: RowsOption = None,
    draws: DrawsOption = 0,
    permutations: PermutationsOption = 0,
    ridge: RidgeOption = 0.0,
    threshold: ThresholdOption = 0.99,
    share: ShareOption = "squared",
    sigma: SigmaOption = 1.0,
    neighbours: NeighboursOption = 10,
    batch_rows: BatchRowsOption = 256,
    data: DataOption = None,
    layers: LayersOption = None,
    layers_a: LayersAOption = None,
    layers_b: LayersBOption = None,
    pool: LayerPoolOption = None,
    skip_unreadable: SkipUnreadableOption = False,
    figures: FiguresOption = None,
    figure_format: FigureFormatOption = "svg",
    layout: LayoutOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a folder of figures.")] = False,
) -> Result:
    """Compare the activations A and B of the same inputs.

    Rows are brought together by their ids. Folders with one store a layer, and two backbones with
    --data, are compared layer by layer.
    """
    from pcbm.analysis import Settings
    from pcbm.analysis.layer_maps import map_metrics

    began = time.perf_counter()
    settings = Settings(
        ridge=ridge,
        threshold=threshold,
        share=share,  # type: ignore[arg-type]
        fraction=sigma,
        neighbours=neighbours,
        batch_size=batch_rows,
        seed=common.seed,
    )
    choice = LayerChoice.of(
        data, (layers, layers_a, layers_b), pool, skip_unreadable=skip_unreadable
    )
    drawn = Figures.of(figures, figure_format, layout, force=force)
    if asks_for_layers(a, b, choice):
        wanted = DEFAULT if metric is None else map_metrics(metric_names(metric))
        task = Task(wanted, settings, draws, permutations, split, rows)
        return compare_layers(a, b, choice, task, drawn, common)
    if figures is not None and not drawn.layouts:
        raise InputError(
            "--figures was given, but there are no layers to map: name folders with one store a "
            "layer, or backbones and --data, or add --layout"
        )
    names = metric_names(metric)
    left, right = _sides(a, b, split, common)
    warnings = _one_space(left, right) if "frechet" in names else []
    X, Y, settings = _rows(left, right, rows, settings)
    entries = _measured(X, Y, names, settings, (draws, permutations), rows, common)
    charts = drawn.points({a: X, b: Y}, settings.y, f"{a} and {b}", common) if layout else []
    written, lines = drawn.write(charts)
    document = {
        "a": a,
        "b": b,
        "n": len(X),
        "dims": [X.shape[1], Y.shape[1]],
        "metrics": entries,
        "figures": written,
        "seed": common.seed,
        "seconds": time.perf_counter() - began,
        "warnings": warnings,
    }
    return Result(document, lambda: [*_view(document), *lines])


def metric_names(given: list[str] | None) -> list[str]:
    """Return the names of metrics, from values that may each hold several with commas between.

    Without any: all but the Fréchet distance, which needs one feature space.
    """
    from pcbm.analysis.metrics import METRICS, check_metrics

    if given is None:
        return [name for name in METRICS if name != "frechet"]
    names = [name.strip() for entry in given for name in entry.split(",") if name.strip()]
    if not names:
        raise InputError(f"--metric was given no name: it is any of {NAMES}")
    return check_metrics(names)


def _sides(
    a: str, b: str, split: str | None, common: Common
) -> tuple[ActivationSet, ActivationSet]:
    """Return the two sides with aligned rows, read into memory."""
    from pcbm.activations import ActivationSet
    from pcbm.analysis import aligned

    left, right = (ActivationSet.from_dataset(read(path, common)) for path in (a, b))
    right = right.take(aligned(left, right, (a, b)))
    chosen, _ = split_part(left, split, default_test=False)
    return left.take(chosen), right.take(chosen)


def _one_space(left: ActivationSet, right: ActivationSet) -> list[str]:
    """Refuse a Fréchet distance between two feature spaces; warn where that cannot be told."""
    known = left.fingerprint, right.fingerprint
    if None not in known and known[0] != known[1]:
        raise InputError(
            "frechet was asked for, but A and B come from different backbones or layers "
            f"(fingerprints {known[0]} and {known[1]}): it needs one feature space; leave it out"
        )
    if left.dim != right.dim:
        raise InputError(
            f"frechet was asked for, but A has {left.dim} columns and B {right.dim}: it needs one "
            "feature space; leave it out"
        )
    if known[0] is None or known[1] is None:
        return ["frechet takes A and B for one feature space: no backbone is recorded to tell"]
    return []


def _rows(
    left: ActivationSet, right: ActivationSet, rows: int | None, settings: Settings
) -> tuple[np.ndarray, np.ndarray, Settings]:
    """Return the two tables and the settings on all rows, or on as many as were asked for."""
    import numpy as np

    n = len(left)
    if rows is not None and rows > n:
        raise InputError(f"--rows {rows} was asked for, but there are {n}")
    labels = (
        left.y if left.y is not None and left.y.ndim == 1 and left.y.dtype.kind != "f" else None
    )
    settings = replace(settings, y=labels)
    X, Y = np.asarray(left.X), np.asarray(right.X)
    if rows is None or rows == n:
        return X, Y, settings
    chosen = _drawn(n, rows, settings.seed)
    return X[chosen], Y[chosen], settings.on(chosen)


def _drawn(n: int, rows: int, seed: int) -> np.ndarray:
    import numpy as np

    return np.sort(np.random.default_rng([seed, 2]).permutation(n)[:rows])


def _measured(
    X: np.ndarray,
    Y: np.ndarray,
    names: list[str],
    settings: Settings,
    repeats: tuple[int, int],
    rows: int | None,
    common: Common,
) -> dict[str, dict[str, Any]]:
    """Return the entry of each metric; those of pairs of rows are capped unless rows were named."""
    from pcbm.analysis.metrics import OF_PAIRS

    capped = rows is None and len(X) > PAIR_ROWS
    few = [name for name in names if capped and name in OF_PAIRS]
    every = [name for name in names if name not in few]
    entries = _entries(X, Y, every, settings, repeats, common)
    if few:
        chosen = _drawn(len(X), PAIR_ROWS, settings.seed)
        part = _entries(X[chosen], Y[chosen], few, settings.on(chosen), repeats, common)
        for entry in part.values():
            entry["warnings"].append(
                f"on {PAIR_ROWS:,} of {len(X):,} rows, because it looks at all pairs of rows: "
                "--rows names another number"
            )
        entries |= part
    return {name: entries[name] for name in names}


def _entries(
    X: np.ndarray,
    Y: np.ndarray,
    names: list[str],
    settings: Settings,
    repeats: tuple[int, int],
    common: Common,
) -> dict[str, dict[str, Any]]:
    from pcbm.analysis import baselines, intervals, measure

    draws, permutations = repeats
    found: dict[str, Comparison] = {}
    with common.progress("metrics") as progress:
        for done, group in enumerate(_together(names), 1):
            found |= measure(X, Y, group, settings)
            if progress:
                progress(done, len(_together(names)))
    bounds: dict[str, Any] = dict.fromkeys(names)
    chance: dict[str, Any] = dict.fromkeys(names)
    if draws and names:
        with common.progress("subsamples") as progress:
            bounds |= intervals(X, Y, found, settings, draws, progress)
    if permutations and names:
        with common.progress("permutations") as progress:
            chance |= baselines(X, Y, found, settings, permutations, progress)
    return {
        name: {
            **result.data(),
            "interval": asdict(bounds[name]) if bounds[name] else None,
            "baseline": asdict(chance[name]) if chance[name] else None,
        }
        for name, result in found.items()
    }


def _together(names: list[str]) -> list[list[str]]:
    """Return the metrics one by one; the CCA family shares its work."""
    from pcbm.analysis.metrics import CCA_FAMILY

    family = [name for name in names if name in CCA_FAMILY]
    return [*([family] if family else []), *([name] for name in names if name not in family)]


def _view(document: dict[str, Any]) -> list[Block]:
    metrics = document["metrics"]
    blocks = warning_lines(document["warnings"])
    dims = " and ".join(f"{dim:,}" for dim in document["dims"])
    blocks.append(
        Line(f"{document['a']} and {document['b']}: {document['n']:,} rows, {dims} columns")
    )
    columns = ["metric", "value", "kind"]
    with_intervals = any(entry["interval"] for entry in metrics.values())
    with_baselines = any(entry["baseline"] for entry in metrics.values())
    columns += ["low", "high"] if with_intervals else []
    columns += ["shuffled", "p"] if with_baselines else []
    lines = []
    for name, entry in metrics.items():
        line = [name, entry["value"], entry["kind"]]
        interval, baseline = entry["interval"] or {}, entry["baseline"] or {}
        line += [interval.get("low"), interval.get("high")] if with_intervals else []
        line += [baseline.get("mean"), baseline.get("p_value")] if with_baselines else []
        lines.append(line)
        if entry.get("reverse") is not None:
            lines.append([f"{name}, from B", entry["reverse"], *line[2:3], *[None] * len(line[3:])])
    blocks.append(Table(columns, lines))
    blocks += _remarks(metrics)
    return blocks


def _remarks(metrics: dict[str, dict[str, Any]]) -> list[Block]:
    """Return what has to be said of single metrics: reasons, warnings, dimensions kept."""
    blocks: list[Block] = []
    for name, entry in metrics.items():
        if entry["reason"]:
            blocks.append(Line(f"{name}: no value, {entry['reason']}", "yellow"))
        blocks += [Line(f"{name}: {text}", "yellow") for text in entry["warnings"]]
        if name == "svcca":
            k, variance = entry["k"], entry["variance_kept"]
            blocks.append(
                Line(
                    f"svcca: {k[0]} and {k[1]} directions kept, "
                    f"{variance[0]:.1%} and {variance[1]:.1%} of the variance"
                )
            )
        if name == "knn":
            blocks.append(Line(f"knn: unrelated sides share {entry['chance']:.3g}"))
    return blocks
