"""Fitting a head whose net response to some directions is zero."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import orth, qr

from pcbm.editing.follow import RefitSettings
from pcbm.errors import InputError
from pcbm.heads import elastic_net_path

Array = NDArray[np.float64]


def silent_fit(
    Z: Array,
    y: NDArray,
    directions: Array,
    allowed: NDArray,
    *,
    family: str,
    settings: RefitSettings,
    sample_weight: Array | None = None,
) -> tuple[Array, Array, dict[str, Any]]:
    r"""Fit a sparse head under the linear constraint ``W U = 0``, row by row.

    Of the allowed concepts, as many as there are independent directions become counterweights:
    those that show the directions most (a pivoted QR of U). With B the rows of an orthonormal
    basis of U, p the counterweights and q the others, ``W_p = -W_q B_q B_p^-1`` is the same as
    ``W U = 0``, so the head's objective is minimised over W_q on the scores
    ``Z_q - Z_p (B_q B_p^-1)'``. W_q has the head's penalty and stays sparse; W_p follows it and
    has none. In softmax the constraint costs no class, because adding one row to all others
    changes no prediction.

    Parameters
    ----------
    Z : ndarray, shape (n, K)
        Standardised scores.
    y : ndarray
        As `pcbm.heads.elastic_net_path` wants it.
    directions : ndarray, shape (K, r)
        U, in standardised scores.
    allowed : ndarray of bool, shape (K,)
        Concepts that may be used.
    family : str
    settings : RefitSettings
    sample_weight : ndarray, shape (n,), optional

    Returns
    -------
    coef : ndarray, shape (C, K)
    intercept : ndarray, shape (C,)
    record : dict
        ``counterweights`` (their columns), ``lam`` and ``kkt``, the violation at the solution.

    Raises
    ------
    InputError
        The head is nonnegative, or there are no more concepts than directions.
    """
    if settings.nonnegative:
        raise InputError("guard silent needs coefficients of both signs, not a nonnegative head")
    columns = np.flatnonzero(allowed)
    basis = orth(directions[columns])
    rank = basis.shape[1]
    if rank >= len(columns):
        raise InputError(
            f"guard silent has {len(columns)} concepts left for {rank} directions: zero fewer"
        )
    order = qr(basis.T, mode="r", pivoting=True)[1] if rank else np.arange(len(columns))
    heavy, others = np.sort(order[:rank]), np.sort(order[rank:])
    follow = np.linalg.solve(basis[heavy].T, basis[others].T).T  # B_q B_p^-1
    free = Z[:, columns]
    path = elastic_net_path(
        free[:, others] - free[:, heavy] @ follow.T,
        y,
        family=family,
        l1_ratio=settings.l1_ratio,
        lams=np.array([settings.lam]),
        tol=settings.tol,
        sample_weight=sample_weight,
    )
    coef = np.zeros((len(path.intercepts[0]), Z.shape[1]))
    coef[:, columns[others]] = path.coef(0)
    coef[:, columns[heavy]] = -path.coef(0) @ follow
    record = {
        "counterweights": columns[heavy].tolist(),
        "lam": float(settings.lam),
        "kkt": float(path.kkt[0]),
    }
    return coef, np.array(path.intercepts[0]), record
