"""What the studies of weights share: networks from checkpoints, labelled pictures, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pcbm.cli.inputs import read, split_part
from pcbm.cli.options import GROUPS, Common
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from pcbm.activations import Dataset
    from pcbm.analysis.networks import Network

ROWS = 1000  # pictures, where the data has more
A_NETWORK = "a network (python:FILE.py:FACTORY, timm:NAME@FILE) or a file of its weights"

ArchitectureOption = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="B",
        help="What files of weights belong to. Default: the first network that is named.",
    ),
]
TrainOption = Annotated[
    str | None,
    typer.Option(
        "--train",
        metavar="DATA",
        help="Pictures for batch-norm statistics. Default: the train rows of --data.",
    ),
]
TrainRowsOption = Annotated[
    int, typer.Option("--train-rows", min=2, help="At most so many of them, drawn by the seed.")
]


@dataclass(frozen=True)
class PictureChoice:
    """Which labelled pictures a study runs on."""

    data: str
    split: str | None
    rows: int | None
    batch_size: int


def _pictures(
    data: Annotated[
        str, typer.Option("--data", metavar="DATA", help="Images with one class for each output.")
    ],
    split: Annotated[
        str | None, typer.Option("--split", help="Which rows of DATA: all, train, val or test.")
    ] = None,
    rows: Annotated[
        int | None,
        typer.Option(
            "--rows", min=1, help=f"So many pictures, drawn by the seed. Default: {ROWS} at most."
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option("--batch-size", min=1, help="Pictures that run at once.")
    ] = 64,
) -> PictureChoice:
    return PictureChoice(data, split, rows, batch_size)


GROUPS[PictureChoice] = _pictures


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows of DATA, chosen but not yet read as pictures."""

    data: Dataset
    index: np.ndarray
    split: str

    def seen_by(self, network: Network) -> tuple[Tensor, np.ndarray]:
        """Return pixels (n, ...) as a network takes them, and the positions of their outputs."""
        from pcbm.analysis.transfer.labelled import check_outputs, labelled_rows, read_logits

        found = labelled_rows(network, self.data, self.index)
        outputs = read_logits(network, found.pixels[:1]).shape[1]
        check_outputs(network, outputs, found.classes)
        return found.pixels, found.y.numpy()


def chosen_rows(choice: PictureChoice, common: Common, *, default: str = "test") -> Rows:
    """Choose labelled rows of DATA; without --split those of the default, where it marks some."""
    from pcbm.analysis.transfer.labelled import class_codes

    data = read(choice.data, common)
    _images(data)
    class_codes(data)
    marked = data.split is not None and (data.split == default).any()
    index, split = split_part(
        data, choice.split or (default if marked else None), default_test=False
    )
    if choice.rows is not None and choice.rows > len(index):
        raise InputError(f"--rows {choice.rows} was asked for, but there are {len(index)}")
    return Rows(data, _drawn(index, choice.rows or ROWS, common.seed), split)


def training_pixels(
    network: Network, rows: Rows, train: str | None, most: int, common: Common
) -> Tensor | None:
    """Return pictures for the statistics of batch norm; None where no training rows are known."""
    import numpy as np

    data = rows.data if train is None else read(train, common)
    if data.split is not None and (data.split == "train").any():
        index = np.flatnonzero(data.split == "train")
    elif train is not None:
        index = np.arange(len(data))
    else:
        return None
    _images(data)
    index = _drawn(index, most, common.seed)
    if len(index) < 2:
        raise InputError(
            f"there is 1 training picture in {data.source}, and statistics need at least 2: give "
            "more with --train"
        )
    return network.pixels(data, index)


def _images(data: Dataset) -> None:
    if data.kind != "image":
        raise InputError(f"{data.source} holds {data.kind}s, expected images: give pictures")


def _drawn(index: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Return that many of the rows, or all, in the order of the data."""
    import numpy as np

    drawn = np.random.default_rng([seed, 2]).permutation(len(index))[:most]
    return index[np.sort(drawn)]


def open_points(names: Sequence[str], architecture: str | None, common: Common) -> list[Network]:
    """Load networks of one architecture, each by its name or from a file of weights.

    Raises
    ------
    InputError
        A name is neither, a file comes without an architecture, or the networks take pixels of
        different scales.
    """
    from pcbm.analysis.networks import open_network

    specs = [name for name in names if _is_spec(name)]
    for name in names:
        if name not in specs:
            _check_file(name, architecture or next(iter(specs), None))
    home = architecture or next(iter(specs), "")
    networks = []
    for name in names:
        if name in specs:
            networks.append(open_network(name, device=common.device))
        else:
            networks.append(_from_file(Path(name).expanduser(), home, common))
    for other in networks[1:]:
        _check_same_scale(networks[0], other)
    return networks


def _is_spec(name: str) -> bool:
    from pcbm.backbones import LIBRARIES

    return name.partition(":")[0].strip().replace("-", "_") in LIBRARIES


def _check_file(name: str, architecture: str | None) -> None:
    from pcbm.backbones.spec import WEIGHT_FILES

    path = Path(name).expanduser()
    if path.suffix not in WEIGHT_FILES:
        raise InputError(f"{name} is not known: give {A_NETWORK}, ending in {_or(WEIGHT_FILES)}")
    if not path.is_file():
        raise InputError(f"{name} is not a file: check the path")
    if architecture is None:
        raise InputError(
            f"{name} holds weights alone: name the network they belong to with --network, such as "
            "--network python:FILE.py:FACTORY"
        )


def _or(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _from_file(path: Path, architecture: str, common: Common) -> Network:
    from dataclasses import replace

    from pcbm.analysis.networks import open_network
    from pcbm.backbones.weights import load_weights, read_checkpoint

    network = open_network(architecture, device=common.device)
    load_weights(network.module, read_checkpoint(path), path, architecture)
    return replace(network, name=str(path))


def _check_same_scale(one: Network, other: Network) -> None:
    import torch

    for bound in ("low", "high"):
        left, right = (torch.as_tensor(getattr(side, bound)).cpu() for side in (one, other))
        if left.shape != right.shape or not torch.allclose(left, right, atol=1e-4):
            raise InputError(
                f"{one.name} and {other.name} scale pixels differently, so one input cannot serve "
                "the weights between them: give both the same preprocessing"
            )
