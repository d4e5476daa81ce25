"""Residual models: what raw activations add on top of a frozen concept head (PCBM-h)."""

from pcbm.residual.fit import RESIDUALS, fit_residual, load_residual
from pcbm.residual.linear import LinearResidual

__all__ = ["RESIDUALS", "LinearResidual", "fit_residual", "load_residual"]
