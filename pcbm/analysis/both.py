"""Two models read in one pass: every input is opened once and seen by both, in the same order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pcbm.activations import Dataset
from pcbm.activations.extract import check_inputs, refuse_nothing_left, run_batches, spans
from pcbm.analysis.networks import Network
from pcbm.analysis.reading import matching_layers
from pcbm.backbones import load_tower
from pcbm.backbones.pooling import (
    Layout,
    PoolPlan,
    apply_pooling,
    check_pool,
    keeps_channels_last,
    plan_pooling,
)
from pcbm.backbones.tower import Tower, first_tensor
from pcbm.errors import InputError

Progress = Callable[[int, int], None]
IN_MEMORY = 1 << 30  # bytes of activations that are kept in memory; more go to temporary files


class LayersOf:
    """Several layers of one model as activations of its inputs, images or texts.

    Parameters
    ----------
    spec : str
        A backbone, see ``docs/backbones.md``.
    patterns : sequence of str
        Layers by name; ``*`` is anything within a part of a name, ``**`` any number of parts.
    pool : {"mean", "cls", "flatten"}, optional
    device : str

    Attributes
    ----------
    names : list of str
        The layers, in the order of the module.
    """

    def __init__(
        self,
        spec: str,
        patterns: Sequence[str],
        *,
        pool: str | None = None,
        device: str = "auto",
    ) -> None:
        check_pool(pool)
        self.tower: Tower = load_tower(spec, device=device)
        module = self.tower.module
        self.names = matching_layers(Network(module, spec), patterns)
        self._layers: dict[str, nn.Module] = {n: module.get_submodule(n) for n in self.names}
        self._pool, self._spec = pool, spec
        self._plans: dict[str, PoolPlan] = {}
        self._device = next((p.device for p in module.parameters()), torch.device("cpu"))

    def __call__(self, prepared: Sequence[Any]) -> list[np.ndarray]:
        """Return the activations (n, d) of prepared items, a table for each layer."""
        with torch.inference_mode():
            if not self._plans:
                self._plan(prepared[0])
            outputs, mask = self._outputs(prepared)
            return [
                apply_pooling(self._plans[name], outputs[name], len(prepared), mask)
                .float()
                .cpu()
                .numpy()
                for name in self.names
            ]

    def _outputs(self, prepared: Sequence[Any]) -> tuple[dict[str, Tensor], Tensor | None]:
        batch = self.tower.collate(prepared, self._device)
        found: dict[str, Any] = {}
        with ExitStack() as hooks:
            for name, layer in self._layers.items():
                hook = layer.register_forward_hook(
                    lambda module, inputs, output, name=name: found.update({name: output})
                )
                hooks.callback(hook.remove)
            (self.tower.run or self.tower.embed)(batch)
        tensors = {}
        for name in self.names:
            tensor = first_tensor(found.get(name))
            if tensor is None:
                raise InputError(
                    f"{self._where(name)} gives no tensor when {self.tower.kind}s are embedded: "
                    "name layers that do"
                )
            tensors[name] = tensor
        return tensors, self.tower.mask(batch)

    def _plan(self, item: Any) -> None:
        """Learn how each layer is pooled, from one item and from the same item twice."""
        one, mask = self._outputs([item])
        two, _ = self._outputs([item, item])
        for name, layer in self._layers.items():
            layout = Layout(
                self._where(name),
                pool=self._pool,
                tokens=self.tower.tokens,
                mask_length=None if mask is None else mask.shape[1],
                channels_last=keeps_channels_last(layer),
            )
            self._plans[name] = plan_pooling(one[name].shape, two[name].shape, layout)

    def _where(self, name: str) -> str:
        return f"the layer {name!r} of {self._spec}"


@dataclass(frozen=True)
class Batch:
    """The activations of one batch: a table (m, d) for each layer of both models.

    Attributes
    ----------
    rows : ndarray of int
        Which rows of the data set.
    left, right : list of ndarray
    """

    rows: np.ndarray
    left: list[np.ndarray]
    right: list[np.ndarray]


class _Both:
    """What `run_batches` calls a backbone, for two models: their layers side by side."""

    def __init__(self, left: LayersOf, right: LayersOf) -> None:
        if left.tower.kind != right.tower.kind:
            raise InputError(
                f"{left.tower.spec} reads {left.tower.kind}s and {right.tower.spec} "
                f"{right.tower.kind}s: compare models that read the same inputs"
            )
        self.left, self.right = left, right
        self.kind = left.tower.kind
        self.spec = f"{left.tower.spec} or {right.tower.spec}"
        self.widths: list[int] = []

    @property
    def dim(self) -> int:
        return sum(self.widths)

    def prepare(self, item: Any) -> tuple[Any, Any]:
        return self.left.tower.prepare(item), self.right.tower.prepare(item)

    def forward(self, prepared: Sequence[tuple[Any, Any]]) -> np.ndarray:
        tables = self.left([a for a, _ in prepared]) + self.right([b for _, b in prepared])
        widths = [table.shape[1] for table in tables]
        if self.widths and widths != self.widths:
            raise InputError(
                f"{self.spec}: a layer gives other widths for other inputs: let the preprocessing "
                "bring all to one size, or pool with mean"
            )
        self.widths = widths
        return np.hstack(tables)

    def divided(self, X: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return the columns of each layer again."""
        tables = np.split(X, np.cumsum(self.widths)[:-1], axis=1)
        return tables[: len(self.left.names)], tables[len(self.left.names) :]


