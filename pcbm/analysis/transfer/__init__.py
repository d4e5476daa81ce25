"""What transfer changed between two networks.

PyTorch is imported on the first use of a study, not with this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pcbm.analysis.transfer.agreement import Agreement, measure_agreement
    from pcbm.analysis.transfer.barrier import Barrier, measure_barrier
    from pcbm.analysis.transfer.basin import Basin, measure_basin
    from pcbm.analysis.transfer.block_link import Link, link
    from pcbm.analysis.transfer.changes import (
        Forgotten,
        divergence,
        forgotten,
        learning,
        learnt,
        sides,
    )
    from pcbm.analysis.transfer.checkpoints import CheckpointFolder
    from pcbm.analysis.transfer.criticality import Criticality, module_criticality
    from pcbm.analysis.transfer.distance import Distance, parameter_distance
    from pcbm.analysis.transfer.inversion import Inversion, InversionSettings, invert
    from pcbm.analysis.transfer.labelled import Labelled
    from pcbm.analysis.transfer.landscape import Landscape, Score
    from pcbm.analysis.transfer.ledger import Ledger
    from pcbm.analysis.transfer.shuffle import Shuffle, shuffled_dataset
    from pcbm.analysis.transfer.shuffle_study import ShuffleStudy, shuffled_accuracy
    from pcbm.analysis.transfer.stir import Stir, measure_stir
    from pcbm.analysis.transfer.stir_study import StirSettings
    from pcbm.analysis.transfer.stitch import Side, Stitched, StitchSettings, measure_stitch
    from pcbm.analysis.transfer.training import Budget, Frozen, train_network
    from pcbm.analysis.transfer.transferability import (
        Transferability,
        TransferabilitySettings,
        measure_transferability,
    )
    from pcbm.analysis.transfer.weights import Weights, read_weights

__all__ = [
    "Agreement",
    "Barrier",
    "Basin",
    "Budget",
    "CheckpointFolder",
    "Criticality",
    "Distance",
    "Forgotten",
    "Frozen",
    "Inversion",
    "InversionSettings",
    "Labelled",
    "Landscape",
    "Ledger",
    "Link",
    "Score",
    "Shuffle",
    "ShuffleStudy",
    "Side",
    "Stir",
    "StirSettings",
    "StitchSettings",
    "Stitched",
    "Transferability",
    "TransferabilitySettings",
    "Weights",
    "divergence",
    "forgotten",
    "invert",
    "learning",
    "learnt",
    "link",
    "measure_agreement",
    "measure_barrier",
    "measure_basin",
    "measure_stir",
    "measure_stitch",
    "measure_transferability",
    "module_criticality",
    "parameter_distance",
    "read_weights",
    "shuffled_accuracy",
    "shuffled_dataset",
    "sides",
    "train_network",
]

_WHERE = {
    "Agreement": "agreement",
    "measure_agreement": "agreement",
    "Barrier": "barrier",
    "measure_barrier": "barrier",
    "Basin": "basin",
    "measure_basin": "basin",
    "Link": "block_link",
    "link": "block_link",
    "Forgotten": "changes",
    "divergence": "changes",
    "forgotten": "changes",
    "learning": "changes",
    "learnt": "changes",
    "sides": "changes",
    "CheckpointFolder": "checkpoints",
    "Criticality": "criticality",
    "module_criticality": "criticality",
    "Distance": "distance",
    "parameter_distance": "distance",
    "Inversion": "inversion",
    "InversionSettings": "inversion",
    "invert": "inversion",
    "Labelled": "labelled",
    "Landscape": "landscape",
    "Score": "landscape",
    "Ledger": "ledger",
    "Shuffle": "shuffle",
    "shuffled_dataset": "shuffle",
    "ShuffleStudy": "shuffle_study",
    "shuffled_accuracy": "shuffle_study",
    "Stir": "stir",
    "measure_stir": "stir",
    "StirSettings": "stir_study",
    "Side": "stitch",
    "StitchSettings": "stitch",
    "Stitched": "stitch",
    "measure_stitch": "stitch",
    "Budget": "training",
    "Frozen": "training",
    "train_network": "training",
    "Transferability": "transferability",
    "TransferabilitySettings": "transferability",
    "measure_transferability": "transferability",
    "Weights": "weights",
    "read_weights": "weights",
}


def __getattr__(name: str) -> Any:
    """Import a study when it is first asked for (PEP 562)."""
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
