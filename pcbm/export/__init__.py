"""Fitted models in the formats that serving systems read, checked before they are written."""

from pcbm.export.check import TOLERANCE, drawn_activations
from pcbm.export.onnx import export_onnx, onnx_bytes
from pcbm.export.parts import Parts, parts_of
from pcbm.export.torch_export import export_torch
from pcbm.export.torch_module import ConceptModule

__all__ = [
    "TOLERANCE",
    "ConceptModule",
    "Parts",
    "drawn_activations",
    "export_onnx",
    "export_torch",
    "onnx_bytes",
    "parts_of",
]