def both_batches(
    data: Dataset,
    left: LayersOf,
    right: LayersOf,
    *,
    batch_size: int,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> Iterator[Batch]:
    """Yield the activations of both models on a data set, batch by batch.

    Parameters
    ----------
    data : Dataset
        Of images or texts. Its order decides what stands together in a batch.
    left, right : LayersOf
        May be one object, which is then run twice.
    batch_size : int
    skip_unreadable : bool
        Leave out images that cannot be read, for both.
    progress : callable, optional
        Called with the rows done and the rows in all.

    Raises
    ------
    InputError
        The models read different kinds of input, an input cannot be read, or a layer has no
        activations of a fixed width.
    """
    both = _Both(left, right)
    check_inputs(data, both, skip_unreadable=skip_unreadable)  # type: ignore[arg-type]
    done = 0
    parts = spans(len(data), batch_size)
    for batch in run_batches(data, both, parts, skip_unreadable=skip_unreadable):  # type: ignore[arg-type]
        done += len(batch.rows)
        if len(batch.rows):
            yield Batch(batch.rows, *both.divided(batch.X))
        if progress:
            progress(batch.span.stop, len(data))
    refuse_nothing_left(data, done)


@contextmanager
def gathered(
    batches: Iterator[Batch], n: int
) -> Iterator[tuple[np.ndarray, list[np.ndarray], list[np.ndarray]]]:
    """Collect batches into one table a layer, in memory or, where they are large, in files.

    Parameters
    ----------
    batches : iterator of Batch
    n : int
        Rows at most.

    Yields
    ------
    rows : ndarray of int
        Which rows of the data set.
    left, right : list of ndarray, (m, d) float32
        Files are removed at the end of the block.
    """
    with tempfile.TemporaryDirectory(prefix="pcbm-layers-") as folder:
        kept: list[np.ndarray] = []
        tables: list[np.ndarray] = []
        sides = (0, 0)
        filled = 0
        for batch in batches:
            every = [*batch.left, *batch.right]
            if not tables:
                sides = len(batch.left), len(batch.right)
                tables = _empty(n, [table.shape[1] for table in every], Path(folder))
            for table, values in zip(tables, every, strict=True):
                table[filled : filled + len(values)] = values
            kept.append(batch.rows)
            filled += len(batch.rows)
        tables = [table[:filled] for table in tables]
        try:
            yield np.concatenate(kept), tables[: sides[0]], tables[sides[0] :]
        finally:
            del tables, every, table, values  # some systems keep files that are mapped


def _empty(n: int, widths: Sequence[int], folder: Path) -> list[np.ndarray]:
    if 4 * n * sum(widths) <= IN_MEMORY:
        return [np.empty((n, width), np.float32) for width in widths]
    return [
        np.lib.format.open_memmap(
            folder / f"{number}.npy", mode="w+", dtype=np.float32, shape=(n, width)
        )
        for number, width in enumerate(widths)
    ]


def named(names: Sequence[str], tables: Sequence[np.ndarray]) -> Mapping[str, np.ndarray]:
    """Return the tables of layers by name, in order."""
    return dict(zip(names, tables, strict=True))
