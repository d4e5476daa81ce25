"""Representation inversion: other pixels that a layer cannot tell from the given ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from pcbm.analysis.networks import Network, evaluating
from pcbm.analysis.reading import BATCH_SIZE, LayerReader
from pcbm.errors import InputError, near

Start = Literal["uniform", "normal", "image"]
Optimiser = Literal["gradient", "adam"]
STARTS = ("uniform", "normal", "image")
OPTIMISERS = ("gradient", "adam")

STEP = 0.5  # of the normalised gradient, for a picture of 32 x 32 pixels in 3 colours
STEP_PIXELS = 3 * 32 * 32
ADAM_RATE = 0.05  # of the range from black to white
ADAM_MEANS, ADAM_EPSILON = (0.9, 0.999), 1e-8


@dataclass(frozen=True)
class InversionSettings:
    """How pixels are searched.

    Attributes
    ----------
    start : {"normal", "uniform", "image"}
        Noise N(0, 1) or uniform on [0, 1], drawn anew for every picture; or another picture.
    optimiser : {"gradient", "adam"}
        Steps of a fixed length along the gradient of each picture, or Adam.
    steps : int
    rate : float or None
        Length of a step in Euclidean distance of pixels (gradient) or Adam's rate. None: 0.5,
        times the root of the number of values beside those of a 32 x 32 picture; for Adam 0.05.
    clamp : bool
        Keep pixels within [0, 1] after the start and after each step.
    """

    start: Start = "normal"
    optimiser: Optimiser = "gradient"
    steps: int = 50
    rate: float | None = None
    clamp: bool = True

    def __post_init__(self) -> None:
        for what, value, known in (
            ("start", self.start, STARTS),
            ("optimiser", self.optimiser, OPTIMISERS),
        ):
            if value not in known:
                raise InputError(
                    f"the {what} of the inversion was given as {value!r}: {near(value, known)}"
                )
        if self.steps < 1:
            raise InputError(f"the inversion was given {self.steps} steps: give at least 1")
        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise InputError(f"the rate of the inversion is {self.rate}: give a positive number")

    def data(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)

    def advice(self) -> str:
        """Return what to try where a search falls short."""
        return "use more steps" if self.optimiser == "adam" else "use more steps, or Adam"


@dataclass(frozen=True, eq=False)
class Inversion:
    """Pixels ``X'`` with ``m(X')`` close to ``m(X)``, and how close.

    Attributes
    ----------
    pixels : Tensor (n, ...)
        ``X'``: of each picture the best that was met.
    start : Tensor (n, ...)
        Where the search began.
    residual : ndarray (n,)
        ``||m(x') - m(x)|| / ||m(x)||``.
    floor : ndarray (n,)
        The same of the start: what no optimisation gives.
    """

    pixels: Tensor
    start: Tensor
    residual: np.ndarray
    floor: np.ndarray


def invert(
    network: Network,
    layer: str,
    pixels: Tensor,
    settings: InversionSettings | None = None,
    *,
    seed: int = 0,
    pool: str | None = None,
    batch_size: int = BATCH_SIZE,
    tick: Callable[[], None] | None = None,
) -> Inversion:
    """Search pixels that one layer of a network represents as it represents the given ones.

    Each picture has its own loss ``||m(x') - m(x)||_2 / ||m(x)||_2``, so that a batch changes
    nothing but speed. A picture whose representation is zero is divided by the mean norm of all.

    Parameters
    ----------
    network : Network
        Run in evaluation mode.
    layer : str
    pixels : Tensor (n, ...)
        ``X``, from 0 to 1.
    settings : InversionSettings, optional
    seed : int
        Of the starts.
    pool : str, optional
        See `LayerReader`.
    batch_size : int
    tick : callable, optional
        Called after every step of every batch, ``steps`` times a batch.

    Raises
    ------
    InputError
        The layer gives zero for every picture, or one picture is to start from another and there
        is no other.

    References
    ----------
    Mahendran, Vedaldi, "Understanding deep image representations by inverting them", CVPR 2015.
    The loss and the steps are those of Nanda et al., ICML 2022.
    """
    settings = settings or InversionSettings()
    reader = LayerReader(network, [layer], example=pixels, pool=pool)
    start = starting_pixels(pixels, settings, seed)
    norms = np.linalg.norm(reader.rows(pixels, batch_size=batch_size)[layer], axis=1)
    if not norms.any():
        raise InputError(
            f"the layer {layer!r} of {network.name} gives zero for every picture: "
            "choose another layer"
        )
    norms = np.where(norms > 0, norms, norms.mean())
    found, residual, floor = torch.empty_like(start), [], []
    with evaluating(network):
        for at in range(0, len(pixels), batch_size):
            part = slice(at, at + batch_size)
            best, losses, first = _search(
                reader, layer, pixels[part], start[part], norms[part], settings, tick
            )
            found[part] = best
            residual.append(losses)
            floor.append(first)
    return Inversion(found, start, np.concatenate(residual), np.concatenate(floor))


def starting_pixels(pixels: Tensor, settings: InversionSettings, seed: int) -> Tensor:
    """Return where the search for each picture starts, (n, ...) like the pixels, on the processor.

    Noise is drawn picture by picture. ``image`` puts the pictures in a random circle and starts
    each from the next one, so that none starts from itself.
    """
    generator = torch.Generator().manual_seed(seed)
    n, shape = len(pixels), pixels.shape[1:]
    if settings.start == "image":
        if n < 2:
            raise InputError("there is one picture, but it is to start from another: give more")
        circle = torch.randperm(n, generator=generator)
        start = torch.empty_like(pixels, device="cpu")
        start[circle] = pixels.cpu()[circle.roll(1)]
        return start
    draw = torch.rand if settings.start == "uniform" else torch.randn
    start = torch.stack([draw(shape, generator=generator, dtype=pixels.dtype) for _ in range(n)])
    return start.clamp(0, 1) if settings.clamp else start


def default_rate(settings: InversionSettings, values: int) -> float:
    """Return the rate of the settings for pictures of so many values."""
    if settings.rate is not None:
        return settings.rate
    if settings.optimiser == "adam":
        return ADAM_RATE
    return STEP * (values / STEP_PIXELS) ** 0.5


def _search(
    reader: LayerReader,
    layer: str,
    pixels: Tensor,
    start: Tensor,
    norms: np.ndarray,
    settings: InversionSettings,
    tick: Callable[[], None] | None,
) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Return the best pixels of a batch, their residuals, and those of the start."""
    network = reader.network
    with torch.no_grad():
        target = reader(network.place(pixels))[layer]
    scale = torch.as_tensor(norms).to(target)
    step = _stepper(settings, pixels[0].numel())

    def losses(x: Tensor) -> Tensor:
        return torch.linalg.vector_norm(reader(x)[layer] - target, dim=1) / scale

    x = network.place(start)
    best, least, first = x, torch.full_like(scale, torch.inf), None
    for _ in range(settings.steps):
        x = x.detach().requires_grad_()
        loss = losses(x)
        (gradient,) = torch.autograd.grad(loss.sum(), x)
        x, loss = x.detach(), loss.detach()
        first = loss if first is None else first
        best, least = _better(best, least, x, loss)
        x = step(x, gradient)
        if settings.clamp:
            x = x.clamp(0, 1)
        if tick:
            tick()
    with torch.no_grad():
        best, least = _better(best, least, x, losses(x))
    assert first is not None  # at least one step
    return best.to(start), least.cpu().numpy(), first.cpu().numpy()


def _better(best: Tensor, least: Tensor, x: Tensor, loss: Tensor) -> tuple[Tensor, Tensor]:
    won = loss < least
    return torch.where(_per_item(won, x), x, best), torch.where(won, loss, least)


def _per_item(values: Tensor, like: Tensor) -> Tensor:
    return values.reshape(-1, *[1] * (like.ndim - 1))


def _stepper(settings: InversionSettings, values: int) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function from pixels and their gradient to the next pixels."""
    rate = default_rate(settings, values)
    if settings.optimiser == "gradient":

        def along(x: Tensor, gradient: Tensor) -> Tensor:
            length = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
            length = torch.where(length > 0, length, torch.ones_like(length))
            return x - rate * gradient / _per_item(length, x)

        return along
    means: list[Tensor] = []
    count = 0

    def adam(x: Tensor, gradient: Tensor) -> Tensor:
        nonlocal means, count
        count += 1
        if not means:
            means = [torch.zeros_like(x), torch.zeros_like(x)]
        for mean, power, keep in zip(means, (1, 2), ADAM_MEANS, strict=True):
            mean.mul_(keep).add_((1 - keep) * gradient**power)
        first, second = (m / (1 - keep**count) for m, keep in zip(means, ADAM_MEANS, strict=True))
        return x - rate * first / (second.sqrt() + ADAM_EPSILON)

    return adam
