"""Small problems of every family, and paths whose points have asked NECs."""

from __future__ import annotations

import numpy as np

from pcbm.heads import Path, nec, sparse_rows

N, K = 150, 8


def problem(family, seed=0, n=N):
    """Return scores (n, K) and targets; three rows or labels, one for binomial."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(n, K))
    rows = 1 if family == "binomial" else 3
    signal = Z[:, :3] @ rng.normal(size=(3, rows)) + rng.normal(size=(n, rows))
    if family in ("multinomial", "grouped"):
        return Z, np.array(["x", "z", "y"])[signal.argmax(axis=1)]
    if family == "binomial":
        return Z, signal[:, 0] > 0.3
    return Z, (signal > 0).astype(int) if family == "multilabel" else signal


def a_path(necs, lams):
    """Return a path whose points have these NECs (two rows, no data behind it)."""
    coefs = np.zeros((len(necs), 2, 10))
    for i, count in enumerate(necs):
        coefs[i].ravel()[: round(2 * count)] = 1.0
    zeros = np.zeros(len(necs))
    return Path(
        lams=np.asarray(lams, float),
        sparse=sparse_rows(coefs),
        intercepts=np.zeros((len(necs), 2)),
        kkt=zeros,
        nec=np.array([nec(coef) for coef in coefs]),
        objective=zeros,
        gap=zeros,
        deviance=zeros,
        n_iter=zeros.astype(int),
        family="multinomial",
        classes=np.arange(2),
    )
