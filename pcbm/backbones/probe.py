"""Running a backbone on fixed inputs: to learn its shapes, to trust it, and to tell it apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pcbm.backbones.layers import captured
from pcbm.backbones.pooling import (
    Layout,
    PoolPlan,
    apply_pooling,
    keeps_channels_last,
    plan_pooling,
)
from pcbm.backbones.tower import Tower, first_tensor
from pcbm.backbones.weights import one_line
from pcbm.errors import InputError

# Sizes of the square probe image, tried in this order: a model without resizing takes only its own.
SIZES = (32, 28, 64, 96, 128, 224, 256, 299, 336, 384, 448, 512)
TEXTS = ("a photo of a cat", "two large grey elephants walk slowly past a small house")
TOLERANCE = 1e-2
ROUNDING = 1e-5


def probe_items(kind: str, size: int) -> tuple[Any, Any]:
    """Return two fixed inputs: noise images of ``size`` pixels, or two texts."""
    if kind == "text":
        return TEXTS
    noise = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), dtype=np.uint8)
    return Image.fromarray(noise[0]), Image.fromarray(noise[1])


def raw_output(tower: Tower, layer: nn.Module | None, batch: Any, where: str) -> Tensor:
    """Return what the layer (None: the whole model) gives for a batch, unpooled.

    A layer that runs several times in one pass counts with its last output.
    """
    if layer is None:
        output = tower.embed(batch)
    else:
        with captured(layer) as outputs:
            (tower.run or tower.embed)(batch)
        if not outputs:
            raise InputError(
                f"{where} does not run when {tower.kind}s are embedded: choose a layer that does"
            )
        output = outputs[-1]
    tensor = first_tensor(output)
    if tensor is None:
        raise InputError(f"{where} gives {type(output).__name__}: expected a tensor")
    return tensor


def pooled_output(
    tower: Tower,
    layer: nn.Module | None,
    plan: PoolPlan,
    prepared: Sequence[Any],
    device: torch.device,
    where: str,
) -> Tensor:
    """Return the activations (n, d) of prepared items."""
    batch = tower.collate(prepared, device)
    output = raw_output(tower, layer, batch, where)
    return apply_pooling(plan, output, len(prepared), tower.mask(batch))


def make_plan(
    tower: Tower,
    layer: nn.Module | None,
    pool: str | None,
    device: torch.device,
    where: str,
) -> tuple[PoolPlan, int, int]:
    """Find out how to pool, the dimension of the activations, and a size of image that works.

    Raises
    ------
    InputError
        The model takes none of the probe inputs, or its rows depend on one another.
    """
    failure: Exception | None = None
    for size in SIZES if tower.kind == "image" else (0,):
        try:
            with torch.inference_mode():
                plan, dim = _plan_for_size(tower, layer, pool, device, where, size)
            return plan, dim, size
        except (InputError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:
            # Models without resizing reject images of other sizes in their own ways.
            failure = error
    assert failure is not None
    raise InputError(
        f"{where} failed on every probe input ({one_line(failure)}): check the model"
        + (" and its preprocessing" if tower.kind == "image" else "")
    ) from failure


def _plan_for_size(
    tower: Tower,
    layer: nn.Module | None,
    pool: str | None,
    device: torch.device,
    where: str,
    size: int,
) -> tuple[PoolPlan, int]:
    a, b = (tower.prepare(item) for item in probe_items(tower.kind, size))
    single = tower.collate([a], device)
    one = raw_output(tower, layer, single, where)
    two = raw_output(tower, layer, tower.collate([a, a], device), where)
    mask = tower.mask(single)
    layout = Layout(
        where,
        pool=pool,
        tokens=tower.tokens,
        mask_length=None if mask is None else mask.shape[1],
        channels_last=layer is not None and keeps_channels_last(layer),
    )
    plan = plan_pooling(one.shape, two.shape, layout)
    alone = apply_pooling(plan, one, 1, mask)
    beside = pooled_output(tower, layer, plan, [a, b], device, where)
    _check_rows(alone[0], beside[0], one.abs().max().item(), where)
    return plan, alone.shape[1]


def _check_rows(alone: Tensor, beside: Tensor, largest: float, where: str) -> None:
    """Refuse a model whose row for one input changes with the others or from call to call.

    ``largest`` is the largest value before pooling: a mean that cancels to zero is all rounding.
    """
    if alone.shape != beside.shape:
        raise InputError(
            f"{where} gives {alone.shape[0]} values for an input alone and {beside.shape[0]} "
            "beside another one: expected a fixed number; choose another layer or pooling"
        )
    alone, beside = alone.double().cpu(), beside.double().cpu()
    allowed = TOLERANCE * alone.abs().max() + ROUNDING * largest
    if not (torch.isfinite(alone).all() and (alone - beside).abs().max() <= allowed):
        raise InputError(
            f"{where} is no function of one input: its values change with the other inputs in the "
            "batch, or from call to call, or are not finite; look for batch statistics or dropout"
        )


def probe_digest(
    tower: Tower, layer: nn.Module | None, plan: PoolPlan, size: int, where: str
) -> str:
    """Return a hash of a processor run on the probe image, for models defined by code.

    The run is in double precision and rounded to 5 digits of the largest value, so that other
    machines, thread counts and library versions find the same hash. A model that insists on
    single precision is rounded to 3 digits.
    """
    item = tower.prepare(probe_items(tower.kind, size)[0])
    if not torch.equal(item, tower.prepare(probe_items(tower.kind, size)[0])):
        raise InputError(
            f"{where}: its preprocessing is random: give the one for evaluation, "
            "without augmentation"
        )
    cpu = torch.device("cpu")
    try:
        with _double(tower.module), torch.inference_mode():
            precise = replace(tower, collate=lambda p, d: tower.collate(p, d).double())
            values, digits = pooled_output(precise, layer, plan, [item], cpu, where), 5
    except (RuntimeError, TypeError):
        with torch.inference_mode():
            values, digits = pooled_output(tower, layer, plan, [item], cpu, where), 3
    vector = values[0].double().numpy()
    scale = np.abs(vector).max(initial=0.0) or 1.0
    # The offset keeps round numbers (0, .5) away from the edges of the rounding.
    grid = np.floor(vector / scale * 10**digits + 0.387).astype("<i8")
    return hashlib.sha256(grid.tobytes()).hexdigest()


@contextmanager
def _double(module: nn.Module) -> Iterator[None]:
    """Compute in double precision within the block; the way back to single is exact."""
    module.double()
    try:
        yield
    finally:
        module.float()
