"""A loaded backbone: inputs in, activations out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pcbm.backbones.as_module import BackboneModule
from pcbm.backbones.device import run_halving
from pcbm.backbones.pooling import PoolPlan
from pcbm.backbones.probe import pooled_output
from pcbm.backbones.tower import Tower
from pcbm.errors import InputError


class Backbone:
    """A function from images or texts to activations, with an identity.

    Made by `pcbm.load_backbone`. The model is in evaluation mode and never computes gradients.

    Attributes
    ----------
    spec : str
        Its name, with local paths made absolute.
    kind : {"image", "text"}
        What `encode` takes.
    dim : int
        Length of an activation.
    layer : str or None
        The named layer that is read, None for the model's own embedding.
    pooling : str
        How outputs become vectors, see `pcbm.backbones.pooling.PoolPlan`.
    fingerprint : str
        SHA-256 over weights, preprocessing, layer and pooling.
    has_text : bool
        Whether `encode_text` works.
    record : dict
        What is written into stores, banks and runs; `pcbm.backbones.reload_backbone` reads it.
    device : torch.device
        Where it runs.
    """

    def __init__(
        self,
        tower: Tower,
        layer: nn.Module | None,
        plan: PoolPlan,
        record: dict[str, Any],
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.record = record
        self.spec: str = record["spec"]
        self.kind: str = record["kind"]
        self.dim: int = record["dim"]
        self.layer: str | None = record["layer"]
        self.pooling: str = record["pooling"]
        self.fingerprint: str = record["fingerprint"]
        self.device = device
        self._tower, self._module, self._plan, self._dtype = tower, layer, plan, dtype
        self._limits: dict[str, int] = {}

    def __repr__(self) -> str:
        layer = f", layer={self.layer!r}" if self.layer else ""
        return f"Backbone({self.spec!r}{layer}, dim={self.dim}, device={str(self.device)!r})"

    @property
    def name(self) -> str:
        """The backbone and its layer, for messages."""
        return self.spec + (f" layer {self.layer}" if self.layer else "")

    @property
    def has_text(self) -> bool:
        """Whether words can be embedded into the space of the activations."""
        return self._no_text() is None

    def _no_text(self) -> str | None:
        """Return why words cannot be embedded, or None when they can."""
        if self.kind == "text":
            return None
        if self._tower.encode_text is None:
            return self._tower.no_text
        if self.layer is not None:
            return (
                f"the layer {self.layer} is another space than the one that the text tower "
                "shares with images"
            )
        return None

    def prepare(self, item: Any) -> Any:
        """Turn one PIL image into a tensor (a text stays as it is); safe to call from threads."""
        return self._tower.prepare(item)

    def forward(self, prepared: Sequence[Any]) -> np.ndarray:
        """Return the activations of prepared items, (n, dim) float32.

        The batch is halved as often as memory runs out; the size that fitted is kept.
        """
        return self._run("input", prepared, self._forward)

    def encode(self, items: Sequence[Any], batch_size: int = 64) -> np.ndarray:
        """Return the activations of images or texts, (n, dim) float32."""
        parts = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(items), batch_size):
            batch = [self.prepare(item) for item in items[start : start + batch_size]]
            parts.append(self.forward(batch))
        return np.concatenate(parts)

    def encode_text(self, texts: Sequence[str], batch_size: int = 64) -> np.ndarray:
        """Return the embeddings of texts in the space of the activations, (n, dim) float32.

        They are not normalised.

        Raises
        ------
        InputError
            Words cannot be embedded into this space; the message says why.
        """
        reason = self._no_text()
        if reason is not None:
            raise InputError(
                f"{self.name} cannot embed words: {reason}; use a backbone with a text tower and "
                "no layer, or a bank made from examples"
            )
        if isinstance(texts, str):
            raise InputError("expected a list of texts, but got one text: put it into a list")
        if self.kind == "text":
            return self.encode(texts, batch_size)
        parts = [np.empty((0, self.dim), np.float32)]
        for start in range(0, len(texts), batch_size):
            parts.append(self._run("text", texts[start : start + batch_size], self._words))
        return np.concatenate(parts)

    def as_module(self) -> BackboneModule:
        """Return the backbone as a module of the same weights: what `collate` gives -> (n, dim)."""
        return BackboneModule(self._tower, self._module, self._plan, self.name)

    def collate(self, prepared: Sequence[Any]) -> Any:
        """Return the input of `as_module` for prepared items: a tensor, or a dict of tensors."""
        return self._tower.collate(prepared, self.device)

    def _run(self, what: str, items: Sequence[Any], run: Any) -> np.ndarray:
        if len(items) == 0:
            return np.empty((0, self.dim), np.float32)
        rows, limit = run_halving(run, items, self._limits.get(what, len(items)))
        if limit < len(items):
            self._limits[what] = limit
        return rows

    def _forward(self, prepared: Sequence[Any]) -> np.ndarray:
        with torch.inference_mode(), self._precision():
            rows = pooled_output(
                self._tower, self._module, self._plan, prepared, self.device, self.name
            )
        return self._checked(rows, len(prepared))

    def _words(self, texts: Sequence[str]) -> np.ndarray:
        assert self._tower.encode_text is not None
        with torch.inference_mode(), self._precision():
            rows = self._tower.encode_text(texts, self.device)
        return self._checked(rows, len(texts))

    def _precision(self) -> torch.autocast:
        return torch.autocast(
            self.device.type, dtype=self._dtype, enabled=self._dtype != torch.float32
        )

    def _checked(self, rows: Tensor, n: int) -> np.ndarray:
        values = rows.float().cpu().numpy()
        if values.shape != (n, self.dim):
            raise InputError(
                f"{self.name} gave shape {values.shape} for {n} inputs, but ({n}, {self.dim}) on "
                "the probe: its output depends on the size of the input; "
                "resize in its preprocessing, or pool with mean"
            )
        return values


def describe(
    tower: Tower, plan: PoolPlan, *, layer: str | None, pool: str | None, dim: int
) -> Mapping[str, Any]:
    """Return the part of a record that comes from the model and from what was asked of it."""
    return {
        "spec": tower.spec,
        "kind": tower.kind,
        "dim": dim,
        "layer": layer,
        "pool": pool,
        "pooling": plan.pooling,
        "architecture": tower.architecture,
        "preprocess": tower.preprocess,
        "python": dict(tower.python) if tower.python is not None else None,
    }
