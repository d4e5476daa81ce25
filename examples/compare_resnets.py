"""Compare every block of ResNet-20 with every block of ResNet-56 on pictures of CIFAR-10.

Two networks of other depth, trained apart, should agree stage by stage: the block of ResNet-56 most
alike to a block of ResNet-20 lies in the same stage. ``--out`` keeps a picture and all values.

    python examples/compare_resnets.py --data $PCBM_TEST_DATA/cifar --out runs/resnets
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from cifar import unpack
from common import options

from pcbm import read_data
from pcbm.analysis.layer_maps import LayerMap, layer_maps
from pcbm.analysis.networks import open_network
from pcbm.analysis.reading import LayerReader, matching_layers
from pcbm.files import to_json, write_text

METRICS = ("cka_debiased", "cka", "procrustes")
BLOCKS = "layer*.*"  # layer1.0 to layer3.8
EVERY = 4  # of the 2,000 test pictures every fourth one


def main() -> None:
    """Read both networks on the same pictures, map them, print each row's best column."""
    chosen = options("ResNet-20 against ResNet-56, block by block", "cifar")
    with tempfile.TemporaryDirectory() as scratch:
        sides = [blocks_of(chosen.data, unpack(chosen.data, Path(scratch)), d) for d in (20, 56)]
    print(
        f"{len(sides[0])} x {len(sides[1])} blocks, {len(next(iter(sides[0].values())))} pictures"
    )
    maps = layer_maps(*sides, METRICS)
    for found in maps.values():
        print_map(found)
    if chosen.out is not None:
        chosen.out.mkdir(parents=True, exist_ok=True)
        write_text(chosen.out / "maps.json", to_json({m: maps[m].data() for m in maps}))
        draw(maps, chosen.out / "maps.png")
        print(f"picture and values kept in {chosen.out}")


def blocks_of(data: Path, root: Path, depth: int) -> dict[str, np.ndarray]:
    """Return the outputs (n, d) of all blocks of a network, mean over places, by name."""
    network = open_network(f"python:{data / 'resnet_cifar.py'}:resnet{depth}")
    images = read_data(root)
    tests = np.flatnonzero(np.asarray(images.split) == "test")[::EVERY]
    pixels: torch.Tensor = network.pixels(images, tests)
    reader = LayerReader(network, matching_layers(network, [BLOCKS]), example=pixels)
    return reader.rows(pixels)


def stage(block: str) -> str:
    """Return the stage of a block, ``layer1`` of ``layer1.0``."""
    return block.split(".")[0]


def print_map(found: LayerMap) -> None:
    """Print the most alike block of each row, its value, and the best one of other stages."""
    sign = 1 if found.kind == "similarity" else -1
    stages = np.array([stage(name) for name in found.columns])
    hits = 0
    print(f"\n{found.metric} ({found.kind}): block, most alike one, value, best of other stages")
    for name, line in zip(found.rows, sign * found.values, strict=True):
        best, same = int(np.nanargmax(line)), stages == stage(name)
        hits += bool(same[best])
        other = np.nanmax(line[~same])
        mark = "" if same[best] else "  another stage"
        figures = f"{sign * line[best]:.3f}  {sign * other:.3f}"
        print(f"  {name:<9} {found.columns[best]:<9} {figures}{mark}")
    print(f"  in the same stage: {hits} of {len(found.rows)}")


def draw(maps: dict[str, LayerMap], path: Path) -> None:
    """Draw the maps side by side; a line stands between stages, a dot on each row's best."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(maps), 2.6), layout="constrained")
    panels = figure.subplots(1, len(maps), sharey=True)
    for axes, found in zip(panels, maps.values(), strict=True):
        similar = found.kind == "similarity"
        shown = axes.imshow(found.values, cmap="viridis" if similar else "viridis_r", aspect="auto")
        axes.set_title(f"{found.metric} ({found.kind})", fontsize=9)
        axes.set_xlabel("block of ResNet-56")
        for names, line in ((found.columns, axes.axvline), (found.rows, axes.axhline)):
            for at in range(1, len(names)):
                if stage(names[at]) != stage(names[at - 1]):
                    line(at - 0.5, color="white", linewidth=1)
        ticks = range(0, len(found.columns), 3)
        axes.set_xticks(ticks, [short(found.columns[k]) for k in ticks], fontsize=7)
        axes.set_yticks(range(len(found.rows)), [short(name) for name in found.rows], fontsize=7)
        best = [found.columns.index(str(name)) for name in found.best().values()]
        axes.plot(best, range(len(best)), "o", color="white", markeredgecolor="black", markersize=4)
        figure.colorbar(shown, ax=axes)
    panels[0].set_ylabel("block of ResNet-20")
    figure.savefig(path, dpi=110)


def short(block: str) -> str:
    """Return ``1.0`` of ``layer1.0``."""
    return block.removeprefix("layer")


if __name__ == "__main__":
    main()
