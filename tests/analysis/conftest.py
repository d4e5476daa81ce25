"""Pairs of representations with values known from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

PAIRS = ("mnist", "layer1", "layer3")


@pytest.fixture(params=PAIRS)
def reference(request, data_folder: Path):
    """Return two sides of real activations and the values computed from the formulas."""
    folder = data_folder / "similarity"
    with np.load(folder / "arrays.npz") as arrays:
        sides = arrays[f"{request.param}_x"], arrays[f"{request.param}_y"]
    known = json.loads((folder / "references.json").read_text(encoding="utf-8"))
    return *sides, known["pairs"][request.param]
