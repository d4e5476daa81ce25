"""Data in every form, its activations, and the places they are kept.

`read_data` turns any form of DATA into a `Dataset`; `extract`, `embed` and `activations_for` run a
backbone over it (in memory, into a resumable store, through a cache) and give an `ActivationSet`;
`resolve_task` and `split_rows` say what the labels mean and which rows are for testing.
"""

from pcbm.activations.activation_set import ActivationSet
from pcbm.activations.cache import activations_for, cache_folder
from pcbm.activations.dataset import Dataset
from pcbm.activations.demo import pictures_dataset
from pcbm.activations.embed import embed
from pcbm.activations.extract import extract
from pcbm.activations.labels import Labels, resolve_task
from pcbm.activations.read import read_data
from pcbm.activations.split import split_rows

__all__ = [
    "ActivationSet",
    "Dataset",
    "Labels",
    "activations_for",
    "cache_folder",
    "embed",
    "extract",
    "pictures_dataset",
    "read_data",
    "resolve_task",
    "split_rows",
]
