"""The sparse linear head as a scikit-learn regressor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from pcbm.heads.solutions import Path
from pcbm.heads.standardise import standardise
from pcbm.heads.validation import check_settings, choose_point, fit_path

Array = NDArray[np.float64]


class SparseLinearRegressor(RegressorMixin, BaseEstimator):
    """Sparse linear regression on standardised columns, fitted along a whole path.

    Minimises half the squared error (summed over outputs) plus an elastic net; targets are used
    as given, so ``lam`` has their unit.

    Parameters
    ----------
    lam, concepts_per_class, l1_ratio, n_lams, lam_min_ratio, tol
        As for `SparseLinearHead`.

    Attributes
    ----------
    coef_ : (C, K) array, or (1, K) for one output
        Coefficients of the STANDARDISED columns.
    intercept_ : (C,) array
    mean_, scale_ : (K,) arrays
    lam_, nec_ : float
    path_ : Path
    family_ : "gaussian"
    n_features_in_, feature_names_in_

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
    >>> regressor = SparseLinearRegressor(lam=1e-3).fit(X, [0.0, 2.0, 4.0, 6.0])
    >>> round(float(regressor.predict([[2.0, 0.0]])[0]), 1)
    4.0
    """

    coef_: Array
    intercept_: Array
    mean_: Array
    scale_: Array
    path_: Path

    def __init__(
        self,
        lam: float | None = None,
        concepts_per_class: float | None = None,
        l1_ratio: float = 0.99,
        n_lams: int = 50,
        lam_min_ratio: float = 1e-3,
        tol: float = 1e-3,
    ) -> None:
        self.lam = lam
        self.concepts_per_class = concepts_per_class
        self.l1_ratio = l1_ratio
        self.n_lams = n_lams
        self.lam_min_ratio = lam_min_ratio
        self.tol = tol

    def __sklearn_tags__(self) -> Tags:
        """Return the tags; several outputs are fitted too."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> SparseLinearRegressor:
        """Fit the path and choose a point.

        Parameters
        ----------
        X : (n, K) array
        y : (n,) or (n, C) array
        sample_weight : (n,) array, optional
            Counts of the rows: 2 equals the row given twice, 0 equals its absence.
        """
        check_settings(self)
        checked, values = validate_data(
            self, X, y, multi_output=True, y_numeric=True, dtype=np.float64
        )
        scores = np.asarray(checked)
        weights = None
        if sample_weight is not None:
            weights = _check_sample_weight(
                sample_weight, scores, dtype=np.float64, ensure_non_negative=True
            )
        self.family_ = "gaussian"
        target = np.asarray(values, float)
        self._single = target.ndim == 1
        self.mean_, self.scale_ = standardise(scores, weights)
        Z = (scores - self.mean_) / self.scale_
        self.path_ = fit_path(self, Z, target, self.family_, weights)
        index = choose_point(self, self.path_, Z, target, weights)
        self.coef_ = self.path_.coef(index)
        self.intercept_ = self.path_.intercepts[index].copy()
        self.lam_ = float(self.path_.lams[index])
        self.nec_ = float(self.path_.nec[index])
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return predictions (n,), or (n, C) when the targets had columns."""
        check_is_fitted(self)
        scores = np.asarray(validate_data(self, X, reset=False, dtype=np.float64))
        eta = ((scores - self.mean_) / self.scale_) @ self.coef_.T + self.intercept_
        return eta[:, 0] if self._single else eta
