"""From the name of a backbone, or from its record, to a `Backbone`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch

from pcbm.backbones.backbone import Backbone, describe
from pcbm.backbones.device import choose_device, choose_dtype
from pcbm.backbones.layers import find_layer
from pcbm.backbones.pooling import check_pool
from pcbm.backbones.probe import make_plan, probe_digest
from pcbm.backbones.record import check_same_backbone, fingerprint, library_versions
from pcbm.backbones.spec import Spec, parse_spec
from pcbm.backbones.tower import Tower
from pcbm.backbones.weights import hash_weights
from pcbm.errors import InputError, MissingExtraError


def load_backbone(
    spec: str,
    *,
    layer: str | None = None,
    pool: str | None = None,
    device: str = "auto",
    dtype: str = "float32",
) -> Backbone | None:
    """Load a backbone.

    Parameters
    ----------
    spec
        ``LIBRARY:WHAT``, see ``docs/backbones.md``; ``"none"`` gives None.
    layer
        A module of the model by its name in ``named_modules()``. Without it the activation is the
        library's own embedding, or what the model returns.
    pool
        ``mean``, ``cls`` or ``flatten`` instead of the model's own pooling.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
    dtype
        ``float32``, or ``float16`` / ``bfloat16`` for the steps that `torch.autocast` allows.
        Activations are float32 in each case.

    Raises
    ------
    InputError
        Anything named is unknown, cannot be fetched, or does not fit; near matches are offered.

    Examples
    --------
    >>> load_backbone("none") is None
    True
    """
    parsed = parse_spec(spec)
    if parsed.library == "none":
        return None
    return _build(parsed, layer, pool, device, dtype, python_sha256=None)


def reload_backbone(record: Mapping[str, Any], *, device: str = "auto") -> Backbone:
    """Load the backbone that a store, bank or run recorded.

    Raises
    ------
    InputError
        The backbone is not where it was, the recorded ``python:`` file has changed (it is not
        run), or what is found under the recorded name has another fingerprint.
    """
    sha256 = record["python"]["sha256"] if record.get("python") else None
    try:
        backbone = _build(
            parse_spec(record["spec"]),
            record["layer"],
            record["pool"],
            device,
            record.get("dtype", "float32"),
            python_sha256=sha256,
        )
    except MissingExtraError:
        raise
    except InputError as error:
        raise InputError(
            f"the recorded backbone cannot be loaded: {error}; or name it anew with --backbone"
        ) from error
    check_same_backbone(record, backbone.record, "what is found under the recorded name")
    return backbone


def load_tower(spec: str, *, device: str = "auto") -> Tower:
    """Load a model as its library gives it: for what needs gradients, or many layers at once.

    It is in evaluation mode, in single precision, on the device; its weights take no gradients.

    Raises
    ------
    InputError
        The name is ``none`` or unknown, or the model cannot be fetched or does not fit.
    """
    parsed = parse_spec(spec)
    if parsed.library == "none":
        raise InputError("the backbone 'none' is no network: name one, as LIBRARY:WHAT")
    target = choose_device(device)
    tower = _load_tower(parsed, None)
    tower.module.eval().requires_grad_(False).float()
    _move(tower, target, parsed)
    return tower


def _build(
    spec: Spec,
    layer: str | None,
    pool: str | None,
    device: str,
    dtype: str,
    *,
    python_sha256: str | None,
) -> Backbone:
    check_pool(pool)
    target, number = choose_device(device), choose_dtype(dtype)
    tower = _load_tower(spec, python_sha256)
    # Single precision everywhere: published half precision weights give the same fingerprint and
    # the same activations on each device.
    tower.module.eval().requires_grad_(False).float()
    weights = hash_weights(tower.module)
    module = None if layer is None else find_layer(tower.module, layer, str(spec))
    where = f"the layer {layer!r} of {spec}" if layer else str(spec)
    if tower.python is None:
        _move(tower, target, spec)
        plan, dim, _ = make_plan(tower, module, pool, target, where)
        details: dict[str, Any] = {}
    else:
        plan, dim, size = make_plan(tower, module, pool, torch.device("cpu"), where)
        digest = probe_digest(tower, module, plan, size, where)
        details = {"python": {**tower.python, "probe": digest}}
        _move(tower, target, spec)
    record = {
        **describe(tower, plan, layer=layer, pool=pool, dim=dim),
        **details,
        "weights_sha256": weights,
        "dtype": dtype,
        "versions": library_versions(*tower.packages),
    }
    record["fingerprint"] = fingerprint(record)
    return Backbone(tower, module, plan, record, target, number)


def _load_tower(spec: Spec, python_sha256: str | None) -> Tower:
    if spec.library == "python":
        from pcbm.backbones import from_python

        return from_python.load(spec.what, str(spec), python_sha256)
    # One module a library, so that only the one in use is imported.
    return import_module(f"pcbm.backbones.from_{spec.library}").load(spec.what, str(spec))


def _move(tower: Tower, device: torch.device, spec: Spec) -> None:
    try:
        tower.module.to(device)
    except torch.OutOfMemoryError:
        raise InputError(
            f"{spec} does not fit into the memory of {device}: use --device cpu"
        ) from None
