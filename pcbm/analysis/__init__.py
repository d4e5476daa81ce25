"""Comparing representations, and what transfer changed: beside the flow from data to report.

Every comparison takes two tables of activations with aligned rows and returns a `Comparison`: its
value or the reason why there is none, whether it is a similarity or a distance, its direction and
the maps that leave it as it is.
"""

from pcbm.analysis.cka import linear_cka
from pcbm.analysis.result import Comparison

__all__ = ["Comparison", "linear_cka"]
