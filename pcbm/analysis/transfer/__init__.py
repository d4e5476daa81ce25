"""What transfer changed between two networks.

PyTorch is imported on the first use of a study, not with this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from pcbm.analysis.transfer.inversion import Inversion, InversionSettings, invert
    from pcbm.analysis.transfer.ledger import Ledger
    from pcbm.analysis.transfer.stir import Stir, measure_stir
    from pcbm.analysis.transfer.stir_study import StirSettings

__all__ = [
    "CheckpointFolder",
    "Forgotten",
    "Inversion",
    "InversionSettings",
    "Ledger",
    "Link",
    "Stir",
    "StirSettings",
    "divergence",
    "forgotten",
    "invert",
    "learning",
    "learnt",
    "link",
    "measure_stir",
    "sides",
]

_WHERE = {
    "CheckpointFolder": "checkpoints",
    "Forgotten": "changes",
    "Inversion": "inversion",
    "InversionSettings": "inversion",
    "divergence": "changes",
    "forgotten": "changes",
    "invert": "inversion",
    "Ledger": "ledger",
    "learning": "changes",
    "learnt": "changes",
    "Link": "block_link",
    "link": "block_link",
    "sides": "changes",
    "Stir": "stir",
    "measure_stir": "stir",
    "StirSettings": "stir_study",
}


def __getattr__(name: str) -> Any:
    """Import a study when it is first asked for (PEP 562)."""
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
