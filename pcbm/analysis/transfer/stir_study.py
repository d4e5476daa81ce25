"""One part of a table of STIR: one layer inverted from one start, read by every observer."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pcbm.analysis.networks import Network
from pcbm.analysis.reading import BATCH_SIZE, LayerReader
from pcbm.analysis.transfer.inversion import InversionSettings, default_rate, invert
from pcbm.analysis.transfer.similarity import DEFAULT, check_similarity, similarity
from pcbm.errors import InputError

SEEDS = 3
RESIDUAL_LIMIT = 0.3
SCHEME = 1  # of the parts in a ledger

# A score as a ledger keeps it: the value, or why there is none.
Score = float | str


@dataclass(frozen=True)
class StirSettings:
    """How STIR is measured.

    Attributes
    ----------
    inversion : InversionSettings
    similarity : {"cka_debiased", "cka"}
    seeds : int
        Repeats of the inversion from other starts.
    seed : int
        Of the first repeat; the others count on.
    residual_limit : float
        Largest mean residual with which a score is given.
    pool : str or None
        See `pcbm.analysis.reading.LayerReader`.
    batch_size : int
    """

    inversion: InversionSettings = field(default_factory=InversionSettings)
    similarity: str = DEFAULT
    seeds: int = SEEDS
    seed: int = 0
    residual_limit: float = RESIDUAL_LIMIT
    pool: str | None = None
    batch_size: int = BATCH_SIZE

    def __post_init__(self) -> None:
        check_similarity(self.similarity)
        if self.seeds < 1:
            raise InputError(f"STIR was given {self.seeds} seeds: give at least 1")
        if not self.residual_limit > 0:
            raise InputError(f"the residual limit is {self.residual_limit}: give a positive number")


@dataclass(frozen=True, eq=False)
class Study:
    """What every part of one table shares."""

    reference: Network
    observers: Sequence[Network]
    pixels: Tensor
    read: list[str]
    settings: StirSettings

    @property
    def steps(self) -> int:
        """Steps of all batches of one inversion."""
        batches = -(-len(self.pixels) // self.settings.batch_size)
        return batches * self.settings.inversion.steps

    @cached_property
    def known(self) -> list[tuple[str, str]]:
        """Name and fingerprint of each observer; they may have to be loaded for it, once."""
        return [(network.name, network.fingerprint()) for network in self.observers]

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that all parts depend on."""
        settings = self.settings
        rate = default_rate(settings.inversion, self.pixels[0].numel())
        return {
            "scheme": SCHEME,
            "study": "stir",
            "reference": self.reference.fingerprint(),
            "observers": [fingerprint for _, fingerprint in self.known],
            "pixels": pixels_sha256(self.pixels),
            "read": self.read,
            "inversion": {**settings.inversion.data(), "rate": rate},
            "similarity": settings.similarity,
            "pool": settings.pool,
        }

    def key(self, layer: str, seed: int) -> dict[str, Any]:
        """Return everything that a part depends on."""
        return {**self.identity, "layer": layer, "seed": seed}

    def part(self, layer: str, seed: int, tick: Callable[[], None]) -> Callable[[], dict[str, Any]]:
        """Return the computation of one part: one inversion, read by every observer."""

        def compute() -> dict[str, Any]:
            settings = self.settings
            found = invert(
                self.reference,
                layer,
                self.pixels,
                settings.inversion,
                seed=seed,
                pool=settings.pool,
                batch_size=settings.batch_size,
                tick=tick,
            )
            own = self._scores(self.reference, [layer], [found.pixels])[0]
            seen = [
                self._scores(network, self.read, [found.pixels, found.start])
                for network in self.observers
            ]
            return {
                "residual": float(found.residual.mean()),
                "start_residual": float(found.floor.mean()),
                "apart": self._apart(layer),
                "self_score": own[0],
                "scores": [scores[0] for scores in seen],
                "floors": [scores[1] for scores in seen],
            }

        return compute

    def _rows(self, network: Network, names: Sequence[str], pixels: Tensor) -> Any:
        reader = LayerReader(network, names, example=pixels, pool=self.settings.pool)
        return reader.rows(pixels, batch_size=self.settings.batch_size)

    def _scores(
        self, network: Network, names: Sequence[str], others: Sequence[Tensor]
    ) -> list[list[Score]]:
        """Compare each layer of a network on the pictures with itself on other pictures."""
        given = self._rows(network, names, self.pixels)
        found = []
        for other in others:
            shown = self._rows(network, names, other)
            compared = [
                similarity(self.settings.similarity, given[name], shown[name]) for name in names
            ]
            found.append([c.reason or "" if c.value is None else c.value for c in compared])
        return found

    def _apart(self, layer: str) -> float:
        """Return the mean relative distance of a picture's representation from another's."""
        rows = self._rows(self.reference, [layer], self.pixels)[layer].astype(np.float64)
        circle = np.random.default_rng(0).permutation(len(rows))
        other = np.empty_like(rows)
        other[circle] = rows[np.roll(circle, 1)]
        norms = np.linalg.norm(rows, axis=1)
        norms = np.where(norms > 0, norms, norms.mean())
        return float((np.linalg.norm(rows - other, axis=1) / norms).mean())


def pixels_sha256(pixels: Tensor) -> str:
    """Return the SHA-256 of pixels: number format, shape and values."""
    values = pixels.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{values.dtype}:{tuple(values.shape)}\n".encode())
    digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
