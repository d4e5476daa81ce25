"""Model stitching: whether one network can go on from a layer of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pcbm.analysis.networks import Network, evaluating
from pcbm.analysis.reading import BATCH_SIZE, LayerReader
from pcbm.analysis.transfer.agreement import LEVEL
from pcbm.analysis.transfer.batches import batches
from pcbm.analysis.transfer.checkpoints import fresh_copy
from pcbm.analysis.transfer.connection import Connection, Start, check_start
from pcbm.analysis.transfer.labelled import Labelled, check_outputs, right
from pcbm.analysis.transfer.tail import Tail
from pcbm.backbones.pooling import keeps_channels_last
from pcbm.errors import InputError

SOLVED_ROWS = 512  # pictures that the least squares start is fitted on
SOLVED_PLACES = 20_000
DRAWS = 1000

Tick = Callable[[], None]


@dataclass(frozen=True)
class StitchSettings:
    """How a stitch is trained: the same budget for every stitch of a study.

    Attributes
    ----------
    start : {"least_squares", "identity", "random"}
        The map before training: fitted to the receiving layer's own outputs, the identity, or
        random.
    steps : int
        Of Adam on the cross-entropy of the labels; 0 leaves the start.
    rate : float
    batch_size : int
    seed : int
        Of batches, random starts, the untrained sender and the intervals.
    """

    start: Start = "least_squares"
    steps: int = 200
    rate: float = 1e-3
    batch_size: int = BATCH_SIZE
    seed: int = 0

    def __post_init__(self) -> None:
        check_start(self.start)
        if self.steps < 0 or self.batch_size < 1:
            raise InputError(
                f"the stitch was given {self.steps} steps of {self.batch_size} rows: give steps "
                "from 0 and rows from 1"
            )
        if not 0 < self.rate < float("inf"):
            raise InputError(f"the rate of the stitch is {self.rate}: give a positive number")

    def data(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)


@dataclass(frozen=True, eq=False)
class Side:
    """One end of a stitch: a network, a layer of it, and the rows as it sees them.

    `train` and `test` of both ends hold the same rows in the same order.
    """

    network: Network
    layer: str
    train: Labelled
    test: Labelled


@dataclass(frozen=True)
class Stitched:
    """What a stitch from a layer of the sender into the rest of the receiver gave on test rows.

    Attributes
    ----------
    sender, receiver : str
    layers : pair of str
        Of the sender and of the receiver.
    accuracy : float
        Of the stitched network.
    before_training : float
        The same with the map that training started from.
    receiver_accuracy : float
        Of the receiver as it is.
    drop : float
        ``receiver_accuracy - accuracy``.
    drop_interval : pair of float
        95 %, from drawing test rows with replacement. The spread of training is not in it.
    floor : float or None
        Accuracy of the same stitch, trained alike, from the sender with untrained weights: what
        the stitch and the receiver do without anything that the sender learnt.
    majority : float
        Accuracy of the commonest class of the test rows.
    resized : bool
        Maps were brought to another height and width.
    n_train, n_test : int
    settings : StitchSettings
    """

    sender: str
    receiver: str
    layers: tuple[str, str]
    accuracy: float
    before_training: float
    receiver_accuracy: float
    drop: float
    drop_interval: tuple[float, float]
    floor: float | None
    majority: float
    resized: bool
    n_train: int
    n_test: int
    settings: StitchSettings

    def data(self) -> dict[str, Any]:
        """Return everything as plain values, for JSON."""
        return asdict(self)


def measure_stitch(
    sender: Side,
    receiver: Side,
    settings: StitchSettings | None = None,
    *,
    floor: bool = True,
    tick: Tick | None = None,
) -> Stitched:
    """Train an affine map from a layer of the sender into the rest of the receiver.

    Both networks stay as they are: the map alone learns, and batch norm runs in evaluation mode.
    It is directed; exchange the sides for the other way.

    Parameters
    ----------
    sender, receiver : Side
    settings : StitchSettings, optional
    floor : bool
        Train the same stitch from untrained weights of the sender too. They take the place of its
        own while that runs; where sender and receiver are one network, those of a copy.
    tick : callable, optional
        Called after every step, ``steps`` times, and as often again for the floor.

    Raises
    ------
    InputError
        A layer does not run, is bypassed (`Tail`), or the outputs cannot be joined (`Connection`);
        the receiver's outputs are not the classes; the sides hold other rows.

    References
    ----------
    Lenc, Vedaldi, "Understanding image representations by measuring their equivariance and
    equivalence", CVPR 2015; Bansal, Nakkiran, Barak, "Revisiting model stitching to compare neural
    representations", NeurIPS 2021. The start by least squares: Csiszárik et al., "Similarity and
    matching of neural network representations", NeurIPS 2021.
    """
    settings = settings or StitchSettings()
    for one, other in ((sender.train, receiver.train), (sender.test, receiver.test)):
        if not torch.equal(one.y, other.y):
            raise InputError("the sides of the stitch hold other rows: give the same to both")
    tail = Tail(receiver.network, receiver.layer, receiver.train.pixels)
    own = right(receiver.network, receiver.test, batch_size=settings.batch_size)
    start, trained, resized = _joined(sender, receiver, tail, settings, tick)
    least = None
    if floor:
        apart = _apart(sender, receiver)
        with untrained(apart.network, settings.seed):
            least = float(_joined(apart, receiver, tail, settings, tick)[1].mean())
    counts = torch.bincount(receiver.test.y)
    return Stitched(
        sender=sender.network.name,
        receiver=receiver.network.name,
        layers=(sender.layer, receiver.layer),
        accuracy=float(trained.mean()),
        before_training=float(start.mean()),
        receiver_accuracy=float(own.mean()),
        drop=float(own.mean() - trained.mean()),
        drop_interval=_interval(own.astype(float) - trained.astype(float), settings.seed),
        floor=least,
        majority=float(counts.max() / counts.sum()),
        resized=resized,
        n_train=len(receiver.train),
        n_test=len(receiver.test),
        settings=settings,
    )


def _apart(sender: Side, receiver: Side) -> Side:
    """Return the sender with weights that are not the receiver's, which must keep its own."""
    if sender.network.module is not receiver.network.module:
        return sender
    return replace(sender, network=fresh_copy(sender.network))


