"""What fine-tuning changed: invariances forgotten, learnt, and moved between layers.

All matrices have the inverted layer j as their row and the read layer i as their column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from pcbm.analysis.networks import Network
from pcbm.analysis.reading import LayerReader
from pcbm.analysis.transfer.checkpoints import Networks
from pcbm.analysis.transfer.ledger import Ledger
from pcbm.analysis.transfer.similarity import similarity
from pcbm.analysis.transfer.stir import Stir, measure_stir
from pcbm.analysis.transfer.stir_study import StirSettings

Stages = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Forgotten:
    """What each of several checkpoints lost of the invariances of the pretrained network.

    Attributes
    ----------
    layers : list of str
        L layers, of the pretrained network and of every checkpoint.
    checkpoints : list of str
        T names.
    stir : Stir
        Of the inverted pretrained network; observers are itself, then the checkpoints.
    """

    layers: list[str]
    checkpoints: list[str]
    stir: Stir

    def forgetting(self) -> np.ndarray:
        """Return forgetting for each seed, (T, seeds, L, L).

        ``forgetting(ft[i] | pt[j]) = STIR(pt[i] | pt[j]) - STIR(ft[i] | pt[j])``, both from the
        same ``X'``: positive where fine-tuning lost what the layers shared.
        """
        scores = self.stir.by_seed()
        return scores[0] - scores[1:]

    def flow(self) -> np.ndarray:
        """Return the flow of invariances for each seed, (T, seeds, L, L).

        ``M[i, j] = STIR(ft[j] | pt[i]) - STIR(ft[i] | pt[i])``: row i is the inverted pretrained
        layer, column j the fine-tuned one, the diagonal is 0. Positive at the lower left (j < i)
        means that an earlier layer took over what layer i knew (compression), at the upper right
        that a later one did (expansion).
        """
        scores = self.stir.by_seed()[1:]
        own = np.diagonal(scores, axis1=2, axis2=3)
        return scores - own[..., None]


def forgotten(
    pretrained: Network,
    checkpoints: Sequence[Network],
    pixels: Tensor,
    *,
    layers: Sequence[str],
    settings: StirSettings | None = None,
    ledger: Ledger | None = None,
    stages: Stages | None = None,
) -> Forgotten:
    """Measure forgetting and flow: every layer of the pretrained network is inverted once.

    Parameters
    ----------
    pretrained : Network
    checkpoints : sequence of Network
        In the order of training.
    pixels : Tensor (n, ...)
        From 0 to 1.
    layers : sequence of str
        Fixed in advance; the same names in all networks, in the order of the network.
    settings, ledger
        See `measure_stir`.
    stages : callable, optional
        Called with what is being done, the steps done, and the steps in all.

    Raises
    ------
    InputError
        See `measure_stir`.

    References
    ----------
    Merlin, Nanda, Rawal, Toneva, "What happens during finetuning of vision transformers: an
    invariance based investigation", CoLLAs 2023, arXiv 2307.06006.
    """
    observers = Networks([pretrained], checkpoints)
    found = measure_stir(
        pretrained,
        observers,
        pixels,
        layers=layers,
        settings=settings,
        ledger=ledger,
        progress=_stage(stages, f"inverting {pretrained.name}"),
    )
    return Forgotten(list(layers), found.observers[1:], found)


def learnt(
    pretrained: Network,
    checkpoints: Sequence[Network],
    pixels: Tensor,
    *,
    layers: Sequence[str],
    settings: StirSettings | None = None,
    ledger: Ledger | None = None,
    stages: Stages | None = None,
) -> list[Stir]:
    """Invert every layer of every checkpoint; see `learning` and, for the arguments, `forgotten`.

    Returns
    -------
    list of Stir
        One a checkpoint; observers are the checkpoint itself, then the pretrained network.
    """
    found = []
    for number, checkpoint in enumerate(checkpoints, 1):
        title = f"inverting {checkpoint.name} ({number}/{len(checkpoints)})"
        found.append(
            measure_stir(
                checkpoint,
                [checkpoint, pretrained],
                pixels,
                layers=layers,
                settings=settings,
                ledger=ledger,
                progress=_stage(stages, title),
            )
        )
    return found


def learning(found: Sequence[Stir]) -> np.ndarray:
    """Return learning for each seed, (T, seeds, L, L), from what `learnt` measured.

    ``learning(ft[i] | pt[j]) = STIR(ft[i] | ft[j]) - STIR(pt[i] | ft[j])``: positive where the
    fine-tuned layers share what the pretrained layer does not.
    """
    return np.stack([scores[0] - scores[1] for scores in (stir.by_seed() for stir in found)])


def divergence(
    pretrained: Network,
    checkpoints: Sequence[Network],
    pixels: Tensor,
    *,
    layers: Sequence[str],
    settings: StirSettings | None = None,
) -> np.ndarray:
    """Return CKA divergence (T, L, L): ``CKA(pt[i], pt[j]) - CKA(ft[i], pt[j])``.

    Positive where fine-tuning made layer i less like the pretrained layer j. NaN where CKA is not
    defined. It needs no inversion: see `forgotten` for the arguments.
    """
    settings = settings or StirSettings()

    def rows(network: Network) -> dict[str, np.ndarray]:
        reader = LayerReader(network, layers, example=pixels, pool=settings.pool)
        return reader.rows(pixels, batch_size=settings.batch_size)

    def compared(other: dict[str, np.ndarray]) -> np.ndarray:
        values = [
            [similarity(settings.similarity, other[i], own[j]).value for i in layers]
            for j in layers
        ]
        return np.array(values, dtype=np.float64)  # None becomes NaN

    own = rows(pretrained)
    before = compared(own)
    return np.stack([before - compared(rows(checkpoint)) for checkpoint in checkpoints])


def sides(matrix: np.ndarray) -> tuple[float | None, float | None]:
    """Return the means of a flow matrix (L, L) below and above its diagonal.

    Compression is the first, expansion the second; None with a single layer. NaN entries, which
    were not measured, make a mean NaN.
    """
    if len(matrix) < 2:
        return None, None
    lower, upper = np.tril_indices(len(matrix), -1), np.triu_indices(len(matrix), 1)
    return float(matrix[lower].mean()), float(matrix[upper].mean())


def _stage(stages: Stages | None, title: str) -> Callable[[int, int], None] | None:
    return None if stages is None else lambda done, total: stages(title, done, total)
