"""Fitted models in the formats that serving systems read, checked before they are written."""

from pcbm.export.check import TOLERANCE, drawn_activations
from pcbm.export.onnx import export_onnx, onnx_bytes
from pcbm.export.parts import Parts, parts_of

__all__ = [
    "TOLERANCE",
    "Parts",
    "drawn_activations",
    "export_onnx",
    "onnx_bytes",
    "parts_of",
]
