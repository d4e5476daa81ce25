"""STIR: how far what one network cannot tell apart is also the same to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from pcbm.analysis.networks import Network
from pcbm.analysis.reading import Progress
from pcbm.analysis.transfer.ledger import Ledger
from pcbm.analysis.transfer.stir_study import StirSettings, Study


@dataclass(frozen=True, eq=False)
class Stir:
    """STIR(observer[i] | reference[j]) for all observers, inverted layers j and read layers i.

    Attributes
    ----------
    reference : str
        The network whose layers were inverted.
    observers : list of str
        The networks that were shown the pictures.
    layers, read : list of str
        Inverted layers (J) and read layers (I).
    scores : ndarray (observers, seeds, J, I)
        Similarity of ``observer[i](X)`` and ``observer[i](X')``; NaN where it is not defined.
    floors : ndarray (observers, seeds, J, I)
        The same with the start of the search for ``X'``: what no optimisation gives.
    self_scores : ndarray (seeds, J)
        Similarity of ``reference[j](X)`` and ``reference[j](X')``, measured.
    residual, start_residual : ndarray (seeds, J)
        Means over pictures of ``||m(x') - m(x)|| / ||m(x)||``, at the end and at the start.
    apart : ndarray (J,)
        The same between a picture and another one: what a residual means beside it.
    n : int
        Pictures.
    settings : StirSettings
    reasons : dict
        (observer, j, i) as positions -> why a score is not defined.
    """

    reference: str
    observers: list[str]
    layers: list[str]
    read: list[str]
    scores: np.ndarray
    floors: np.ndarray
    self_scores: np.ndarray
    residual: np.ndarray
    start_residual: np.ndarray
    apart: np.ndarray
    n: int
    settings: StirSettings
    reasons: dict[tuple[int, int, int], str]

    def converged(self) -> np.ndarray:
        """Return for each inverted layer (J,) whether its mean residual is within the limit."""
        return self.residual.mean(axis=0) <= self.settings.residual_limit

    def by_seed(self) -> np.ndarray:
        """Return the scores (observers, seeds, J, I), NaN for layers above the residual limit."""
        return np.where(self.converged()[:, None], self.scores, np.nan)

    def values(self) -> np.ndarray:
        """Return STIR (observers, J, I): means over seeds, NaN where `reason` says why."""
        return self.by_seed().mean(axis=1)

    def reason(self, observer: int, j: int, i: int) -> str | None:
        """Return why a value is NaN, None where it is not."""
        if not self.converged()[j]:
            return self.not_converged(j)
        return self.reasons.get((observer, j, i))

    def not_converged(self, j: int) -> str | None:
        """Return what to do about a layer that was not inverted, None for one that was."""
        if self.converged()[j]:
            return None
        return (
            f"the inversion of {self.layers[j]!r} of {self.reference} did not converge: residual "
            f"{self.residual[:, j].mean():.3f}, limit {self.settings.residual_limit:g}; "
            f"{self.settings.inversion.advice()}"
        )


def spread(by_seed: np.ndarray, axis: int = 1) -> np.ndarray | None:
    """Return the standard deviation over seeds (divisor seeds - 1); None with a single seed."""
    return by_seed.std(axis=axis, ddof=1) if by_seed.shape[axis] > 1 else None


def measure_stir(
    reference: Network,
    observers: Sequence[Network],
    pixels: Tensor,
    *,
    layers: Sequence[str],
    read: Sequence[str] | None = None,
    settings: StirSettings | None = None,
    ledger: Ledger | None = None,
    progress: Progress | None = None,
) -> Stir:
    """Measure STIR(observer[i] | reference[j]).

    It is the mean over seeds of ``S(observer[i](X), observer[i](X'))`` with ``X'`` such that
    ``reference[j](X')`` is close to ``reference[j](X)``: 1 where the observer cannot tell apart
    what the reference cannot tell apart. It is directed. One ``X'`` serves all observers and all
    their layers i.

    Parameters
    ----------
    reference : Network
        Its layers are inverted.
    observers : sequence of Network
        They take the same pixels. Taken from the sequence one at a time.
    pixels : Tensor (n, ...)
        ``X``, from 0 to 1, n >= 4.
    layers, read : sequences of str
        Layers of the reference, and of every observer (None: the same names).
    settings : StirSettings, optional
    ledger : Ledger, optional
        Finished inversions are kept there, one part for each layer and seed.
    progress : callable, optional
        Called with the steps done and the steps in all.

    Raises
    ------
    InputError
        See `invert`, `LayerReader` and `pcbm.analysis.linear_cka`.

    References
    ----------
    Nanda, Speicher, Kolling, Dickerson, Gummadi, Weller, "Measuring representational robustness
    of neural networks through shared invariances", ICML 2022, eq. 4.
    """
    settings = settings or StirSettings()
    ledger = ledger or Ledger(None)
    study = Study(reference, observers, pixels, list(read or layers), settings)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    clock = _Clock(len(layers) * len(seeds) * study.steps, progress)
    parts = []
    for seed in seeds:
        for layer in layers:
            before = clock.done
            parts.append(ledger.part(study.key(layer, seed), study.part(layer, seed, clock.tick)))
            clock.move_to(before + study.steps)
    return _collect(study, list(layers), parts)


class _Clock:
    """Counts steps for a progress bar; parts that were finished before count at once."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self.done, self.total, self.progress = 0, total, progress

    def tick(self) -> None:
        self.move_to(self.done + 1)

    def move_to(self, done: int) -> None:
        if self.progress and done != self.done:
            self.progress(done, self.total)
        self.done = done


def _collect(study: Study, layers: list[str], parts: list[dict[str, Any]]) -> Stir:
    """Put parts, in the order seed by seed and layer by layer, into one table."""
    seeds, j, i = study.settings.seeds, len(layers), len(study.read)

    def table(name: str, *shape: int) -> np.ndarray:
        values = np.array([_numbers(part[name]) for part in parts], dtype=np.float64)
        return values.reshape(seeds, j, *shape)

    reasons = {
        (o, k % j, r): value
        for k, part in enumerate(parts)
        for o, row in enumerate(part["scores"])
        for r, value in enumerate(row)
        if isinstance(value, str)
    }
    observers = [name for name, _ in study.known]
    return Stir(
        reference=study.reference.name,
        observers=observers,
        layers=layers,
        read=study.read,
        scores=table("scores", len(observers), i).transpose(2, 0, 1, 3),
        floors=table("floors", len(observers), i).transpose(2, 0, 1, 3),
        self_scores=table("self_score"),
        residual=table("residual"),
        start_residual=table("start_residual"),
        apart=table("apart")[0],
        n=len(study.pixels),
        settings=study.settings,
        reasons=reasons,
    )


def _numbers(value: Any) -> Any:
    """Return scores with NaN in place of reasons."""
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return np.nan if isinstance(value, str) else value
