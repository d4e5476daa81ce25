"""Post-hoc concept-bottleneck models: readable, correctable classifiers on any trained backbone.

The names below are loaded on first use, so that ``import pcbm`` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pcbm._version import __version__

if TYPE_CHECKING:
    from pcbm.activations import ActivationSet, extract, read_data
    from pcbm.backbones import load_backbone
    from pcbm.concepts import ConceptBank
    from pcbm.editing import EditPlan
    from pcbm.heads import SparseLinearHead, SparseLinearRegressor
    from pcbm.model import PostHocCBM, PostHocCBMRegressor, intervene, load
    from pcbm.report import show

_WHERE = {
    "ActivationSet": "pcbm.activations",
    "ConceptBank": "pcbm.concepts",
    "EditPlan": "pcbm.editing",
    "PostHocCBM": "pcbm.model",
    "PostHocCBMRegressor": "pcbm.model",
    "SparseLinearHead": "pcbm.heads",
    "SparseLinearRegressor": "pcbm.heads",
    "extract": "pcbm.activations",
    "intervene": "pcbm.model",
    "load": "pcbm.model",
    "load_backbone": "pcbm.backbones",
    "read_data": "pcbm.activations",
    "show": "pcbm.report",
}
_PARTS = (
    "analysis",
    "activations",
    "backbones",
    "concepts",
    "editing",
    "explain",
    "export",
    "faithfulness",
    "heads",
    "model",
    "projection",
    "report",
    "residual",
    "shapes",
)

__all__ = [
    "ActivationSet",
    "ConceptBank",
    "EditPlan",
    "PostHocCBM",
    "PostHocCBMRegressor",
    "SparseLinearHead",
    "SparseLinearRegressor",
    "__version__",
    "extract",
    "intervene",
    "load",
    "load_backbone",
    "read_data",
    "show",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(_WHERE[name]), name)
    if name in _PARTS:
        return importlib.import_module(f"pcbm.{name}")
    raise AttributeError(f"module 'pcbm' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_PARTS})
