"""``pcbm transfer stitch``: whether one network can go on from a layer of another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import read
from pcbm.cli.options import Common
from pcbm.cli.output import Block, Line, Result, Table
from pcbm.cli.transfer_study import kept_parts
from pcbm.cli.views import SPAN, interval_text
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pcbm.activations import Dataset
    from pcbm.analysis.networks import Network
    from pcbm.analysis.transfer.labelled import Labelled
    from pcbm.analysis.transfer.ledger import Ledger
    from pcbm.analysis.transfer.stitch import StitchSettings

TEST_SIZE = 0.2

LayerOption = Annotated[
    list[str],
    typer.Option("--layer", help="A layer of A, or a pattern: layer* are several."),
]
LayerBOption = Annotated[
    list[str] | None,
    typer.Option("--layer-b", help="The layers of B, as many. Default: those of A."),
]


def stitch(
    common: Common,
    a: Annotated[str, typer.Argument(metavar="A", help="A network, as python:FILE.py:FACTORY.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other network.")],
    data: Annotated[str, typer.Option("--data", metavar="DATA", help="Images with classes.")],
    layer: LayerOption,
    layer_b: LayerBOption = None,
    start: Annotated[
        str,
        typer.Option("--start", help="The map before training: least_squares, identity, random."),
    ] = "least_squares",
    steps: Annotated[int, typer.Option("--steps", min=0, help="Training steps of a stitch.")] = 200,
    rate: Annotated[float, typer.Option("--rate", help="Of Adam.")] = 1e-3,
    rows: Annotated[
        int | None,
        typer.Option("--rows", min=2, help="Train on so many rows, drawn by the seed."),
    ] = None,
    floor: Annotated[
        bool, typer.Option("--floor/--no-floor", help="Stitch untrained weights too.")
    ] = True,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Rows at once.")] = 64,
) -> Result:
    """Stitch layers of A into the rest of B, and of B into the rest of A.

    An affine map of channels is trained on the train rows of DATA; the networks do not change.
    Finished stitches are kept, so that a repeat goes on. Output k of a network is the k-th class
    of DATA by name.
    """
    from pcbm.analysis.transfer.stitch import StitchSettings

    began = time.perf_counter()
    settings = StitchSettings(start, steps, rate, batch_size, common.seed)  # type: ignore[arg-type]
    networks = _networks((a, b), common)
    pairs = _pairs(networks, layer, layer_b or layer)
    sides = train_and_test(networks, read(data, common), rows, common)
    with kept_parts(common) as ledger:
        found = _stitched(networks, sides, pairs, settings, floor, ledger, common)
    document = {
        "a": a,
        "b": b,
        "data": data,
        "n_train": len(sides[0][0]),
        "n_test": len(sides[0][1]),
        "accuracy": {"a": found[1]["receiver_accuracy"], "b": found[0]["receiver_accuracy"]},
        "stitches": found,
        "settings": settings.data(),
        "seed": common.seed,
        "seconds": time.perf_counter() - began,
    }
    return Result(document, lambda: _view(document))


def _networks(names: Sequence[str], common: Common) -> list[Network]:
    """Load both networks; one that is named twice is loaded once."""
    from pcbm.analysis.networks import open_network

    for name in names:
        if ":" not in name or Path(name).exists():
            raise InputError(
                f"{name} is no network: stitching runs what follows a layer, so stores, runs and "
                "files of activations will not do; give one such as python:FILE.py:FACTORY"
            )
    loaded = {name: open_network(name, device=common.device) for name in dict.fromkeys(names)}
    return [loaded[name] for name in names]


def _pairs(
    networks: Sequence[Network], layers: Sequence[str], layers_b: Sequence[str]
) -> list[tuple[str, str]]:
    from pcbm.analysis.reading import matching_layers

    both = [
        matching_layers(network, given)
        for network, given in zip(networks, (layers, layers_b), strict=True)
    ]
    if len(both[0]) != len(both[1]):
        raise InputError(
            f"--layer names {len(both[0])} layers of A, and there are {len(both[1])} of B: name "
            "as many with --layer-b"
        )
    return list(zip(*both, strict=True))


def train_and_test(
    networks: Sequence[Network], data: Dataset, rows: int | None, common: Common
) -> list[tuple[Labelled, Labelled]]:
    """Return the train and test rows of DATA as each network sees them."""
    import numpy as np

    from pcbm.activations import split_rows
    from pcbm.analysis.transfer.labelled import class_codes, labelled_rows

    codes, _ = class_codes(data)
    chosen: list[np.ndarray] = list(split_rows(codes, data.split, TEST_SIZE, common.seed))
    if rows is not None and rows < len(chosen[0]):
        drawn = np.random.default_rng([common.seed, 2]).permutation(len(chosen[0]))[:rows]
        chosen[0] = chosen[0][np.sort(drawn)]
    seen = {
        id(network): (
            labelled_rows(network, data, chosen[0]),
            labelled_rows(network, data, chosen[1]),
        )
        for network in networks
    }
    return [seen[id(network)] for network in networks]


def _stitched(
    networks: Sequence[Network],
    rows: Sequence[tuple[Labelled, Labelled]],
    pairs: Sequence[tuple[str, str]],
    settings: StitchSettings,
    floor: bool,
    ledger: Ledger,
    common: Common,
) -> list[dict[str, Any]]:
    """Return every stitch, of each pair of layers first A into B, then B into A."""
    from pcbm.analysis.transfer.stir_study import pixels_sha256
    from pcbm.analysis.transfer.stitch import Side, measure_stitch

    known = [
        [network.fingerprint(), *(pixels_sha256(part.pixels) for part in seen)]
        for network, seen in zip(networks, rows, strict=True)
    ]
    labels = [part.y.tolist() for part in rows[0]]
    found = []
    total = 2 * len(pairs) * settings.steps * (2 if floor else 1)
    with common.progress("training stitches") as progress:
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            if progress:
                progress(done, total)

        for pair in pairs:
            for direction, (one, other) in (("A into B", (0, 1)), ("B into A", (1, 0))):
                sides = [Side(networks[k], pair[k], *rows[k]) for k in (one, other)]
                key = {
                    "study": "stitch",
                    "networks": [known[one], known[other]],
                    "labels": labels,
                    "layers": [pair[one], pair[other]],
                    "settings": settings.data(),
                    "floor": floor,
                }

                def compute(ends: list[Side] = sides) -> dict[str, Any]:
                    return measure_stitch(ends[0], ends[1], settings, floor=floor, tick=tick).data()

                found.append({"direction": direction, **ledger.part(key, compute)})
    return found


def _view(document: dict[str, Any]) -> list[Block]:
    accuracy, settings = document["accuracy"], document["settings"]
    lines = [
        [
            entry["direction"],
            " -> ".join(entry["layers"]),
            entry["before_training"],
            entry["accuracy"],
            entry["drop"],
            interval_text(entry["drop_interval"]),
            entry["floor"],
        ]
        for entry in document["stitches"]
    ]
    columns = ("stitch", "layers", "before training", "accuracy", "drop", SPAN, "floor")
    return [
        Line(
            f"A {document['a']}: {accuracy['a']:.3f}, B {document['b']}: {accuracy['b']:.3f} on "
            f"{document['n_test']:,} test rows"
        ),
        Table(columns, lines),
        Line(
            f"{settings['steps']} steps of {settings['batch_size']} of {document['n_train']:,} "
            f"train rows, from {settings['start']}, seed {settings['seed']}; the floor is the same "
            "stitch from untrained weights"
        ),
        *(
            Line(f"{' -> '.join(entry['layers'])}: maps are resized", "yellow")
            for entry in document["stitches"]
            if entry["resized"]
        ),
    ]
