"""Projections: how activations become concept scores."""

from pcbm.projection.projection import PROJECTIONS, RCOND, Projection, fit_projection

__all__ = ["PROJECTIONS", "RCOND", "Projection", "fit_projection"]