@contextmanager
def untrained(network: Network, seed: int) -> Iterator[None]:
    """Put new weights into a network within the block; its own come back after it.

    Modules draw theirs anew by ``reset_parameters``; where a module has none, the numbers of each
    of its parameters change places.
    """
    module = network.module
    kept = {name: value.detach().clone() for name, value in module.state_dict().items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            with torch.no_grad():
                for part in module.modules():
                    _renew(part)
            yield
        finally:
            module.load_state_dict(kept)


def _renew(part: nn.Module) -> None:
    reset = getattr(part, "reset_parameters", None)
    if callable(reset):
        reset()
        return
    for values in part.parameters(recurse=False):
        order = torch.randperm(values.numel()).to(values.device)
        values.copy_(values.flatten()[order].reshape(values.shape))


def _joined(
    sender: Side, receiver: Side, tail: Tail, settings: StitchSettings, tick: Tick | None
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Return which test rows are right before and after training, and whether maps are resized."""
    reader = LayerReader(sender.network, [sender.layer], example=sender.train.pixels)
    connection = _connection(reader, tail, sender, receiver)
    connection.to(receiver.network.device, receiver.network.dtype)
    if settings.start == "least_squares":
        _solve(connection, reader, tail, sender.train, receiver.train, settings)
    else:
        connection.start_from(settings.start, settings.seed)

    def values(pixels: Tensor) -> Tensor:
        with torch.no_grad():
            found = reader.raw(sender.network.place(pixels))[sender.layer]
        return receiver.network.place(found)

    with evaluating(sender.network, receiver.network):
        start = _right(connection, tail, values, sender.test, settings.batch_size)
        _train(connection, tail, values, sender.train, settings, tick)
        end = _right(connection, tail, values, sender.test, settings.batch_size)
    return start, end, connection.resized


def _connection(reader: LayerReader, tail: Tail, sender: Side, receiver: Side) -> Connection:
    with torch.no_grad(), evaluating(sender.network):
        given = reader.raw(sender.network.place(sender.train.pixels[:1]))[sender.layer]
    layers = sender.network.module.get_submodule(sender.layer), tail.module
    words = (
        f"{sender.layer!r} of {sender.network.name} into {receiver.layer!r} of "
        f"{receiver.network.name}"
    )
    last = keeps_channels_last(layers[0]), keeps_channels_last(layers[1])
    with torch.random.fork_rng(devices=[]):  # the layer draws weights that are set at once
        return Connection(tuple(given.shape[1:]), tail.shape, last, words)


def _solve(
    connection: Connection,
    reader: LayerReader,
    tail: Tail,
    given: Labelled,
    wanted: Labelled,
    settings: StitchSettings,
) -> None:
    rows = next(batches(len(given), SOLVED_ROWS, 1, settings.seed))
    left, right_ = [], []
    with torch.no_grad(), evaluating(reader.network, tail.network):
        for part in rows.split(settings.batch_size):
            found = reader.raw(reader.network.place(given.pixels[part]))[reader.names[0]]
            left.append(tail.network.place(found))
            right_.append(tail.read(tail.network.place(wanted.pixels[part]))[0])
    connection.solve(left, right_, SOLVED_PLACES, settings.seed)


def _train(
    connection: Connection,
    tail: Tail,
    values: Callable[[Tensor], Tensor],
    rows: Labelled,
    settings: StitchSettings,
    tick: Tick | None,
) -> None:
    learning = list(connection.parameters())
    optimiser = torch.optim.Adam(learning, lr=settings.rate)
    for chosen in batches(len(rows), settings.batch_size, settings.steps, settings.seed):
        scores = tail(connection(values(rows.pixels[chosen])))
        check_outputs(tail.network, scores.shape[1], rows.classes)
        loss = F.cross_entropy(scores, rows.y[chosen].to(scores.device))
        # Of the map alone: the networks' own gradients stay as they were.
        for parameter, gradient in zip(learning, torch.autograd.grad(loss, learning), strict=True):
            parameter.grad = gradient
        optimiser.step()
        if tick:
            tick()


def _right(
    connection: Connection,
    tail: Tail,
    values: Callable[[Tensor], Tensor],
    rows: Labelled,
    batch_size: int,
) -> np.ndarray:
    found = []
    with torch.no_grad():
        for start in range(0, len(rows), batch_size):
            part = slice(start, start + batch_size)
            scores = tail(connection(values(rows.pixels[part])))
            found.append((scores.argmax(dim=1).cpu() == rows.y[part]).numpy())
    return np.concatenate(found)


def _interval(differences: np.ndarray, seed: int) -> tuple[float, float]:
    """Return where the mean lies, from drawing rows with replacement."""
    kinds, counts = np.unique(differences, return_counts=True)
    n = len(differences)
    drawn = np.random.default_rng(seed).multinomial(n, counts / n, size=DRAWS) @ kinds / n
    low, high = np.quantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return float(low), float(high)
