"""``python:PATH.py:factory`` and ``python:package.module:factory``: a user's own model.

The factory takes no arguments and returns a `torch.nn.Module` that embeds images, or
``(module, preprocess)`` where ``preprocess`` turns a PIL image into a (c, h, w) tensor.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pcbm.backbones.spec import existing_path
from pcbm.backbones.tower import Tower, as_rgb, stack
from pcbm.backbones.weights import one_line, without_addresses
from pcbm.errors import InputError, near


def load(what: str, spec: str, sha256: str | None = None) -> Tower:
    """Run the factory and wrap what it returns.

    Parameters
    ----------
    sha256
        When given, the file's SHA-256 must be this, or it is not run.

    Raises
    ------
    InputError
        The file, the factory or what it returns is not as expected.
    """
    where, _, name = what.rpartition(":")
    if not where or not name:
        raise InputError(f"{spec} names no factory: expected python:PATH.py:factory")
    path, canonical = _source(where, name, spec)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise InputError(
            f"{path} has changed since it was recorded (sha256 {found}, recorded {sha256}), so it "
            "is not run: restore the file"
        )
    with _beside(path), redirect_stdout(sys.stderr):
        module = _execute(path, content, found) if where.endswith(".py") else _import(where, spec)
        model, preprocess = _call(module, name, spec)
    return Tower(
        spec=canonical,
        module=model,
        kind="image",
        prepare=lambda item: _prepared(preprocess, item, spec),
        collate=stack,
        embed=model,
        architecture="",
        preprocess=_preprocess_text(preprocess),
        packages=("torch", "torchvision"),
        python={"path": str(path), "sha256": found},
    )


def _source(where: str, name: str, spec: str) -> tuple[Path, str]:
    """Return the factory's file and the name of the backbone that works from any directory."""
    if where.endswith(".py"):
        path = existing_path(where, spec)
        return path, f"python:{path}:{name}"
    try:
        found = find_spec(where)
    except (ImportError, ValueError) as error:
        raise InputError(f"{spec}: cannot find the module ({one_line(error)})") from error
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        raise InputError(
            f"{spec}: there is no importable Python module {where!r}: "
            "check the name, or give the file as python:PATH.py:factory"
        )
    return Path(found.origin), f"python:{where}:{name}"


@contextmanager
def _beside(path: Path) -> Iterator[None]:
    """Let the file import its neighbours while it runs, as a script could."""
    folder = str(path.parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _execute(path: Path, content: bytes, sha256: str) -> ModuleType:
    """Run exactly the bytes that were hashed."""
    module = ModuleType(f"pcbm_backbone_{sha256[:16]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickling look their module up
    try:
        exec(compile(content, str(path), "exec"), module.__dict__)
    except Exception as error:
        # The file is the user's: it may raise anything.
        del sys.modules[module.__name__]
        raise InputError(f"{path} failed while it was read ({one_line(error)}): mend it") from error
    return module


def _import(name: str, spec: str) -> ModuleType:
    try:
        return import_module(name)
    except Exception as error:
        # The module is the user's: it may raise anything.
        raise InputError(f"{spec}: importing it failed ({one_line(error)}): mend it") from error


def _call(module: ModuleType, name: str, spec: str) -> tuple[nn.Module, Callable[[Any], Any]]:
    factory = getattr(module, name, None)
    if not callable(factory):
        names = [
            key
            for key, value in vars(module).items()
            if callable(value) and not key.startswith("_")
        ]
        raise InputError(f"{spec}: there is no factory {name!r} in the file: {near(name, names)}")
    try:
        made = factory()
    except Exception as error:
        # The factory is the user's: it may raise anything.
        raise InputError(f"{spec}: the factory failed ({one_line(error)}): mend it") from error
    model, preprocess = made if isinstance(made, tuple) and len(made) == 2 else (made, to_tensor)
    if not isinstance(model, nn.Module) or not callable(preprocess):
        raise InputError(
            f"{spec}: the factory returned {type(made).__name__}: "
            "expected a torch.nn.Module, or (module, preprocess)"
        )
    return model, preprocess


def to_tensor(image: Image.Image) -> Tensor:
    """Return an RGB image as a float tensor (3, h, w) from 0 to 1.

    What torchvision's ``to_tensor`` returns, to the bit, without seconds to import torchvision.
    """
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
    return pixels.to(torch.get_default_dtype()).div(255)


def _prepared(preprocess: Callable[[Any], Any], item: Any, spec: str) -> Any:
    image = as_rgb(item)
    try:
        value = preprocess(image)
    except Exception as error:
        # The preprocessing is the user's: it may raise anything.
        raise InputError(
            f"{spec}: its preprocessing failed on an image of {image.size[0]} x {image.size[1]} "
            f"pixels ({one_line(error)}): mend it"
        ) from error
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(value)
    if not isinstance(value, Tensor):
        raise InputError(
            f"{spec}: its preprocessing returned {type(value).__name__}: expected a tensor"
        )
    return value


def _preprocess_text(preprocess: Callable[[Any], Any]) -> str:
    name = getattr(preprocess, "__qualname__", None) or repr(preprocess)
    return without_addresses(" ".join(name.split()))
