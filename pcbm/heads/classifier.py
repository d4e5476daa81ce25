"""The sparse linear head as a scikit-learn classifier."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import validate_data

from pcbm.errors import InputError
from pcbm.heads.base import SparseLinear, checked_weights
from pcbm.heads.inputs import refuse_complex
from pcbm.heads.links import probabilities
from pcbm.heads.settings import check_settings, class_weighted

Array = NDArray[np.float64]


class SparseLinearHead(ClassifierMixin, SparseLinear):
    """Sparse linear classifier on standardised columns, fitted along a whole path.

    Labels decide the family: two classes give one coefficient row (positive = the second of
    ``classes_``), more give a symmetric softmax with one row each, an (n, C) matrix of 0 and 1
    gives C logistic rows.

    Parameters
    ----------
    lam : float, optional
        Strength of the penalty.
    concepts_per_class : float, optional
        Number of effective concepts (NEC), met by ``nec_rule``. Without ``lam`` and
        ``concepts_per_class`` the path point is taken that ``selection`` asks for.
    selection : {"bic", "ebic", "cv", "cv_1se"}
        The least BIC or EBIC (gamma .5), the best loss in five-fold cross-validation, or the
        largest strength within one standard error of it; see `ebic`, `cross_validated_lam`.
    nec_rule : {"path", "exact", "truncate", "refit"}
        The path point with the largest NEC not above ``concepts_per_class``; the same between
        the points of the path (`exact_nec`); the largest coefficients of a denser point
        (`truncated_nec`); the support of the path point, fitted without 1-norm (`refitted`).
    l1_ratio : float
        Share of the penalty that is the 1-norm.
    grouped : bool
        Select whole columns, with the norm ``||W_:j||_2`` in place of the 1-norm; more than two
        classes only.
    n_lams, lam_min_ratio : int, float
        The grid of the path; see `elastic_net_path`.
    tol : float
        Largest subgradient violation over ``lam``.
    nonnegative : bool
        Keep every coefficient at or above zero: a concept can only argue for its class. Not
        with ``grouped``.
    solver : {"newton", "glmnet", "saga", "minibatch", "sgd"}
        What finds the path, see `elastic_net_path`; cross-validation and refits use newton. sgd,
        the official code's settings, needs ``lam``, is fitted to the columns as they are, and
        ``coef_`` gives the same predictors of standardised ones.
    class_weight : dict or "balanced", optional
        Factors of the sample weights, as in scikit-learn; not for multilabel targets.
    random_state : int
        Seed of the folds, and of the solvers that draw rows.

    Attributes
    ----------
    coef_ : (C, K) array, or (1, K) for two classes
        Coefficients of the STANDARDISED columns.
    intercept_ : (C,) or (1,) array
    mean_, scale_ : (K,) arrays
        Weighted means and 1/n standard deviations of the training columns.
    classes_ : array
        Labels in the order of ``np.unique``; the label columns 0..C-1 for multilabel targets.
    lam_, nec_ : float
        Strength and number of effective concepts of the chosen point.
    path_ : Path
    selection_ : dict
        JSON values: ``how``, the rule that chose; ``note``, where an NEC was not met, and why;
        ``kkt``, the violation over lam of the chosen head, None for a cut one;
        ``cross_validation``, the record of `cross_validated_lam`.
    family_ : str
    n_features_in_, feature_names_in_

    Examples
    --------
    >>> import numpy as np
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]] * 5)
    >>> head = SparseLinearHead(concepts_per_class=1).fit(X, ["no", "no", "yes", "yes"] * 5)
    >>> head.predict([[3.0, 1.0]]).tolist(), (head.coef_ != 0).tolist()
    (['yes'], [[True, False]])
    """

    classes_: NDArray

    def __init__(
        self,
        lam: float | None = None,
        concepts_per_class: float | None = None,
        selection: str = "bic",
        nec_rule: str = "path",
        l1_ratio: float = 0.99,
        grouped: bool = False,
        n_lams: int = 50,
        lam_min_ratio: float = 1e-3,
        tol: float = 1e-3,
        nonnegative: bool = False,
        solver: str = "newton",
        class_weight: dict | str | None = None,
        random_state: int = 0,
    ) -> None:
        self.lam = lam
        self.concepts_per_class = concepts_per_class
        self.selection = selection
        self.nec_rule = nec_rule
        self.l1_ratio = l1_ratio
        self.grouped = grouped
        self.n_lams = n_lams
        self.lam_min_ratio = lam_min_ratio
        self.tol = tol
        self.nonnegative = nonnegative
        self.solver = solver
        self.class_weight = class_weight
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        """Return the tags; multilabel targets are fitted too."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> SparseLinearHead:
        """Fit the path and choose a point.

        Parameters
        ----------
        X : (n, K) array
        y : (n,) labels, or (n, C) array of 0 and 1
        sample_weight : (n,) array, optional
            Counts of the rows: 2 equals the row given twice, 0 equals its absence. BIC and EBIC
            take their sum for the number of rows, so weights of mean one are the plain choice.
            In cross-validation a row is held out with all its weight, while copies of it could
            come into several folds.
        groups : (n,) array, optional
            Rows with equal entries share a fold of a cross-validation.
        """
        check_settings(self)
        refuse_complex(X)
        checked, labels = validate_data(self, X, y, multi_output=True, dtype=np.float64)
        check_classification_targets(labels)
        scores = np.asarray(checked)
        family, target = self._family(np.asarray(labels))
        weights = class_weighted(self.class_weight, target, checked_weights(sample_weight, scores))
        self._fit_head(scores, target, family, weights, groups)
        found = self.path_.classes
        self.classes_ = np.arange(target.shape[1]) if found is None else found
        return self

    def _family(self, y: NDArray) -> tuple[str, NDArray]:
        kind = type_of_target(y)
        if kind == "multilabel-indicator":
            if self.grouped:
                raise InputError("grouped=True does not serve multilabel targets: leave it out")
            return "multilabel", np.asarray(y)
        if kind == "multiclass-multioutput":
            raise InputError(
                "y is a matrix of classes: give (n,) labels or an (n, C) matrix of 0 and 1"
            )
        target = np.asarray(y).reshape(len(y))
        classes = np.unique(target)
        if len(classes) < 2:
            raise InputError(
                f"y holds only 1 class ({str(classes[0])!r}): a classifier needs two or more"
            )
        if len(classes) == 2:
            if self.grouped:
                raise InputError("grouped=True needs more than two classes: leave it out")
            return "binomial", target
        if self.grouped and self.nonnegative:
            raise InputError("grouped and nonnegative are both given: leave one of them out")
        return ("grouped" if self.grouped else "multinomial"), target

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the linear predictors: (n, C), or (n,) for two classes."""
        eta = self._predictors(X)
        return eta[:, 0] if self.family_ == "binomial" else eta

    def predict_proba(self, X: ArrayLike) -> Array:
        """Return probabilities (n, C); (n, 2) for two classes; one per label for multilabel."""
        return probabilities(self.decision_function(X), self.family_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return labels (n,), or (n, C) of 0 and 1."""
        eta = self.decision_function(X)
        if self.family_ == "multilabel":
            return (eta > 0).astype(int)
        if self.family_ == "binomial":
            return self.classes_[(eta > 0).astype(int)]
        return self.classes_[eta.argmax(axis=1)]
