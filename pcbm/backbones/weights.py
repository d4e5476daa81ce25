"""Reading weights safely and telling them apart."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pcbm.errors import InputError

_WRAPPERS = ("state_dict_ema", "model_ema", "state_dict", "model")


def hash_weights(module: nn.Module) -> str:
    """Return the SHA-256 over a module's state: sorted names, number formats, shapes and bytes."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if isinstance(value, Tensor):
            digest.update(f"{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
            flat = value.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().data)
        else:  # extra state of a custom module
            digest.update(f"{name}\0{without_addresses(repr(value))}\0".encode())
    return digest.hexdigest()


def without_addresses(text: str) -> str:
    """Drop memory addresses from a ``repr``, which differ from process to process."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a state dictionary from ``.safetensors``, ``.pt``, ``.pth`` or ``.bin``.

    Pickled files are read with ``weights_only=True``: they can hold tensors, never code. Usual
    wrappers (``{"state_dict": ...}``, a ``module.`` prefix) are taken off.

    Raises
    ------
    InputError
        The file is no such checkpoint.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"{path} is not a plain checkpoint of tensors: save the model's state_dict() alone, "
            "best as .safetensors (files that run code on loading are refused)"
        ) from None
    except Exception as error:
        # safetensors and torch raise many types for damaged files.
        raise InputError(
            f"{path} is not a readable checkpoint ({one_line(error)}): "
            "expected .safetensors, or .pt / .pth with a state_dict"
        ) from error
    while isinstance(state, Mapping) and not _is_state(state):
        inner = next((state[key] for key in _WRAPPERS if key in state), None)
        if inner is None:
            break
        state = inner
    if not isinstance(state, Mapping) or not _is_state(state):
        raise InputError(f"{path} holds no state_dict: save the model's state_dict() alone")
    return {name.removeprefix("module."): value for name, value in state.items()}


def _is_state(state: Mapping[Any, Any]) -> bool:
    return bool(state) and all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    )


def load_weights(module: nn.Module, state: Mapping[str, Tensor], source: Path, spec: str) -> None:
    """Load a state dictionary; every weight must fit.

    Raises
    ------
    InputError
        Weights are missing, left over or of another shape; the first of them is named.
    """
    own = module.state_dict()
    for what, names in (
        ("lacks", sorted(own.keys() - state.keys())),
        ("has the unknown weight", sorted(state.keys() - own.keys())),
        (
            "has another shape for",
            sorted(k for k in own.keys() & state.keys() if own[k].shape != state[k].shape),
        ),
    ):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise InputError(
                f"the checkpoint {source} does not fit {spec}: it {what} {names[0]!r}{more}: "
                "name the architecture that it was saved from"
            )
    module.load_state_dict(dict(state))


def one_line(error: BaseException) -> str:
    """Return an exception's type and the first line of its message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:120]}" if lines else type(error).__name__
