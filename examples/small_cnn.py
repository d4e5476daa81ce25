"""A small convolutional network on half of the CIFAR-10 classes, trained with checkpoints kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pcbm.activations import Dataset
from pcbm.analysis.networks import Network
from pcbm.analysis.transfer.labelled import Labelled, class_codes
from pcbm.analysis.transfer.training import Budget, train_network
from pcbm.backbones.from_python import to_tensor
from pcbm.backbones.weights import load_weights, read_checkpoint
from pcbm.files import save_tensors

LAYERS = ["block1", "block2", "block3", "block4"]
WIDTHS = (16, 32, 64, 96)


class SmallCNN(nn.Module):
    """Four blocks of convolution, batch norm and ReLU, each halving the picture; a classifier."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        given = 3
        for name, wanted in zip(LAYERS, WIDTHS, strict=True):
            filters = nn.Conv2d(given, wanted, 3, 2, 1, bias=False)
            self.add_module(name, nn.Sequential(filters, nn.BatchNorm2d(wanted), nn.ReLU()))
            given = wanted
        self.head = nn.Linear(given, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return class scores (n, C) of pixels (n, 3, 32, 32) from 0 to 1."""
        x = 4 * (x - 0.5)
        for name in LAYERS:
            x = getattr(self, name)(x)
        return self.head(x.mean(dim=(2, 3)))


def ten_classes() -> SmallCNN:
    """Return a network for all of CIFAR-10; a factory for ``python:small_cnn.py:ten_classes``."""
    return SmallCNN(10)


def new_network(classes: int, seed: int, name: str) -> Network:
    """Return a network with weights drawn by a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(SmallCNN(classes), name, prepare=to_tensor)


def half_of(data: Dataset, part: str, classes: list[str], a_class: int, like: Network) -> Labelled:
    """Return the first pictures of some classes, numbered from 0 in the order given."""
    codes, known = class_codes(data)
    assert data.split is not None
    rows = np.concatenate(
        [
            np.flatnonzero((codes == known.index(name)) & (data.split == part))[:a_class]
            for name in classes
        ]
    )
    y = [classes.index(known[code]) for code in codes[rows]]
    return Labelled(like.pixels(data, rows), torch.tensor(y), list(classes))


def trained(
    network: Network,
    rows: Labelled,
    budget: Budget,
    folder: Path,
    keep: tuple[int, ...],
    seed: int,
) -> list[Path]:
    """Train with checkpoints after these steps, or read what an earlier run of the study left.

    A training whose last checkpoint is missing begins anew and comes to the same weights.

    Returns
    -------
    list of Path
        The checkpoints, ``folder/step-K.safetensors``; the network has the weights of the last.
    """
    files = [folder / f"step-{step}.safetensors" for step in keep]
    if all(file.is_file() for file in files):
        load_weights(network.module, read_checkpoint(files[-1]), files[-1], network.name)
        network.module.eval().requires_grad_(False)
        return files

    def watch(step: int) -> None:
        if step in keep:
            state = {k: v.numpy().copy() for k, v in network.module.state_dict().items()}
            save_tensors(folder / f"step-{step}.safetensors", state, {"step": step})

    train_network(network, rows, budget, seed=seed, watch=watch)
    return files
