"""The bank's file: one safetensors file with float64 arrays and one JSON value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pcbm.errors import InputError
from pcbm.files import load_tensors, save_tensors

SUFFIX = ".safetensors"
FORMAT = "pcbm.ConceptBank"
VERSION = 1
_FACTS: dict[str, tuple[type, ...]] = {
    "names": (list,),
    "sources": (list,),
    "stats": (dict,),
    "record": (dict, type(None)),
    "extra": (dict,),
}


def write_bank(path: Path, arrays: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> None:
    """Write a bank's arrays and facts, whole or not at all."""
    if path.suffix.casefold() != SUFFIX:
        raise InputError(f"a bank cannot be saved as {path}: choose a name that ends in {SUFFIX}")
    save_tensors(path, arrays, {"format": FORMAT, "version": VERSION, **facts})


def read_bank(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what `write_bank` wrote; a file of another kind or a later version is refused."""
    arrays, facts = load_tensors(path)
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        held = ", ".join(sorted(arrays)[:5]) or "no tensors"
        raise InputError(
            f"{path} is a safetensors file but no concept bank (it holds {held}): "
            "give a file that ConceptBank.save or  pcbm bank  wrote"
        )
    if facts.get("version") != VERSION:
        raise InputError(
            f"{path} is a concept bank of version {facts.get('version')}, this pcbm reads version "
            f"{VERSION}: update pcbm, or make the bank again"
        )
    missing = [name for name in ("vectors", "intercepts") if name not in arrays]
    missing += [key for key, kinds in _FACTS.items() if not isinstance(facts.get(key), kinds)]
    if missing:
        raise InputError(f"{path} is a damaged concept bank (no {missing[0]}): make it again")
    return arrays, facts
