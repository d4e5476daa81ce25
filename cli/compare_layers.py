"""The part of ``pcbm compare`` that compares all layers of two models."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.compare_figures import Figures
from pcbm.cli.inputs import read, split_part
from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pcbm.activations import Dataset
    from pcbm.analysis import LayerMap, Settings
    from pcbm.report.plots import Chart

WIDEST = 10  # layers of B up to which every value is printed
LAYERS = "Layers of two models"
DEFAULT = ["cka_debiased"]

DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="DATA",
        help="Inputs for A and B, which are backbones then.",
        rich_help_panel=LAYERS,
    ),
]
LayersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layers",
        metavar="NAME[,NAME]...",
        help="Of both: names, * within a part of one, ** over parts; repeatable.",
        rich_help_panel=LAYERS,
    ),
]
LayersAOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layers-a", metavar="NAME[,NAME]...", help="Of A instead.", rich_help_panel=LAYERS
    ),
]
LayersBOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layers-b", metavar="NAME[,NAME]...", help="Of B instead.", rich_help_panel=LAYERS
    ),
]
LayerPoolOption = Annotated[
    str | None,
    typer.Option(
        "--pool",
        help="Of backbones: mean, cls or flatten (all positions).",
        rich_help_panel=LAYERS,
    ),
]
SkipUnreadableOption = Annotated[
    bool,
    typer.Option(
        "--skip-unreadable",
        help="Leave out images that cannot be read, for both.",
        rich_help_panel=LAYERS,
    ),
]


@dataclass(frozen=True)
class LayerChoice:
    """Which layers of what: ``data`` is None where A and B hold activations."""

    data: str | None
    layers_a: list[str]
    layers_b: list[str]
    pool: str | None
    skip_unreadable: bool

    @classmethod
    def of(
        cls,
        data: str | None,
        layers: tuple[list[str] | None, list[str] | None, list[str] | None],
        pool: str | None,
        *,
        skip_unreadable: bool,
    ) -> LayerChoice:
        """Return the choice from the options: of both, of A and of B."""
        both, a, b = (
            [part.strip() for entry in given or [] for part in entry.split(",") if part.strip()]
            for given in layers
        )
        return cls(data, a or both, b or both, pool, skip_unreadable)


@dataclass(frozen=True)
class Task:
    """What to do with the layers."""

    names: list[str]
    settings: Settings
    draws: int
    permutations: int
    split: str | None
    rows: int | None


@dataclass(frozen=True, eq=False)
class Sides:
    """Layers of both models on the same rows, and the labels of these."""

    left: Mapping[str, np.ndarray]
    right: Mapping[str, np.ndarray]
    y: np.ndarray | None


def asks_for_layers(a: str, b: str, choice: LayerChoice) -> bool:
    """Return whether layers are to be compared; raise InputError for what does not go together."""
    from pcbm.analysis.layer_stores import holds_layers

    if choice.data is not None:
        stored = [side for side in (a, b) if Path(side).exists()]
        if stored:
            raise InputError(
                f"{stored[0]} is no backbone, but --data was given: name two backbones that run on "
                "it, or leave --data out to compare activations"
            )
        return True
    for side in (a, b):
        if _names_backbone(side):
            raise InputError(
                f"{side} is a backbone: add --data DATA, the inputs for both, and --layers"
            )
    if choice.pool is not None or choice.skip_unreadable:
        option = "--pool" if choice.pool is not None else "--skip-unreadable"
        raise InputError(f"{option} is for backbones that run on --data, and there is none")
    if holds_layers(a) or holds_layers(b):
        return True
    if choice.layers_a or choice.layers_b:
        raise InputError(
            f"--layers was given, but neither {a} nor {b} is a folder with one store a layer, as "
            "pcbm embed --layer writes it: name such folders, or backbones and --data"
        )
    return False


def compare_layers(
    a: str, b: str, choice: LayerChoice, task: Task, figures: Figures, common: Common
) -> Result:
    """Compare every layer of A with every layer of B."""
    began = time.perf_counter()
    with ExitStack() as stack:
        charts: list[Chart] = []
        if choice.data is not None and not figures.layouts and _only_minibatch(task):
            maps, document = _streamed(a, b, choice, task, common)
        else:
            sides = stack.enter_context(_sides(a, b, choice, task, common))
            maps, document = _measured(sides, task, common)
            if figures.layouts:
                charts += figures.points(sides.left, sides.y, a, common)
            if figures.layouts and b != a:
                charts += figures.points(sides.right, sides.y, b, common)
    names = next(iter(maps.values()))
    document |= {
        "a": a,
        "b": b,
        "n": names.n,
        "layers": {"a": names.rows, "b": names.columns},
        "seed": common.seed,
        "warnings": [],
    }
    document["figures"], lines = figures.write(
        [*(_maps(document) if figures.folder else []), *charts]
    )
    document["seconds"] = time.perf_counter() - began
    return Result(_ordered(document), lambda: [*_view(document), *lines])


def _names_backbone(text: str) -> bool:
    from pcbm.backbones.spec import LIBRARIES

    library = text.partition(":")[0].replace("-", "_")
    return ":" in text and library in LIBRARIES and text != "demo:shapes"


def _only_minibatch(task: Task) -> bool:
    """Return whether one batch after another is enough, so that no more is kept."""
    return task.names == ["cka_minibatch"] and not task.draws and not task.permutations


@contextmanager
def _sides(a: str, b: str, choice: LayerChoice, task: Task, common: Common) -> Iterator[Sides]:
    if choice.data is None:
        yield _stored(a, b, choice, task)
        return
    from pcbm.analysis.both import both_batches, gathered, named

    data = _rows(read(choice.data, common), task)
    left, right = _models(a, b, choice, common)
    with common.progress("layers") as progress:
        batches = both_batches(
            data,
            left,
            right,
            batch_size=task.settings.batch_size,
            skip_unreadable=choice.skip_unreadable,
            progress=progress,
        )
        with gathered(batches, len(data)) as (kept, one, other):
            y = _classes(data.y)
            labels = None if y is None else y[kept]
            yield Sides(named(left.names, one), named(right.names, other), labels)


def _models(a: str, b: str, choice: LayerChoice, common: Common) -> tuple[Any, Any]:
    from pcbm.analysis.both import LayersOf

    left = LayersOf(a, choice.layers_a, pool=choice.pool, device=common.device)
    if a == b and choice.layers_a == choice.layers_b:
        return left, left
    return left, LayersOf(b, choice.layers_b, pool=choice.pool, device=common.device)


def _stored(a: str, b: str, choice: LayerChoice, task: Task) -> Sides:
    import numpy as np

    from pcbm.analysis import aligned
    from pcbm.analysis.layer_stores import read_layers

    left, right = read_layers(a, choice.layers_a), read_layers(b, choice.layers_b)
    order = aligned(left.rows, right.rows, (a, b))
    chosen, _ = split_part(left.rows, task.split, default_test=False)
    chosen = chosen[_drawn_rows(len(chosen), task)]
    y = _classes(left.rows.y)
    every = np.array_equal(chosen, np.arange(len(left.rows)))
    same = every and np.array_equal(order, chosen)
    return Sides(
        left.tables if every else {name: t[chosen] for name, t in left.tables.items()},
        right.tables if same else {name: t[order[chosen]] for name, t in right.tables.items()},
        None if y is None else y[chosen],
    )


def _rows(data: Dataset, task: Task) -> Dataset:
    """Return the part of the data that was asked for."""
    chosen, _ = split_part(data, task.split, default_test=False)
    chosen = chosen[_drawn_rows(len(chosen), task)]
    return data if len(chosen) == len(data) else data.take(chosen)


def _drawn_rows(n: int, task: Task) -> np.ndarray:
    import numpy as np

    if task.rows is None or task.rows == n:
        return np.arange(n)
    if task.rows > n:
        raise InputError(f"--rows {task.rows} was asked for, but there are {n}")
    return np.sort(np.random.default_rng([task.settings.seed, 2]).permutation(n)[: task.rows])


def _classes(y: np.ndarray | None) -> np.ndarray | None:
    return y if y is not None and y.ndim == 1 and y.dtype.kind != "f" else None


def _streamed(
    a: str, b: str, choice: LayerChoice, task: Task, common: Common
) -> tuple[dict[str, LayerMap], dict[str, Any]]:
    """Return minibatch CKA over one pass of the data in an order of the seed; nothing is kept."""
    import numpy as np

    from pcbm.analysis.both import both_batches
    from pcbm.analysis.layer_maps import MinibatchMap
    from pcbm.analysis.sides import FEWEST_ROWS

    assert choice.data is not None
    data = _rows(read(choice.data, common), task)
    data = data.take(np.random.default_rng(task.settings.seed).permutation(len(data)))
    left, right = _models(a, b, choice, common)
    state = MinibatchMap(left.names, right.names)
    dims: list[list[int]] = [[], []]
    y = _classes(data.y)
    with common.progress("layers") as progress:
        for batch in both_batches(
            data,
            left,
            right,
            batch_size=task.settings.batch_size,
            skip_unreadable=choice.skip_unreadable,
            progress=progress,
        ):
            dims = [[t.shape[1] for t in side] for side in (batch.left, batch.right)]
            if len(batch.rows) >= FEWEST_ROWS:
                state.update(batch.left, batch.right, None if y is None else y[batch.rows])
    found = state.compute()
    entry = {**found.data(), "batches": state.batches, "interval": None, "baseline": None}
    maps = {found.metric: found}
    return maps, _entries({found.metric: entry}, maps, dims)


def _measured(
    sides: Sides, task: Task, common: Common
) -> tuple[dict[str, LayerMap], dict[str, Any]]:
    from pcbm.analysis import layer_maps
    from pcbm.analysis.layer_resampling import map_baselines, map_intervals

    settings = replace(task.settings, y=sides.y)
    with common.progress("pairs of layers") as progress:
        maps = layer_maps(sides.left, sides.right, task.names, settings, progress)
    bounds: dict[str, Any] = {}
    chance: dict[str, Any] = {}
    if task.draws:
        with common.progress("subsamples") as progress:
            bounds = dict(
                map_intervals(sides.left, sides.right, maps, settings, task.draws, progress)
            )
    if task.permutations:
        with common.progress("permutations") as progress:
            chance = dict(
                map_baselines(sides.left, sides.right, maps, settings, task.permutations, progress)
            )
    entries = {
        name: {
            **found.data(),
            "interval": asdict(bounds[name]) if name in bounds else None,
            "baseline": asdict(chance[name]) if name in chance else None,
        }
        for name, found in maps.items()
    }
    dims = [[t.shape[1] for t in side.values()] for side in (sides.left, sides.right)]
    return maps, _entries(entries, maps, dims)


def _entries(
    entries: dict[str, Any], maps: Mapping[str, LayerMap], dims: list[list[int]]
) -> dict[str, Any]:
    """Return what the document says of metrics; layers of the same names are sought, too."""
    from pcbm.analysis import layer_identification

    for name, found in maps.items():
        same = found.rows == found.columns and len(found.rows) > 1
        entries[name]["identification"] = layer_identification([found]) if same else None
    return {"dims": {"a": dims[0], "b": dims[1]}, "metrics": entries}


def _ordered(document: dict[str, Any]) -> dict[str, Any]:
    first = ("a", "b", "n", "layers", "dims", "metrics", "figures", "seed", "seconds", "warnings")
    return {key: document[key] for key in first}


def _maps(document: dict[str, Any]) -> list[Chart]:
    from pcbm.report.plots.compared import layer_map

    return [layer_map(name, entry, document) for name, entry in document["metrics"].items()]


def _view(document: dict[str, Any]) -> list[Block]:
    layers = document["layers"]
    blocks: list[Block] = [
        Line(
            f"{document['a']} and {document['b']}: {len(layers['a'])} x {len(layers['b'])} "
            f"layers, {document['n']:,} rows"
        )
    ]
    for name, entry in document["metrics"].items():
        table = _whole if len(layers["b"]) <= WIDEST else _best
        blocks.append(table(name, entry, layers))
        found = entry["identification"]
        if found is not None:
            blocks.append(
                Line(
                    f"{name}: layers that find themselves {found['accuracy']:.0%}, "
                    f"by chance {found['chance']:.0%}"
                )
            )
        blocks += [
            Line(f"{name}: {count} without a value, {reason}", "yellow")
            for reason, count in entry["reasons"].items()
        ]
        blocks += [Line(f"{name}: {text}", "yellow") for text in entry["warnings"]]
    return blocks


def _whole(name: str, entry: Mapping[str, Any], layers: Mapping[str, list[str]]) -> Table:
    """Return all values, a row for each layer of A."""
    rows = [[row, *line] for row, line in zip(layers["a"], entry["values"], strict=True)]
    return Table([f"A \\ B ({entry['kind']})", *layers["b"]], rows, title=name)


def _best(name: str, entry: Mapping[str, Any], layers: Mapping[str, list[str]]) -> Table:
    """Return the most alike layer of B for each of A, with what is known of its value."""
    rows = []
    for row, line, i in zip(layers["a"], entry["values"], range(len(layers["a"])), strict=True):
        best = entry["best"][row]
        j = None if best is None else layers["b"].index(best)
        found = [row, best, None if j is None else line[j]]
        if entry["interval"]:
            found += [None if j is None else entry["interval"][k][i, j] for k in ("low", "high")]
        if entry["baseline"]:
            found += [
                None if j is None else entry["baseline"][k][i, j] for k in ("mean", "p_value")
            ]
        rows.append(found)
    columns = ["layer of A", "most alike of B", entry["kind"]]
    columns += ["low", "high"] if entry["interval"] else []
    columns += ["shuffled", "p"] if entry["baseline"] else []
    return Table(columns, rows, title=f"{name} (all values: --json, --figures)")
