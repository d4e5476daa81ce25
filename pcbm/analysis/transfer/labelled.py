"""Pictures with their classes, as networks with a classifier take and answer them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pcbm.activations import Dataset
from pcbm.analysis.networks import Network, evaluating
from pcbm.analysis.reading import BATCH_SIZE, Progress
from pcbm.errors import InputError


@dataclass(frozen=True, eq=False)
class Labelled:
    """Pictures and the class of each.

    Attributes
    ----------
    pixels : Tensor (n, ...)
        From 0 to 1, on the processor.
    y : Tensor (n,) of int64
        Positions in `classes`: output k of a network stands for class k.
    classes : list of str
    """

    pixels: Tensor
    y: Tensor
    classes: list[str]

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: np.ndarray) -> Labelled:
        """Return these rows, in this order."""
        index = torch.as_tensor(np.asarray(rows))
        return Labelled(self.pixels[index], self.y[index], self.classes)


def class_codes(data: Dataset) -> tuple[np.ndarray, list[str]]:
    """Return the class of each row as a position, and the classes in the order of `np.unique`.

    Raises
    ------
    InputError
        The data has no labels, or more than one a row, or numbers with fractions.
    """
    if data.y is None:
        raise InputError(f"{data.source} has no labels: give data with one class a row")
    if data.y.ndim != 1 or data.y.dtype.kind == "f":
        raise InputError(f"{data.source} does not have one class a row: give data with classes")
    names, codes = np.unique(data.y, return_inverse=True)
    return codes.astype(np.int64), [str(name) for name in names]


def labelled_rows(network: Network, data: Dataset, rows: np.ndarray) -> Labelled:
    """Return rows of a data set as a network sees them; classes are those of all its rows."""
    codes, classes = class_codes(data)
    return Labelled(network.pixels(data, rows), torch.as_tensor(codes[rows]), classes)


def read_logits(
    network: Network,
    pixels: Tensor,
    *,
    batch_size: int = BATCH_SIZE,
    progress: Progress | None = None,
) -> Tensor:
    """Return class scores (n, C) of all pixels in evaluation mode, on the processor.

    Raises
    ------
    InputError
        See `Network.logits`.
    """
    parts = []
    with torch.inference_mode(), evaluating(network):
        for start in range(0, len(pixels), batch_size):
            batch = network.place(pixels[start : start + batch_size])
            parts.append(network.logits(batch).cpu())
            if progress:
                progress(min(start + batch_size, len(pixels)), len(pixels))
    return torch.cat(parts)


def check_outputs(network: Network, outputs: int, classes: list[str]) -> None:
    """Raise InputError where a network does not have one output for each class."""
    if outputs != len(classes):
        found = f"{len(classes)} class{'' if len(classes) == 1 else 'es'}"
        raise InputError(
            f"{network.name} has {outputs} outputs, the data {found}: give data "
            "with one class for each output; output k is the k-th class by name"
        )


def right(network: Network, rows: Labelled, *, batch_size: int = BATCH_SIZE) -> np.ndarray:
    """Return for each row (n,) whether the network answers it right."""
    scores = read_logits(network, rows.pixels, batch_size=batch_size)
    check_outputs(network, scores.shape[1], rows.classes)
    return (scores.argmax(dim=1) == rows.y).numpy()
