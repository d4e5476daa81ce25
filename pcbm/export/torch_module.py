"""Projection, head and residual as a torch module."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from pcbm.export.parts import LOGITS, PREDICTIONS, PROBABILITIES, SCORES, Parts
from pcbm.projection import Projection
from pcbm.residual import Reading


class ConceptModule(nn.Module):
    """From activations (n, d) to the outputs of a fitted model, float32 each.

    Parameters
    ----------
    parts : Parts
    dtype : torch.dtype
        Of the arithmetic.
    """

    def __init__(self, parts: Parts, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.dtype, self.family = dtype, parts.family
        self.project = None if parts.projection is None else _Project(parts.projection, dtype)
        self.read = None if parts.reading is None else _Read(parts.reading, dtype)
        self.added = nn.ModuleList([_affine(*layer, dtype) for layer in parts.layers])
        self.head = _affine(parts.coef, parts.intercept, dtype)
        self.mean, self.scale = _constants(dtype, parts.mean, parts.scale)

    def forward(self, activations: Tensor) -> dict[str, Tensor]:
        """Return the outputs by name, see `pcbm.export.Parts.outputs`."""
        f = activations.to(self.dtype)
        scores = f if self.project is None else self.project(f)
        logits = self.head((scores - self.mean) / self.scale)
        if self.read is not None:
            hidden = self.read(f)
            for i, layer in enumerate(self.added):
                hidden = layer(hidden if i == 0 else hidden.relu())
            logits = logits + hidden
        if self.family == "gaussian":
            return {PREDICTIONS: logits.float(), SCORES: scores.float()}
        proba = self._probabilities(logits)
        return {LOGITS: logits.float(), PROBABILITIES: proba.float(), SCORES: scores.float()}

    def _probabilities(self, logits: Tensor) -> Tensor:
        if self.family in ("multinomial", "grouped"):
            return logits.softmax(1)
        if self.family == "multilabel":
            return logits.sigmoid()
        return torch.cat([(-logits).sigmoid(), logits.sigmoid()], dim=1)


class _Project(nn.Module):
    """``N(N(f) - shift) matrix + offset``, see `pcbm.projection.Projection`."""

    def __init__(self, projection: Projection, dtype: torch.dtype) -> None:
        super().__init__()
        self.normalise = projection.normalise
        self.map = _affine(projection.matrix.T, projection.offset, dtype)
        self.shift = None
        if projection.shift is not None:
            (self.shift,) = _constants(dtype, projection.shift)

    def forward(self, f: Tensor) -> Tensor:
        rows = _unit(f) if self.normalise else f
        if self.shift is not None:
            rows = rows - self.shift
            rows = _unit(rows) if self.normalise else rows
        return self.map(rows)


class _Read(nn.Module):
    """What a residual reads, see `pcbm.residual.Reading`."""

    def __init__(self, reading: Reading, dtype: torch.dtype) -> None:
        super().__init__()
        self.erased = nn.ParameterList()
        for each in reading.erased:
            self.erased.extend(_constants(dtype, each.centre, each.left, each.right))
        self.mean, self.scale = _constants(dtype, reading.mean, reading.scale)

    def forward(self, f: Tensor) -> Tensor:
        for i in range(0, len(self.erased), 3):
            centre, left, right = self.erased[i], self.erased[i + 1], self.erased[i + 2]
            f = f - (f - centre) @ left @ right
        return (f - self.mean) / self.scale


def _unit(rows: Tensor) -> Tensor:
    """Scale rows to unit length; zero rows stay zero."""
    lengths = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return rows / torch.where(lengths == 0, torch.ones_like(lengths), lengths)


def _affine(matrix: ArrayLike, vector: ArrayLike, dtype: torch.dtype) -> nn.Linear:
    weight, bias = _constants(dtype, matrix, vector)
    layer = nn.Linear(weight.shape[1], weight.shape[0], dtype=dtype)
    layer.weight, layer.bias = weight, bias
    return layer


def _constants(dtype: torch.dtype, *arrays: ArrayLike) -> list[nn.Parameter]:
    """Return arrays as parameters that are not trained, so that they move with the module."""
    tensors = (torch.tensor(np.asarray(array), dtype=dtype) for array in arrays)
    return [nn.Parameter(tensor, requires_grad=False) for tensor in tensors]
