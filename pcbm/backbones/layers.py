"""Finding a layer by its name and reading what it gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from pcbm.errors import InputError, near


def find_layer(module: nn.Module, name: str, spec: str) -> nn.Module:
    """Return the submodule called ``name`` in `torch.nn.Module.named_modules`.

    Raises
    ------
    InputError
        There is no such layer; near matches are offered.
    """
    layers = dict(module.named_modules())
    layers.pop("", None)
    if name not in layers:
        # A short name is most often the end of a long one: layer4 for visual.layer4.
        ends = [known for known in layers if name and known.endswith(f".{name}")]
        raise InputError(f"{spec} has no layer {name!r}: {near(name, ends or layers)}")
    return layers[name]


@contextmanager
def captured(layer: nn.Module) -> Iterator[list[Any]]:
    """Collect what ``layer`` returns while the block runs, one entry for each call of it."""
    outputs: list[Any] = []
    handle = layer.register_forward_hook(lambda module, inputs, output: outputs.append(output))
    try:
        yield outputs
    finally:
        handle.remove()
