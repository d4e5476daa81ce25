"""The ways to an answer: ours, the packages that loop over layers, and the recipe of SVCCA.

Packages take models and data. Here a model is one identity a layer, which passes on rows of a
layer that lies in memory: the data is the number of a batch. So no network runs, nothing is
copied, and all see the same batches in the same order, without shuffling.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks.layers.judge import SHARE
from benchmarks.layers.problem import Array, Layers, Table


def ours_map(layers: Layers) -> Array:
    """Stream batches through `MinibatchMap`."""
    from pcbm.analysis.layer_maps import MinibatchMap

    state = MinibatchMap(_names(layers.left), _names(layers.right))
    for rows in layers.batches():
        state.update([t[rows] for t in layers.left], [t[rows] for t in layers.right])
    return state.compute().values


def torch_cka(layers: Layers) -> Array:
    """Run ``CKA.compare`` of torch_cka."""
    from torch_cka import CKA

    first, second = _stored(layers, layers.left), _stored(layers, layers.right)
    names = _names(layers.left), _names(layers.right)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loop = CKA(first, second, "left", "right", *names, device="cpu")
        loop.compare(_Batches(len(layers.batches())))
    return loop.export()["CKA"].double().numpy()


def pytorch_cka(layers: Layers) -> Array:
    """Run ``compute_cka`` of pytorch_cka; it clips to [0, 1]."""
    from cka import compute_cka

    first, second = _stored(layers, layers.left), _stored(layers, layers.right)
    (found,) = compute_cka(
        first,
        second,
        _Batches(len(layers.batches())),
        layers=_names(layers.left),
        model2_layers=_names(layers.right),
        device="cpu",
        progress=False,
    )
    return found.double().numpy()


def cka_pytorch(layers: Layers) -> Array:
    """Run ``CKACalculator`` of cka-pytorch, one epoch and nothing added to denominators."""
    import torch
    from cka_pytorch import CKACalculator

    first, second = _stored(layers, layers.left), _stored(layers, layers.right)
    names = _names(layers.left), _names(layers.right)
    loop = CKACalculator(first, second, *names, device=torch.device("cpu"), verbose=False)
    found = loop.calculate_cka_matrix(_Batches(len(layers.batches())), num_epochs=1, epsilon=0.0)
    return found.double().numpy()


def ours_svcca(layers: Layers) -> Array:
    """Call `pcbm.analysis.svcca`."""
    from pcbm.analysis import svcca

    found = svcca(layers.left[0], layers.right[0], threshold=SHARE)
    return np.array([[np.nan if found.value is None else found.value]])


def recipe(layers: Layers) -> Array:
    """Follow the published recipe: decompose, cut, whiten covariances, decompose once more."""
    cut = [_cut(table.T.astype(np.float64)) for table in (layers.left[0], layers.right[0])]
    covariance = np.cov(cut[0], cut[1])
    k = len(cut[0])
    first, second = (_inverse_root(covariance[part, part]) for part in (slice(k), slice(k, None)))
    _, rho, _ = np.linalg.svd(first @ covariance[:k, k:] @ second)
    return np.array([[rho.mean()]])


def _cut(neurons: Array) -> Array:
    """Return activations (d, n) in their fewest main directions, (k, n)."""
    _, s, V = np.linalg.svd(neurons - neurons.mean(axis=1, keepdims=True), full_matrices=False)
    k = int(np.searchsorted(np.cumsum(s**2) / np.sum(s**2), SHARE)) + 1
    return s[:k, None] * V[:k]


def _inverse_root(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh(np.linalg.pinv(covariance))
    return (vectors * np.sqrt(values)) @ vectors.T


def _names(tables: list[Table]) -> list[str]:
    return [f"layer{k}" for k in range(len(tables))]


def _stored(layers: Layers, tables: list[Table]) -> Any:
    """Return a module whose layers give what is stored of them, for a batch by its number."""
    import torch
    from torch import nn

    kept, batches = [torch.from_numpy(table) for table in tables], layers.batches()

    class Stored(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name in _names(tables):
                self.add_module(name, nn.Identity())

        def forward(self, number: torch.Tensor) -> None:
            rows = batches[int(number[0])]
            for layer, table in zip(self.children(), kept, strict=True):
                layer(table[rows])

    return Stored()


class _Batches:
    """What the packages ask of a loader: batches of a number and of nothing, and their count."""

    dataset = "stored layers"

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[Any, None]]:
        import torch

        for number in range(self.count):
            yield torch.full((4,), number), None  # four: some refuse batches of fewer rows


@dataclass(frozen=True)
class Loop:
    """A way to the answers of problems of one kind; ``package`` is None for ours and the recipe."""

    name: str
    kind: str
    run: Callable[[Layers], Array]
    about: str
    package: str | None = None

    def probe(self) -> dict[str, str]:
        """Return {"version"} or {"missing": why}."""
        if self.package is None:
            return {"version": "-"}
        try:
            return {"version": metadata.version(self.package)}
        except metadata.PackageNotFoundError:
            return {"missing": f"{self.package} is not installed"}


LOOPS = (
    Loop("ours", "map", ours_map, "pcbm.analysis.layer_maps.MinibatchMap, float64"),
    Loop("torch_cka", "map", torch_cka, "CKA.compare, float32", "torch_cka"),
    Loop("pytorch_cka", "map", pytorch_cka, "compute_cka, float32", "pytorch_cka"),
    Loop("cka-pytorch", "map", cka_pytorch, "CKACalculator, float32", "cka-pytorch"),
    Loop("ours", "svcca", ours_svcca, "pcbm.analysis.svcca, float64"),
    Loop("recipe", "svcca", recipe, "two SVDs, pinv and eigh of covariances, one SVD; float64"),
)


def loops(kind: str) -> dict[str, Loop]:
    """Return the loops for a kind of problem by name, ours first."""
    return {loop.name: loop for loop in LOOPS if loop.kind == kind}
