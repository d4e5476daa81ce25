"""What is written down about a backbone, and the comparison of two such records."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from pcbm.errors import InputError
from pcbm.files import sha256_json

SCHEME = 1
IDENTITY = ("kind", "architecture", "weights_sha256", "preprocess", "layer", "pooling", "python")
_WORDS = {"weights_sha256": "weights", "preprocess": "preprocessing", "python": "python file"}


def fingerprint(record: Mapping[str, Any]) -> str:
    """Return the SHA-256 that identifies what the backbone computes.

    It covers kind, architecture, weights, preprocessing, layer and pooling, and for ``python:``
    the factory's file and its outputs on the probe input. Device, batch size, number format,
    paths and library versions are no part of it.
    """
    return sha256_json({"scheme": SCHEME, **{key: _part(record, key) for key in IDENTITY}})


def _part(record: Mapping[str, Any], key: str) -> Any:
    value = record.get(key)
    if key == "python" and value is not None:
        return {name: value[name] for name in ("sha256", "probe")}
    return value


def library_versions(*packages: str) -> dict[str, str]:
    """Return the installed versions of the named distributions; absent ones are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def check_same_backbone(
    expected: Mapping[str, Any] | None, got: Mapping[str, Any] | None, what: str
) -> None:
    """Refuse to mix two backbones.

    Parameters
    ----------
    expected, got
        The records of two backbones. ``None`` stands for arrays of unknown origin: there is
        nothing to compare, so nothing is refused.
    what
        What was given, for the message: ``"the bank bank.safetensors"``.

    Raises
    ------
    InputError
        The fingerprints differ; the message names both and says which parts differ.
    """
    if expected is None or got is None or expected["fingerprint"] == got["fingerprint"]:
        return
    parts = [_WORDS.get(key, key) for key in IDENTITY if _part(expected, key) != _part(got, key)]
    raise InputError(
        f"{what} belongs to another backbone: fingerprint {got['fingerprint']} of {_name(got)}, "
        f"expected {expected['fingerprint']} of {_name(expected)} (they differ in "
        f"{', '.join(parts) or 'the fingerprint'}): use the same backbone, layer and pooling"
    )


def _name(record: Mapping[str, Any]) -> str:
    layer = record.get("layer")
    return f"{record.get('spec', 'an unnamed backbone')}" + (f" layer {layer}" if layer else "")
