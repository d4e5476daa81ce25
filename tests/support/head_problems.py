"""Small problems for the tests of the heads, and how their solutions are compared."""

import numpy as np
from elastic_net import FAMILIES, Objective
from hypothesis import Phase, settings
from hypothesis import strategies as st

from pcbm.heads import (
    elastic_net_path,
)

few = settings(
    derandomize=True, max_examples=4, deadline=None, database=None, phases=[Phase.generate]
)
families = st.sampled_from(FAMILIES)
seeds = st.integers(0, 10**6)
CLOSE = {"atol": 1e-5, "rtol": 1e-5}


def draw(family, seed, n=40, K=6, rows=3):
    """Return Z and y; every class has rows."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, K))
    rows = 1 if family == "binomial" else rows
    signal = 2 * Z[:, :2] @ rng.normal(size=(2, rows)) + rng.normal(size=(n, rows))
    signal[:rows] = 9 * np.eye(rows)
    if family in ("multinomial", "grouped"):
        return Z, signal.argmax(axis=1)
    if family == "binomial":
        return Z, (signal[:, 0] > np.median(signal)).astype(int)
    return Z, (signal > 0.1).astype(int) if family == "multilabel" else signal


def fit(Z, y, family, lam=0.03, **options):
    path = elastic_net_path(Z, y, family=family, lams=[lam], tol=1e-8, **options)
    return path.coefs[0], path.intercepts[0]


def assert_same(one, other, family):
    """Compare (coef, intercept) pairs; softmax intercepts are defined up to a common shift."""
    np.testing.assert_allclose(one[0], other[0], **CLOSE)
    levels = [np.asarray(pair[1]) for pair in (one, other)]
    if family in ("multinomial", "grouped"):
        levels = [level - level.mean() for level in levels]
    np.testing.assert_allclose(*levels, **CLOSE)


def assert_optimal(Z, y, path, tol, **options):
    for i, lam in enumerate(path.lams):
        ours = Objective.of(Z, y, lam, family=path.family, **options)
        assert ours.violation(path.coefs[i], path.intercepts[i]) <= tol * (1 + 1e-6) + 1e-11
