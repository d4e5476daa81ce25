"""From a model's output of any shape to one vector per item.

The batch axis is found, not assumed: the same layer is run with one and with two items, and the
axis that doubles is the batch. So (length, n, d) and (windows x n, length, d) layouts are read
rightly, and never one item's values mixed with another's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from pcbm.errors import InputError, near

POOLS = ("mean", "cls", "flatten")


@dataclass(frozen=True)
class TokenRule:
    """How a model pools its own tokens.

    Attributes
    ----------
    rule
        ``"cls"`` takes token 0, ``"patches"`` the mean without the prefix tokens, ``"mean"`` all.
    prefix
        Number of class and register tokens before the patches; None when it is not known.
    """

    rule: Literal["mean", "cls", "patches"] = "mean"
    prefix: int | None = None


@dataclass(frozen=True)
class PoolPlan:
    """What is done with the outputs of one layer.

    Attributes
    ----------
    axis
        The batch axis.
    fold
        Rows per item where several rows of axis 0 belong to one item, else 1.
    pooling
        The rule's name: ``vector``, ``mean-hw``, ``mean-hw-last``, ``mean-tokens``,
        ``mean-patches``, ``mean-masked``, ``cls`` or ``flatten``.
    prefix
        Tokens that ``mean-patches`` leaves out.
    """

    axis: int
    fold: int
    pooling: str
    prefix: int = 0


@dataclass(frozen=True)
class Layout:
    """What is known about an output before pooling it.

    Attributes
    ----------
    where
        Name of the output, for messages.
    pool
        What the user asked for, or None.
    tokens
        The model's own rule for token outputs.
    mask_length
        Length in tokens of a text that is being probed, else None.
    channels_last
        The layer is known to keep channels on its last axis.
    """

    where: str
    pool: str | None = None
    tokens: TokenRule = TokenRule()
    mask_length: int | None = None
    channels_last: bool = False


def check_pool(pool: str | None) -> None:
    """Raise InputError for an unknown pooling."""
    if pool is not None and pool not in POOLS:
        raise InputError(
            f"unknown pooling {pool!r}: expected {', '.join(POOLS)}; {near(pool, POOLS)}"
        )


def plan_pooling(one: Sequence[int], two: Sequence[int], layout: Layout) -> PoolPlan:
    """Decide how to pool from the output shapes for a batch of one and a batch of two.

    Parameters
    ----------
    one, two
        Shapes of the output for one item and for two items of the same size.
    layout
        What is known about the output.

    Raises
    ------
    InputError
        No batch axis is found, or the pooling does not fit the shape.
    """
    axis, fold = _batch_axis(one, two, layout.where)
    shape = [size for position, size in enumerate(one) if position != axis]
    if fold > 1:
        shape = [fold * shape[0], shape[1]] if len(shape) == 2 else [fold, *shape]
    name = _RULES.get(len(shape), _other)(shape, layout)
    return PoolPlan(axis, fold, name, (layout.tokens.prefix or 0) if name == "mean-patches" else 0)


def _batch_axis(one: Sequence[int], two: Sequence[int], where: str) -> tuple[int, int]:
    """Return the batch axis and the number of its rows that belong to one item."""
    if len(one) == len(two):
        grown = [i for i, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
        if len(grown) == 1 and two[grown[0]] == 2 * one[grown[0]]:
            axis = grown[0]
            if one[axis] == 1 or axis == 0:
                return axis, one[axis]
    raise InputError(
        f"{where} gives shape {tuple(one)} for one item and {tuple(two)} for two: expected one "
        "axis that counts the items; choose another layer"
    )


def _vector(shape: Sequence[int], layout: Layout) -> str:
    if layout.pool == "cls":
        raise InputError(
            f"{layout.where} gives one vector per item, which has no class token: "
            "leave the pooling out"
        )
    return "vector"


def _sequence(shape: Sequence[int], layout: Layout) -> str:
    where, pool, tokens = layout.where, layout.pool, layout.tokens
    if pool == "flatten":
        if layout.mask_length is not None:
            raise InputError(
                f"{where} gives as many tokens as the text has, so flatten has no fixed size: "
                "use the pooling mean or cls"
            )
        return "flatten"
    if pool == "cls":
        if tokens.prefix == 0:
            raise InputError(f"{where} has no class token: use the pooling mean or flatten")
        return "cls"
    if layout.mask_length == shape[0]:
        return "mean-masked"
    if pool == "mean" or tokens.rule == "mean":
        return "mean-tokens"
    if tokens.rule == "cls":
        return "cls"
    return "mean-patches" if shape[0] > (tokens.prefix or 0) else "mean-tokens"


def _map(shape: Sequence[int], layout: Layout) -> str:
    if layout.pool == "cls":
        raise InputError(
            f"{layout.where} gives maps, which have no class token: use the pooling mean or flatten"
        )
    if layout.pool == "flatten":
        return "flatten"
    # Square inputs give square maps, so the odd axis out holds the channels.
    a, b, c = shape
    return "mean-hw-last" if layout.channels_last or (a == b and b != c) else "mean-hw"


def _other(shape: Sequence[int], layout: Layout) -> str:
    if shape and layout.pool != "flatten":
        raise InputError(
            f"{layout.where} gives values of shape {tuple(shape)} per item: "
            "use the pooling flatten, or another layer"
        )
    return "flatten"


_RULES = {1: _vector, 2: _sequence, 3: _map}


def keeps_channels_last(module: nn.Module) -> bool:
    """Tell whether a layer works on its last axis, so that (n, h, w, c) is its layout."""
    return isinstance(module, nn.Linear | nn.LayerNorm)


def apply_pooling(plan: PoolPlan, output: Tensor, n: int, mask: Tensor | None) -> Tensor:
    """Pool an output to (n, d).

    Parameters
    ----------
    plan
        From `plan_pooling` for this layer.
    output
        The layer's output for ``n`` items.
    mask : (n, length) or None
        1 for real tokens; used by ``mean-masked``.
    """
    x = output.movedim(plan.axis, 0)
    if plan.fold > 1:
        x = x.reshape(n, plan.fold, *x.shape[1:])
        if x.ndim == 4:  # windows of tokens: all of one item's tokens together
            x = x.flatten(1, 2)
    if plan.pooling == "vector":
        return x
    if plan.pooling == "flatten":
        return x.reshape(n, -1)
    if plan.pooling == "cls":
        return x[:, 0]
    x = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    if plan.pooling == "mean-masked":
        if mask is None:
            raise ValueError("mean-masked needs the mask of real tokens")
        weight = mask.to(x).unsqueeze(-1)
        return (x * weight).sum(1) / weight.sum(1).clamp(min=1)
    if plan.pooling == "mean-patches":
        return x[:, plan.prefix :].mean(1)
    if plan.pooling == "mean-tokens":
        return x.mean(1)
    return x.mean((2, 3)) if plan.pooling == "mean-hw" else x.mean((1, 2))
