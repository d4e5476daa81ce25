"""The loss of a network on labelled pictures, as a function of its weights."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from pcbm.analysis.networks import Network, evaluating
from pcbm.analysis.reading import BATCH_SIZE
from pcbm.analysis.transfer.weights import Weights, has_batch_norm, holding
from pcbm.errors import InputError, near

Figure = Literal["cross_entropy", "error"]
FIGURES: tuple[str, ...] = get_args(Figure)


@dataclass(frozen=True)
class Score:
    """How well a network does on labelled pictures.

    Attributes
    ----------
    loss : float
        Mean cross-entropy in nats; infinite where the network's numbers are not finite.
    accuracy : float
        Share of pictures whose largest output is the right one.
    """

    loss: float
    accuracy: float

    def figure(self, name: str) -> float:
        """Return ``cross_entropy``, or ``error``, which is one minus the accuracy."""
        return self.loss if name == "cross_entropy" else 1.0 - self.accuracy


class Landscape:
    """Loss and accuracy of one architecture at any weights; the network itself stays as it is.

    Parameters
    ----------
    network : Network
        Its module is run with the weights that are asked about, in evaluation mode.
    pixels : Tensor (n, ...)
        From 0 to 1.
    labels : ndarray (n,) of int
        Positions of the right outputs.
    train : Tensor (m, ...), optional
        Pictures to compute the statistics of batch norm from, anew at every point. None leaves
        them as the weights have them.
    batch_size : int
    seed : int
        Of what is random in a pass in training mode (dropout).

    Raises
    ------
    InputError
        Labels do not fit the pictures, or there are statistics to compute and no batch norm.
    """

    def __init__(
        self,
        network: Network,
        pixels: Tensor,
        labels: np.ndarray,
        *,
        train: Tensor | None = None,
        batch_size: int = BATCH_SIZE,
        seed: int = 0,
    ) -> None:
        labels = np.asarray(labels)
        if len(labels) != len(pixels) or len(pixels) == 0:
            raise InputError(
                f"there are {len(labels)} labels for {len(pixels)} pictures: give one for each"
            )
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0:
            raise InputError("the labels are no positions of outputs: give whole numbers from 0")
        if train is not None and not has_batch_norm(network):
            raise InputError(
                f"{network.name} has no batch norm, so there are no statistics to compute: "
                "leave them as they are"
            )
        self.network, self.pixels, self.labels = network, pixels, labels
        self.train, self.batch_size, self.seed = train, batch_size, seed

    def score(self, weights: Weights) -> Score:
        """Return loss and accuracy at these weights.

        Raises
        ------
        InputError
            A label is larger than the network has outputs.
        """
        loss, right = 0.0, 0
        with holding(self.network, weights), torch.no_grad(), evaluating(self.network):
            if self.train is not None:
                recalibrate(self.network, self.train, batch_size=self.batch_size, seed=self.seed)
            for start in range(0, len(self.pixels), self.batch_size):
                part = slice(start, start + self.batch_size)
                logits = self.network.logits(self.network.place(self.pixels[part])).cpu().double()
                wanted = torch.as_tensor(self.labels[part].astype(np.int64))
                if int(wanted.max()) >= logits.shape[1]:
                    raise InputError(
                        f"{self.network.name} has {logits.shape[1]} outputs, but a label is "
                        f"{int(wanted.max())} (counted from 0): give data of the same classes"
                    )
                loss += float(F.cross_entropy(logits, wanted, reduction="sum"))
                right += int((logits.argmax(dim=1) == wanted).sum())
        n = len(self.pixels)
        return Score(loss / n if math.isfinite(loss) else math.inf, right / n)


def check_figure_of_merit(name: str) -> None:
    """Raise InputError for a loss that is none of `FIGURES`."""
    if name not in FIGURES:
        raise InputError(f"the loss was given as {name!r}: {near(name, FIGURES)}")


def recalibrate(
    network: Network, pixels: Tensor, *, batch_size: int = BATCH_SIZE, seed: int = 0
) -> None:
    """Compute the statistics of batch norm anew, in place, with one pass in training mode.

    `torch.optim.swa_utils.update_bn`: means over batches of the mean and of the unbiased variance
    of each channel. The pictures are cut into batches whose sizes differ by one at most, because
    every batch counts the same.

    Parameters
    ----------
    network : Network
    pixels : Tensor (n, ...)
        From 0 to 1.
    batch_size : int
        Largest batch.
    seed : int
        Of dropout and the like, which are at work in such a pass.
    """
    parts = torch.tensor_split(pixels, max(1, -(-len(pixels) // batch_size)))
    with _seeded(network, seed):
        update_bn((network.place(part) for part in parts), _Whole(network).eval())


class _Whole(nn.Module):
    """A network with its scale of pixels, as one module."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.module, self.network = network.module, network

    def forward(self, pixels: Tensor) -> None:
        self.network.forward(pixels)


@contextmanager
def _seeded(network: Network, seed: int) -> Iterator[None]:
    devices = [network.device] if network.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
