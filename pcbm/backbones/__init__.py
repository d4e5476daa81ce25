"""Backbones: any function from an image or a text to an activation vector.

One class serves every library; what differs between libraries is a `Tower` of plain functions.
PyTorch is imported on the first use of a backbone, not with this package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pcbm.backbones.record import check_same_backbone
from pcbm.backbones.spec import LIBRARIES, parse_spec

if TYPE_CHECKING:
    from pcbm.backbones.backbone import Backbone
    from pcbm.backbones.load import load_backbone, load_tower, reload_backbone

__all__ = [
    "LIBRARIES",
    "Backbone",
    "check_same_backbone",
    "load_backbone",
    "load_tower",
    "parse_spec",
    "reload_backbone",
]

_NEEDS_TORCH = {
    "Backbone": "pcbm.backbones.backbone",
    "load_backbone": "pcbm.backbones.load",
    "load_tower": "pcbm.backbones.load",
    "reload_backbone": "pcbm.backbones.load",
}


def __getattr__(name: str) -> Any:
    """Import the names that need PyTorch when they are first asked for (PEP 562)."""
    if name in _NEEDS_TORCH:
        return getattr(import_module(_NEEDS_TORCH[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
