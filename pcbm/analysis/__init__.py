"""Comparing representations, and what transfer changed: beside the flow from data to report.

Every comparison takes two tables of activations with aligned rows and returns a `Comparison`: its
value or the reason why there is none, whether it is a similarity or a distance, its direction and
the maps that leave it as it is. `measure` runs several by name, `intervals` and `baselines` say how
sure their values are, `layer_maps` compares all layers of two models, and
`pcbm.analysis.streaming` holds states for data that comes in batches.
"""

from pcbm.analysis.align import aligned
from pcbm.analysis.cca import max_cca, mean_cca, mean_squared_cca
from pcbm.analysis.cka import linear_cka
from pcbm.analysis.dissimilarities import rsa
from pcbm.analysis.gaussians import frechet
from pcbm.analysis.identification import layer_identification
from pcbm.analysis.knn import knn_overlap
from pcbm.analysis.layer_maps import LayerMap, layer_maps
from pcbm.analysis.metrics import METRICS, Settings, measure
from pcbm.analysis.minibatch import minibatch_cka
from pcbm.analysis.projection_weights import pwcca
from pcbm.analysis.rbf import rbf_cka
from pcbm.analysis.resampling import Baseline, Interval, baselines, intervals
from pcbm.analysis.result import Comparison
from pcbm.analysis.ridge import ridge_r2
from pcbm.analysis.rotations import procrustes
from pcbm.analysis.singular_vectors import svcca

__all__ = [
    "METRICS",
    "Baseline",
    "Comparison",
    "Interval",
    "LayerMap",
    "Settings",
    "aligned",
    "baselines",
    "frechet",
    "intervals",
    "knn_overlap",
    "layer_identification",
    "layer_maps",
    "linear_cka",
    "max_cca",
    "mean_cca",
    "mean_squared_cca",
    "measure",
    "minibatch_cka",
    "procrustes",
    "pwcca",
    "rbf_cka",
    "ridge_r2",
    "rsa",
    "svcca",
]
