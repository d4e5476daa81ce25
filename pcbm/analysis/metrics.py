"""All comparisons by name, and several of them at once on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pcbm.analysis import cca
from pcbm.analysis.cka import linear_cka
from pcbm.analysis.dissimilarities import rsa
from pcbm.analysis.gaussians import frechet
from pcbm.analysis.knn import knn_overlap
from pcbm.analysis.minibatch import BATCH_SIZE, minibatch_cka
from pcbm.analysis.projection_weights import pwcca
from pcbm.analysis.rbf import rbf_cka
from pcbm.analysis.result import Comparison
from pcbm.analysis.ridge import ridge_r2
from pcbm.analysis.rotations import procrustes
from pcbm.analysis.singular_vectors import Share, svcca
from pcbm.errors import InputError, near


@dataclass(frozen=True)
class Settings:
    """What the comparisons may be told, with their defaults.

    Attributes
    ----------
    ridge : float
        Of the CCA family, in units of the mean variance.
    threshold, share
        Of SVCCA.
    fraction : float
        Of RBF CKA: sigma over the median distance.
    neighbours : int
    batch_size : int
        Of minibatch CKA.
    y : ndarray, shape (n,), or None
        Labels, for the batches of minibatch CKA.
    seed : int
    """

    ridge: float = 0.0
    threshold: float = 0.99
    share: Share = "squared"
    fraction: float = 1.0
    neighbours: int = 10
    batch_size: int = BATCH_SIZE
    y: np.ndarray | None = None
    seed: int = 0

    def on(self, rows: np.ndarray) -> Settings:
        """Return the settings for some of the rows."""
        return self if self.y is None else replace(self, y=self.y[rows])


Measure = Callable[[np.ndarray, np.ndarray, Settings], Comparison]

METRICS: Mapping[str, Measure] = {
    "cka": lambda X, Y, s: linear_cka(X, Y),
    "cka_debiased": lambda X, Y, s: linear_cka(X, Y, debiased=True),
    "cka_minibatch": lambda X, Y, s: minibatch_cka(X, Y, s.batch_size, s.y, seed=s.seed),
    "cka_rbf": lambda X, Y, s: rbf_cka(X, Y, s.fraction),
    "cca": lambda X, Y, s: cca.mean_cca(X, Y, s.ridge),
    "cca_max": lambda X, Y, s: cca.max_cca(X, Y, s.ridge),
    "cca2": lambda X, Y, s: cca.mean_squared_cca(X, Y, s.ridge),
    "svcca": lambda X, Y, s: svcca(X, Y, s.threshold, s.share),
    "pwcca": lambda X, Y, s: pwcca(X, Y),
    "procrustes": lambda X, Y, s: procrustes(X, Y),
    "rsa": lambda X, Y, s: rsa(X, Y),
    "knn": lambda X, Y, s: knn_overlap(X, Y, s.neighbours),
    "ridge_r2": lambda X, Y, s: ridge_r2(X, Y, s.seed),
    "frechet": lambda X, Y, s: frechet(X, Y),
}
# These look at pairs of rows: their time and memory grow with the square of n.
OF_PAIRS = ("cka_rbf", "rsa", "knn")
CCA_FAMILY = (cca.MEAN, cca.LARGEST, cca.MEAN_SQUARED)


def check_metrics(names: Sequence[str]) -> list[str]:
    """Return the names without repetition; an unknown one raises InputError with near matches."""
    for name in names:
        if name not in METRICS:
            raise InputError(f"there is no metric {name!r}: {near(name, METRICS)}")
    return list(dict.fromkeys(names))


def measure(
    X: np.ndarray, Y: np.ndarray, names: Sequence[str], settings: Settings | None = None
) -> dict[str, Comparison]:
    """Return several comparisons of two sides, by name.

    Parameters
    ----------
    X, Y : ndarray, shapes (n, p) and (n, q)
        The same rows in the same order.
    names : sequence of str
        Keys of `METRICS`.
    settings : Settings, optional
    """
    settings = settings or Settings()
    family = [name for name in check_metrics(names) if name in CCA_FAMILY]
    shared = cca.canonical(X, Y, settings.ridge) if len(family) > 1 else None
    return {
        name: (
            cca.summary(name, shared, settings.ridge)
            if shared is not None and name in family
            else METRICS[name](X, Y, settings)
        )
        for name in check_metrics(names)
    }
