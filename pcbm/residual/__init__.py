"""Residual models: what raw activations add on top of a frozen concept head (PCBM-h)."""

from pcbm.residual.erasure import Erasure, erasure, span_erasure
from pcbm.residual.fit import RESIDUALS, Residual, fit_residual, load_residual
from pcbm.residual.linear import LinearResidual
from pcbm.residual.mlp import MlpResidual, MlpSettings
from pcbm.residual.reading import Reading

__all__ = [
    "RESIDUALS",
    "Erasure",
    "LinearResidual",
    "MlpResidual",
    "MlpSettings",
    "Reading",
    "Residual",
    "erasure",
    "fit_residual",
    "load_residual",
    "span_erasure",
]
