"""What transfer changed between two networks.

PyTorch is imported on the first use of a study, not with this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pcbm.analysis.transfer.inversion import Inversion, InversionSettings, invert
    from pcbm.analysis.transfer.ledger import Ledger
    from pcbm.analysis.transfer.stir import Stir, measure_stir
    from pcbm.analysis.transfer.stir_study import StirSettings

__all__ = [
    "Inversion",
    "InversionSettings",
    "Ledger",
    "Stir",
    "StirSettings",
    "invert",
    "measure_stir",
]

_WHERE = {
    "Inversion": "inversion",
    "InversionSettings": "inversion",
    "invert": "inversion",
    "Ledger": "ledger",
    "Stir": "stir",
    "measure_stir": "stir",
    "StirSettings": "stir_study",
}


def __getattr__(name: str) -> Any:
    """Import a study when it is first asked for (PEP 562)."""
    if name in _WHERE:
        return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
