"""Post-hoc concept-bottleneck models as scikit-learn estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, validate_data

from pcbm.heads import SparseLinearHead, SparseLinearRegressor, class_weighted, probabilities
from pcbm.heads.inputs import refuse_complex
from pcbm.model.base import ConceptModel
from pcbm.model.logits import decided

if TYPE_CHECKING:
    from pcbm.concepts import ConceptBank


def _checked_weight(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    """Return weights (n,), not negative, or None."""
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)


class PostHocCBM(ConceptModel, ClassifierMixin, BaseEstimator):
    """Classify through named concepts: project, fit a sparse linear head, explain, edit.

    Yuksekgonul, Wang, Zou, "Post-hoc Concept Bottleneck Models", ICLR 2023. The head minimises
    ``mean loss + lam [l1_ratio ||W||_1 + (1 - l1_ratio)/2 ||W||_2^2]`` on concept scores that
    are standardised to mean 0 and variance 1 (1/n); see `pcbm.heads.elastic_net_path`.

    Parameters
    ----------
    bank : ConceptBank, optional
        Named directions. Without one, every input column is a concept.
    projection : {"margin", "cosine", "centred", "least_squares"}, default="margin"
        How activations become concept scores, see `pcbm.projection`.
    concepts_per_class : float, optional
        The number of effective concepts (NEC), met by ``nec_rule``.
    lam : float, optional
        Choose this penalty strength. With neither, ``selection`` chooses on the path.
    selection : {"bic", "ebic", "cv", "cv_1se"}, default="bic"
        The least BIC or EBIC, the best loss in five-fold cross-validation, or the largest
        strength within one standard error of it.
    nec_rule : {"path", "exact", "truncate", "refit"}, default="path"
        The path point with the largest NEC not above ``concepts_per_class``; the same between
        the points of the path; the largest coefficients of a denser point; the support of the
        path point, fitted without 1-norm. See `pcbm.heads.SparseLinearHead`.
    l1_ratio : float, default=0.99
        Share of the L1 part, in [0, 1].
    residual : {"none", "linear", "orthogonal", "erase", "mlp"}, default="none"
        A model on the raw activations, fitted on top of the frozen head (PCBM-h); see
        `pcbm.residual.fit_residual`.
    grouped : bool, default=False
        Penalise a concept's coefficients of all classes together (softmax only).
    n_lams : int, default=50
    lam_min_ratio : float, default=1e-3
        The path: ``lam_max * exp(linspace(0, log(lam_min_ratio), n_lams))``.
    tol : float, default=1e-3
        Largest KKT violation divided by lam at which a path point is done.
    nonnegative : bool, default=False
        Keep every coefficient at or above zero: a concept can only argue for its class.
    solver : {"newton", "glmnet", "saga", "minibatch", "sgd"}, default="newton"
        What finds the path, see `pcbm.heads.SparseLinearHead`.
    class_weight : dict or "balanced", optional
    random_state : int, default=0
        Seed of the folds, and of the residual: its validation split and the training of ``mlp``.

    Attributes
    ----------
    coef_ : ndarray, shape (C, K), or (1, K) for two classes
        On standardised scores. One row: positive argues for ``classes_[1]``.
    intercept_ : ndarray, shape (C,) or (1,)
    classes_ : ndarray, shape (C,)
        In the order of ``numpy.unique``.
    concept_names_ : list of str, length K
    lam_, nec_ : float
    path_ : pcbm.heads.Path
    mean_, scale_ : ndarray, shape (K,)
        What the scores are standardised with.
    projection_, head_, residual_
        The fitted parts; ``residual_`` is None when there is none.

    Examples
    --------
    >>> import numpy as np
    >>> from pcbm import PostHocCBM
    >>> from pcbm.concepts import ConceptBank
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = np.where(X[:, 0] > 0, "tiger", "horse")
    >>> bank = ConceptBank(["stripes", "metal"], [[1.0, 0, 0], [0, 1.0, 0]])
    >>> model = PostHocCBM(bank, concepts_per_class=1).fit(X, y)
    >>> [name for name, w in zip(model.concept_names_, model.coef_[0], strict=True) if w > 0]
    ['stripes']
    """

    def __init__(
        self,
        bank: ConceptBank | None = None,
        *,
        projection: str = "margin",
        concepts_per_class: float | None = None,
        lam: float | None = None,
        selection: str = "bic",
        nec_rule: str = "path",
        l1_ratio: float = 0.99,
        residual: str = "none",
        grouped: bool = False,
        n_lams: int = 50,
        lam_min_ratio: float = 1e-3,
        tol: float = 1e-3,
        nonnegative: bool = False,
        solver: str = "newton",
        class_weight: Any = None,
        random_state: int = 0,
    ) -> None:
        self.bank = bank
        self.projection = projection
        self.concepts_per_class = concepts_per_class
        self.lam = lam
        self.selection = selection
        self.nec_rule = nec_rule
        self.l1_ratio = l1_ratio
        self.residual = residual
        self.grouped = grouped
        self.n_lams = n_lams
        self.lam_min_ratio = lam_min_ratio
        self.tol = tol
        self.nonnegative = nonnegative
        self.solver = solver
        self.class_weight = class_weight
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Fit projection, head and residual.

        Parameters
        ----------
        X : array-like, shape (n, d)
            Activations, as the backbone gave them.
        y : array-like, shape (n,), or (n, C) of 0/1 for multilabel
        sample_weight : array-like, shape (n,), optional
        groups : array-like, shape (n,), optional
            Rows with equal entries share a fold of a cross-validation.

        Returns
        -------
        PostHocCBM
            This estimator, fitted.
        """
        self._begin_fit()
        refuse_complex(X)
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], multi_output=True)
        weight = _checked_weight(sample_weight, X)
        weight = class_weighted(self.class_weight, y, weight)
        scores = self._fit_projection(X, weight)
        self.head_ = SparseLinearHead(
            lam=self.lam,
            selection=self.selection,
            nec_rule=self.nec_rule,
            concepts_per_class=self.concepts_per_class,
            l1_ratio=self.l1_ratio,
            grouped=self.grouped,
            n_lams=self.n_lams,
            lam_min_ratio=self.lam_min_ratio,
            tol=self.tol,
            nonnegative=self.nonnegative,
            solver=self.solver,
            random_state=self.random_state,
        ).fit(scores, y, sample_weight=weight, groups=groups)
        self.classes_ = self.head_.classes_
        self._fit_residual(X, y, scores, weight)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Return logits, shape (n, C), or (n,) for two classes (positive = ``classes_[1]``)."""
        logits = self._logits(X)
        return logits[:, 0] if self.head_.family_ == "binomial" else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return probabilities, shape (n, C), columns in the order of ``classes_``."""
        return probabilities(self._logits(X), self.head_.family_)

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted classes, shape (n,), or (n, C) of 0/1 for multilabel."""
        return self.decide(self._logits(X))

    def decide(self, logits: np.ndarray) -> np.ndarray:
        """Return the predictions that logits (n, C), or (n, 1) for two classes, stand for."""
        found = decided(logits, self.head_.family_)
        return found if self.head_.family_ == "multilabel" else self.classes_[found]


class PostHocCBMRegressor(ConceptModel, RegressorMixin, BaseEstimator):
    """Predict a number through named concepts; the regressing twin of `PostHocCBM`.

    The loss is half the mean squared error. Parameters and attributes are those of
    `PostHocCBM`, without what belongs to classes.

    Parameters
    ----------
    bank : ConceptBank, optional
    projection : {"margin", "cosine", "centred", "least_squares"}, default="margin"
    concepts_per_class : float, optional
    lam : float, optional
    selection : {"bic", "ebic", "cv", "cv_1se"}, default="bic"
    nec_rule : {"path", "exact", "truncate", "refit"}, default="path"
    l1_ratio : float, default=0.99
    residual : {"none", "linear", "orthogonal", "erase", "mlp"}, default="none"
    n_lams : int, default=50
    lam_min_ratio : float, default=1e-3
    tol : float, default=1e-3
    nonnegative : bool, default=False
    solver : {"newton", "glmnet", "saga", "minibatch"}, default="newton"
    random_state : int, default=0

    Attributes
    ----------
    coef_ : ndarray, shape (1, K), or (C, K) for C targets
        On standardised scores, in the unit of ``y``.
    intercept_ : ndarray, shape (1,) or (C,)
    concept_names_, lam_, nec_, path_, mean_, scale_, projection_, head_, residual_
        As in `PostHocCBM`.
    """

    def __init__(
        self,
        bank: ConceptBank | None = None,
        *,
        projection: str = "margin",
        concepts_per_class: float | None = None,
        lam: float | None = None,
        selection: str = "bic",
        nec_rule: str = "path",
        l1_ratio: float = 0.99,
        residual: str = "none",
        n_lams: int = 50,
        lam_min_ratio: float = 1e-3,
        tol: float = 1e-3,
        nonnegative: bool = False,
        solver: str = "newton",
        random_state: int = 0,
    ) -> None:
        self.bank = bank
        self.projection = projection
        self.concepts_per_class = concepts_per_class
        self.lam = lam
        self.selection = selection
        self.nec_rule = nec_rule
        self.l1_ratio = l1_ratio
        self.residual = residual
        self.n_lams = n_lams
        self.lam_min_ratio = lam_min_ratio
        self.tol = tol
        self.nonnegative = nonnegative
        self.solver = solver
        self.random_state = random_state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Fit projection, head and residual; ``y`` has shape (n,) or (n, C)."""
        self._begin_fit()
        refuse_complex(X)
        X, y = validate_data(
            self, X, y, dtype=[np.float64, np.float32], multi_output=True, y_numeric=True
        )
        weight = _checked_weight(sample_weight, X)
        scores = self._fit_projection(X, weight)
        self.head_ = SparseLinearRegressor(
            lam=self.lam,
            selection=self.selection,
            nec_rule=self.nec_rule,
            concepts_per_class=self.concepts_per_class,
            l1_ratio=self.l1_ratio,
            n_lams=self.n_lams,
            lam_min_ratio=self.lam_min_ratio,
            tol=self.tol,
            nonnegative=self.nonnegative,
            solver=self.solver,
            random_state=self.random_state,
        ).fit(scores, y, sample_weight=weight, groups=groups)
        self._single_target = np.ndim(y) == 1
        self._fit_residual(X, y, scores, weight)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted numbers, shape (n,) or (n, C)."""
        return self.decide(self._logits(X))

    def decide(self, logits: np.ndarray) -> np.ndarray:
        """Return the predictions that linear predictors (n, C) stand for."""
        return logits[:, 0] if self._single_target else logits
