"""The embedded data set ``demo:shapes``, and the demo's pictures as data."""

from __future__ import annotations

import numpy as np

from pcbm.activations.columns import SPLITS
from pcbm.activations.dataset import Dataset
from pcbm.errors import InputError, near
from pcbm.shapes import DemoImages, shapes_rows

DEMO = "demo:shapes"


def demo_dataset(name: str) -> Dataset:
    """Return the data set of that name (1,500 training and 1,000 test pictures, drawn anew).

    Raises
    ------
    InputError
        No such data set.
    """
    if name != DEMO:
        raise InputError(f"the data set {name!r} is unknown: {near(name, [DEMO])}")
    return pictures_dataset(shapes_rows(), name)


def pictures_dataset(pictures: DemoImages, source: str) -> Dataset:
    """Turn pictures of the demo into a data set; ``shifted`` pictures count as test rows."""
    return Dataset(
        source=source,
        kind="image",
        ids=pictures.ids,
        inputs=list(pictures.images),
        y=pictures.labels,
        split=np.array([SPLITS.get(name, "test") for name in pictures.split.tolist()]),
        group=pictures.groups,
    )
