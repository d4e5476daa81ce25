"""What a library has to supply so that `Backbone` can run one of its models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from PIL import Image
from torch import Tensor, nn

from pcbm.backbones.pooling import TokenRule
from pcbm.errors import InputError

Kind = Literal["image", "text"]


@dataclass(frozen=True)
class Tower:
    """A loaded model as plain functions and data.

    Attributes
    ----------
    spec
        The backbone's name with local paths made absolute, so that it works from any directory.
    module
        Holds the weights; layers are looked up in it.
    kind
        What the activations are computed from.
    prepare
        One image or text -> what `collate` takes. Called from several threads.
    collate
        Prepared items and a device -> the model's input for a whole batch.
    embed
        The model's input -> its own embedding (any shape; `pooling` makes it (n, d)).
    architecture, preprocess
        Deterministic texts, parts of the fingerprint.
    run
        What is run when a layer is read, where `embed` does not run every layer.
    tokens
        How the model itself pools token outputs.
    mask
        The model's input -> (n, length) mask of real tokens, or None.
    encode_text
        Texts and a device -> (n, d) in the space of `embed`; None when there is no text tower.
    no_text
        Why there is no text tower, for the message.
    packages
        Distributions whose versions are recorded.
    python
        For ``python:`` the path and SHA-256 of the factory's file.
    """

    spec: str
    module: nn.Module
    kind: Kind
    prepare: Callable[[Any], Any]
    collate: Callable[[Sequence[Any], torch.device], Any]
    embed: Callable[[Any], Any]
    architecture: str
    preprocess: str
    run: Callable[[Any], Any] | None = None
    tokens: TokenRule = field(default_factory=TokenRule)
    mask: Callable[[Any], Tensor | None] = lambda batch: None
    encode_text: Callable[[Sequence[str], torch.device], Tensor] | None = None
    no_text: str = "it has no text tower"
    packages: tuple[str, ...] = ()
    python: Mapping[str, str] | None = None


def as_rgb(item: Any) -> Image.Image:
    """Return a PIL image in RGB; anything else is refused."""
    if not isinstance(item, Image.Image):
        raise InputError(
            f"this backbone embeds images, but got {type(item).__name__}: give PIL images"
        )
    return item if item.mode == "RGB" else item.convert("RGB")


def as_text(item: Any) -> str:
    """Return a text unchanged; anything else is refused."""
    if not isinstance(item, str):
        raise InputError(f"this backbone embeds texts, but got {type(item).__name__}: give strings")
    return item


def stack(prepared: Sequence[Any], device: torch.device) -> Any:
    """Stack prepared items along a new first axis; dictionaries are stacked key by key."""
    first = prepared[0]
    if isinstance(first, Mapping):
        return {key: stack([item[key] for item in prepared], device) for key in first}
    shapes = {tuple(item.shape) for item in prepared}
    if len(shapes) > 1:
        raise InputError(
            f"the prepared images have different shapes {sorted(shapes)}: "
            "let the preprocessing bring them to one size"
        )
    return torch.stack(list(prepared)).to(device)


def first_tensor(output: Any) -> Tensor | None:
    """Return the tensor that an output stands for: itself, or the first one inside it."""
    if isinstance(output, Tensor):
        return output
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, Sequence) and not isinstance(output, str):
        found = (first_tensor(part) for part in output)
        return next((tensor for tensor in found if tensor is not None), None)
    return None
