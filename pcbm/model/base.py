"""What the classifier and the regressor share: the way from activations to logits."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from pcbm.concepts import ConceptBank
from pcbm.errors import InputError, near
from pcbm.heads import nec
from pcbm.heads.shown import ShownFitted
from pcbm.model.contributions import Contributions, contributions
from pcbm.model.logits import UNLABELLED
from pcbm.model.shared import Shared
from pcbm.projection import PROJECTIONS, Projection, fit_projection
from pcbm.residual import RESIDUALS, Residual, fit_residual


class ConceptModel(Shared, ShownFitted, TransformerMixin):
    """Projection, head and residual of a fitted model, and what can be read from them.

    Not an estimator: `PostHocCBM` and `PostHocCBMRegressor` add ``__init__`` and ``fit``.
    The coefficients live in ``head_`` alone.
    """

    bank: ConceptBank | None
    projection: str
    residual: str

    def _validated(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=[np.float64, np.float32])

    def _begin_fit(self) -> None:
        """Check the settings, and forget what belonged to an earlier fit."""
        for name, known in (("projection", PROJECTIONS), ("residual", RESIDUALS)):
            given = getattr(self, name)
            if given not in known:
                raise InputError(f"{name}={given!r} is unknown: {near(str(given), known)}")
        if self.bank is not None and not isinstance(self.bank, ConceptBank):
            raise InputError(
                f"bank is a {type(self.bank).__name__}, expected a ConceptBank: make one with "
                "ConceptBank(names, vectors), or read a file with ConceptBank.load(path)"
            )
        if self.bank is None and self.projection != "margin":
            raise InputError(
                f"projection={self.projection!r} was given without a bank: give a bank, or leave "
                "the projection out"
            )
        for name in ("edits_", "snapshots_", "measured_"):
            self.__dict__.pop(name, None)

    def _fit_projection(self, X: np.ndarray, weight: Any) -> np.ndarray:
        """Fit the projection, set ``projection_`` and the concept names; return the scores."""
        if self.bank is None:
            self.projection_: Projection | None = None
            names = getattr(self, "feature_names_in_", None)
            self.concept_names_ = (
                [f"x{j}" for j in range(X.shape[1])] if names is None else [str(n) for n in names]
            )
            return X
        self.projection_ = fit_projection(X, self.bank, self.projection, weight)
        self.concept_names_ = list(self.bank.names)
        return self.projection_.transform(X)

    def _fit_residual(self, X: np.ndarray, y: Any, scores: np.ndarray, weight: Any) -> None:
        """Fit the residual on top of the frozen head and set ``residual_``."""
        self.residual_: Residual | None = None
        if self.residual != "none":
            erased = scores if self.residual == "erase" else None
            self.residual_ = self._residual_on(X, y, scores, self.residual, erased, weight)

    def _residual_on(
        self,
        X: np.ndarray,
        y: Any,
        scores: np.ndarray,
        kind: str,
        erased: np.ndarray | None,
        weight: Any,
        in_class: np.ndarray | None = None,
    ) -> Residual:
        return fit_residual(
            X,
            y,
            self._head_logits(scores),
            kind=kind,
            family=self.head_.family_,
            classes=None if self.head_.family_ in UNLABELLED else self.head_.classes_,
            vectors=self._directions() if kind == "orthogonal" else None,
            scores=erased,
            scores_in_class=in_class,
            sample_weight=weight,
            random_state=self.random_state,
        )

    def _directions(self) -> np.ndarray:
        """Return what spans the concepts, shape (m, d): their vectors, and what scores read."""
        if self.projection_ is None or self.bank is None:
            return np.eye(self.n_features_in_)
        return np.vstack([self.bank.vectors, self.projection_.matrix.T])

    # What the head learnt, read through.

    @property
    def coef_(self) -> np.ndarray:
        """Coefficients on standardised scores, shape (C, K), or (1, K) for one row."""
        return self.head_.coef_

    @property
    def intercept_(self) -> np.ndarray:
        """Intercepts, shape (C,) or (1,)."""
        return self.head_.intercept_

    @property
    def mean_(self) -> np.ndarray:
        """Training mean of each concept score, shape (K,)."""
        return self.head_.mean_

    @property
    def scale_(self) -> np.ndarray:
        """Training standard deviation (1/n) of each concept score, shape (K,)."""
        return self.head_.scale_

    @property
    def lam_(self) -> float:
        """The penalty strength in use."""
        return self.head_.lam_

    @property
    def nec_(self) -> float:
        """The number of effective concepts, a mean over the rows of ``coef_``."""
        return self.head_.nec_

    @property
    def selection_(self) -> dict[str, Any]:
        """How the head was chosen, as JSON values; see `pcbm.heads.SparseLinearHead`."""
        return self.head_.selection_

    @property
    def path_(self) -> Any:
        """The whole regularisation path, see `pcbm.heads.Path`."""
        return self.head_.path_

    def transform(self, X: Any) -> np.ndarray:
        """Return the concept scores, shape (n, K), not standardised; positive = present."""
        X = self._validated(X)
        return X if self.projection_ is None else self.projection_.transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns of `transform`: the concepts, shape (K,)."""
        check_is_fitted(self)
        return np.asarray(self.concept_names_, dtype=object)

    def _standardised(self, scores: np.ndarray) -> np.ndarray:
        return (scores - self.mean_) / self.scale_

    def _head_logits(self, scores: np.ndarray) -> np.ndarray:
        return self._standardised(scores) @ self.coef_.T + self.intercept_

    def _logits(self, X: Any) -> np.ndarray:
        """Return the logits of head and residual together, shape (n, C) or (n, 1)."""
        X = self._validated(X)
        scores = X if self.projection_ is None else self.projection_.transform(X)
        logits = self._head_logits(scores)
        return logits if self.residual_ is None else logits + self.residual_.decision(X)

    def explain(self, X: Any, *, toward: Any = None) -> Contributions:
        """Split each sample's margin into concepts, intercept and residual.

        Parameters
        ----------
        X : array-like, shape (n, d)
            Activations.
        toward : class label, or array of labels of shape (n,), optional
            The class to explain; default: the predicted one (multilabel: the likeliest). A binary
            head has one row, so its values always argue for the second class. Regression: the
            position of the target, default the first.

        Returns
        -------
        pcbm.model.Contributions

        Raises
        ------
        InputError
            ``toward`` names no class, has another length, or is given for a binary head.
        """
        X = self._validated(X)
        scores = X if self.projection_ is None else self.projection_.transform(X)
        return contributions(
            self._standardised(scores),
            self.coef_,
            self.intercept_,
            None if self.residual_ is None else self.residual_.decision(X),
            self.head_.family_,
            None if toward is None else self._rows_of(toward, len(X)),
        )

    def _rows_of(self, toward: Any, n: int) -> np.ndarray:
        """Return the rows of ``coef_`` that belong to class labels, shape (n,)."""
        if self.head_.family_ == "binomial":
            raise InputError(
                "toward was given for a binary head, whose one row always argues for "
                f"{str(self.head_.classes_[1])!r}: leave it out"
            )
        wanted = np.asarray(toward)
        if wanted.ndim == 0:
            wanted = np.full(n, toward)
        if wanted.shape != (n,):
            raise InputError(
                f"toward has shape {wanted.shape}: give one label, or one for {n} rows"
            )
        names = getattr(self, "classes_", np.arange(len(self.coef_)))
        place = {str(name): j for j, name in enumerate(names)}
        for name in wanted:
            if str(name) not in place:
                raise InputError(f"toward names {str(name)!r}: {near(str(name), place)}")
        return np.array([place[str(name)] for name in wanted], dtype=int)

    def with_head(self, coef: np.ndarray, intercept: np.ndarray) -> Self:
        """Return a copy of this fitted model with other coefficients; this one stays as it is.

        Parameters
        ----------
        coef : ndarray, the shape of ``coef_``
        intercept : ndarray, the shape of ``intercept_``
        """
        check_is_fitted(self)
        for name, value in (("coef_", coef), ("intercept_", intercept)):
            expected = getattr(self, name).shape
            if np.shape(value) != expected or not np.isfinite(value).all():
                raise InputError(
                    f"{name} has shape {np.shape(value)} or values that are not finite: give "
                    f"finite numbers of shape {expected}"
                )
        model, head = copy.copy(self), copy.copy(self.head_)
        head.coef_, head.intercept_ = np.array(coef, float), np.array(intercept, float)
        head.nec_ = nec(head.coef_)
        model.head_ = head
        return model

    def with_concepts(
        self,
        names: list[str],
        *,
        bank: ConceptBank | None,
        projection: Projection | None,
        coef: np.ndarray,
        intercept: np.ndarray,
        mean: np.ndarray,
        scale: np.ndarray,
        path: Any,
    ) -> Self:
        """Return a copy of this fitted model with other concepts; this one stays as it is.

        Parameters
        ----------
        names : list of str, length K
        bank, projection
            As in a fitted model; both may be None.
        coef : ndarray, shape (C, K) or (1, K)
        intercept : ndarray, shape (C,) or (1,)
        mean, scale : ndarray, shape (K,)
            What the scores are standardised with.
        path : pcbm.heads.Path
            Its coefficients have K columns.
        """
        check_is_fitted(self)
        model, head = copy.copy(self), copy.copy(self.head_)
        head.coef_, head.intercept_ = np.array(coef, float), np.array(intercept, float)
        head.mean_, head.scale_ = np.array(mean, float), np.array(scale, float)
        head.nec_, head.path_, head.n_features_in_ = nec(head.coef_), path, len(names)
        model.head_, model.bank, model.projection_ = head, bank, projection
        model.concept_names_ = list(names)
        return model

    def with_residual(self, residual: Residual | None) -> Self:
        """Return a copy with another residual, or with none; this model stays as it is."""
        check_is_fitted(self)
        model = copy.copy(self)
        model.residual_ = residual
        return model

    def without_residual(self) -> Self:
        """Return a copy that decides by its concepts alone."""
        return self.with_residual(None)

    def refit_residual(
        self,
        X: Any,
        y: Any,
        *,
        kind: str | None = None,
        erase: Sequence[str] = (),
        in_class: bool = False,
        sample_weight: Any = None,
    ) -> Self:
        """Return a copy whose residual is fitted on top of the head as it is now.

        Parameters
        ----------
        X : array-like, shape (n, d)
            Activations.
        y : array-like, shape (n,) or (n, C)
            As in ``fit``; classes may be absent.
        kind : {"linear", "orthogonal", "erase", "mlp"}, optional
            Default: that of the residual there is, else ``linear``.
        erase : sequence of str
            Concepts whose scores are erased from what the residual reads, so that it is
            uncorrelated with them on these rows; see `pcbm.residual.erasure`. Kind ``erase``
            erases all scores in any case.
        in_class : bool
            Erase those of ``erase`` within the classes of ``y`` instead, so that what tells the
            class stays where a concept is tied to it.
        sample_weight : array-like, shape (n,), optional

        Raises
        ------
        InputError
            An unknown kind, concept or class, or nothing is left to read.
        """
        X = self._validated(X)
        y = np.asarray(y)
        if len(y) != len(X):
            raise InputError(f"there are {len(X)} activations but {len(y)} labels: give one each")
        for name in erase:
            if name not in self.concept_names_:
                raise InputError(
                    f"the model has no concept {name!r}: {near(name, self.concept_names_)}"
                )
        if kind is None:
            kind = "linear" if self.residual_ is None else self.residual_.kind
        scores = X if self.projection_ is None else self.projection_.transform(X)
        columns = [self.concept_names_.index(name) for name in erase]
        named = scores[:, columns] if columns else None
        erased = scores if kind == "erase" else None if in_class else named
        within = named if in_class else None
        return self.with_residual(
            self._residual_on(X, y, scores, kind, erased, sample_weight, within)
        )

    def edit(self, plan: Any, train: Any = None, pairs: tuple[Any, Any] | None = None) -> Self:
        """Return an edited copy.

        Parameters
        ----------
        plan : pcbm.EditPlan
        train : (X, y), (X, y, sample_weight) or pcbm.editing.TrainingData, optional
            Training data, for the parts of a plan that need them.
        pairs : (having, lacking), optional
            Activations of the same inputs with and without a concept, where a guard needs them.
        """
        check_is_fitted(self)
        return plan.apply(self, train, pairs)

    def save(self, folder: str | Path, *, force: bool = False) -> None:
        """Write this model as a RUN folder; what was not measured is null in its metrics."""
        from pcbm.model.run import Run, save_run

        check_is_fitted(self)
        save_run(Run.of_model(self), Path(folder), force=force)
