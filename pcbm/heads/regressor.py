"""The sparse linear head as a scikit-learn regressor."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import validate_data

from pcbm.heads.base import SparseLinear, checked_weights
from pcbm.heads.inputs import refuse_complex
from pcbm.heads.settings import check_settings

Array = NDArray[np.float64]


class SparseLinearRegressor(RegressorMixin, SparseLinear):
    """Sparse linear regression on standardised columns, fitted along a whole path.

    Minimises half the squared error (summed over outputs) plus an elastic net; targets are used
    as given, so ``lam`` has their unit.

    Parameters
    ----------
    lam, concepts_per_class, selection, nec_rule, l1_ratio, n_lams, lam_min_ratio, tol
    nonnegative, solver, random_state
        As for `SparseLinearHead`.

    Attributes
    ----------
    coef_ : (C, K) array, or (1, K) for one output
        Coefficients of the STANDARDISED columns.
    intercept_ : (C,) array
    mean_, scale_ : (K,) arrays
    lam_, nec_ : float
    path_ : Path
    selection_ : dict
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

    def __init__(
        self,
        lam: float | None = None,
        concepts_per_class: float | None = None,
        selection: str = "bic",
        nec_rule: str = "path",
        l1_ratio: float = 0.99,
        n_lams: int = 50,
        lam_min_ratio: float = 1e-3,
        tol: float = 1e-3,
        nonnegative: bool = False,
        solver: str = "newton",
        random_state: int = 0,
    ) -> None:
        self.lam = lam
        self.concepts_per_class = concepts_per_class
        self.selection = selection
        self.nec_rule = nec_rule
        self.l1_ratio = l1_ratio
        self.n_lams = n_lams
        self.lam_min_ratio = lam_min_ratio
        self.tol = tol
        self.nonnegative = nonnegative
        self.solver = solver
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Return the tags; several outputs are fitted too."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> SparseLinearRegressor:
        """Fit the path and choose a point.

        Parameters
        ----------
        X : (n, K) array
        y : (n,) or (n, C) array
        sample_weight : (n,) array, optional
            Counts of the rows: 2 equals the row given twice, 0 equals its absence.
        groups : (n,) array, optional
            Rows with equal entries share a fold of a cross-validation.
        """
        check_settings(self)
        refuse_complex(X)
        checked, values = validate_data(
            self, X, y, multi_output=True, y_numeric=True, dtype=np.float64
        )
        scores = np.asarray(checked)
        target = np.asarray(values, float)
        self._single = target.ndim == 1
        weights = checked_weights(sample_weight, scores)
        self._fit_head(scores, target, "gaussian", weights, groups)
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return predictions (n,), or (n, C) when the targets had columns."""
        eta = self._predictors(X)
        return eta[:, 0] if self._single else eta
