"""Pictures that several networks are shown alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from pcbm.activations import Dataset
from pcbm.analysis.networks import Network
from pcbm.errors import InputError

COMPARED = 4  # pictures that are prepared by every network
SAME = 2 / 255  # two steps of an 8-bit channel


def shared_pixels(
    network: Network, others: Sequence[Network], data: Dataset, rows: np.ndarray
) -> tuple[Tensor, list[str]]:
    """Return pictures as the first network sees them, for studies that show all the same pixels.

    Parameters
    ----------
    network : Network
    others : sequence of Network
    data : Dataset
    rows : ndarray of int

    Returns
    -------
    pixels : Tensor (n, c, h, w), from 0 to 1
    warnings : list of str
        For networks that would crop or resize the pictures otherwise.

    Raises
    ------
    InputError
        Another network takes another size, or see `Network.pixels`.
    """
    pixels = network.pixels(data, rows)
    warnings = []
    for other in others:
        seen = other.pixels(data, rows[:COMPARED])
        if seen.shape[1:] != pixels.shape[1:]:
            raise InputError(
                f"{network.name} takes pictures of {_size(pixels)} and {other.name} of "
                f"{_size(seen)}, but both are shown the same pixels: bring both to one size"
            )
        apart = float((seen - pixels[: len(seen)]).abs().max())
        if apart > SAME:
            warnings.append(
                f"{other.name} prepares pictures otherwise than {network.name} (pixels differ by "
                f"up to {apart:.2f} of the range): it is shown those of {network.name}"
            )
    return pixels, warnings


def _size(pixels: Tensor) -> str:
    return " x ".join(str(side) for side in pixels.shape[1:])
