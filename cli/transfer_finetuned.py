"""What ``pcbm transfer`` learning and flow share: a pretrained network and its checkpoints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.options import Common
from pcbm.cli.transfer_study import BIASED, StudyChoice, pictures, settings_data
from pcbm.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from pcbm.analysis.networks import Network
    from pcbm.analysis.transfer import StirSettings
    from pcbm.analysis.transfer.checkpoints import Networks

PretrainedArgument = Annotated[
    str, typer.Argument(metavar="PRETRAINED", help="The backbone before it was fine-tuned.")
]
FinetunedArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="FINETUNED...",
        help="Backbones, files of weights, or folders of them, in the order of training.",
    ),
]
LikeOption = Annotated[
    str | None,
    typer.Option(
        "--like",
        metavar="B",
        help="A backbone of the architecture of weights. Default: PRETRAINED.",
    ),
]


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that both commands measure on."""

    pretrained: Network
    checkpoints: Networks
    layers: list[str]
    pixels: Tensor
    settings: StirSettings
    about: dict[str, Any]


def open_study(
    pretrained: str, finetuned: list[str], like: str | None, choice: StudyChoice, common: Common
) -> Study:
    """Load the networks, choose layers that all have, and read the pictures."""
    from pcbm.analysis.networks import open_network
    from pcbm.analysis.reading import matching_layers

    settings = choice.settings(common.seed)
    shown = pictures(choice, common)
    first = open_network(pretrained, device=common.device)
    pattern = first if like is None else open_network(like, device=common.device)
    checkpoints, examples = _checkpoints(finetuned, pattern, common)
    layers = matching_layers(first, choice.layers)
    for network in examples:
        matching_layers(network, layers)
    pixels, warnings = shown.pixels(first, examples)
    about = {
        "data": choice.data,
        "split": shown.split,
        "n": len(pixels),
        "layers": layers,
        "settings": settings_data(settings, pixels),
        "warnings": [*warnings, *([BIASED] if settings.similarity == "cka" else [])],
    }
    return Study(first, checkpoints, layers, pixels, settings, about)


def _checkpoints(
    finetuned: list[str], like: Network, common: Common
) -> tuple[Networks, list[Network]]:
    """Return the fine-tuned networks, and one of every architecture among them."""
    from pcbm.analysis.networks import open_network
    from pcbm.analysis.transfer.checkpoints import CheckpointFolder, Networks, with_weights
    from pcbm.backbones.spec import WEIGHT_FILES

    parts: list[Any] = []
    examples: list[Network] = []
    for given in finetuned:
        path = Path(given)
        if path.is_dir():
            parts.append(CheckpointFolder(path, like))
            examples.append(parts[-1][0])
        elif path.suffix in WEIGHT_FILES and ":" not in given:
            if not path.is_file():
                raise InputError(f"there is no file {given}: give weights, a folder or a backbone")
            parts.append([with_weights(like, path)])
            examples += parts[-1]
        else:
            parts.append([open_network(given, device=common.device)])
            examples += parts[-1]
    return Networks(*parts), examples
