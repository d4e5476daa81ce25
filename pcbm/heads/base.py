"""What the two estimators share: standardised columns, the path, the chosen point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from pcbm.heads.certificates import lam_max
from pcbm.heads.crossval import CrossValidation, cross_validated_lam
from pcbm.heads.path import elastic_net_path
from pcbm.heads.selection import (
    SLACK,
    select_by_bic,
    select_by_ebic,
    select_by_lam,
)
from pcbm.heads.shown import ShownFitted
from pcbm.heads.solutions import Path
from pcbm.heads.sparsity import Selected, at_point, exact_nec, on_path, refitted, truncated_nec
from pcbm.heads.standardise import standardise
from pcbm.heads.strengths import grid

Array = NDArray[np.float64]


class SparseLinear(ShownFitted, BaseEstimator):
    """A head on standardised columns; `SparseLinearHead` and `SparseLinearRegressor` add targets.

    Subclasses store the settings that are declared here, check them (`check_settings`) and call
    `_fit_head`.
    """

    lam: float | None
    concepts_per_class: float | None
    selection: str
    nec_rule: str
    l1_ratio: float
    n_lams: int
    lam_min_ratio: float
    tol: float
    nonnegative: bool
    solver: str
    random_state: int

    coef_: Array
    intercept_: Array
    mean_: Array
    scale_: Array
    path_: Path

    def _fit_head(
        self,
        scores: Array,
        target: NDArray,
        family: str,
        weights: Array | None,
        groups: ArrayLike | None,
    ) -> None:
        """Fit the path of ``target`` on standardised ``scores``, choose a point, and keep both."""
        self.family_ = family
        self.mean_, self.scale_ = standardise(scores, weights)
        Z = (scores - self.mean_) / self.scale_
        if self.solver == "sgd":
            self.path_ = self._paper_path(scores, target, weights)
        else:
            self.path_ = self._path(Z, target, weights)
        chosen, validation = self._choose(Z, target, weights, groups)
        self.coef_, self.intercept_ = chosen.coef, chosen.intercept
        self.lam_, self.nec_ = chosen.lam, chosen.nec
        self.selection_: dict[str, Any] = {
            "how": self._how(),
            "note": chosen.note,
            "kkt": chosen.kkt,
            "cross_validation": None if validation is None else validation.to_dict(),
        }

    def _path(self, Z: Array, target: NDArray, weights: Array | None) -> Path:
        """Fit the path; a given lam takes its place among the points of the grid.

        Other solvers take as long for one strength as ours for many: for them the grid ends there.
        """
        settings: dict[str, Any] = {
            "family": self.family_,
            "l1_ratio": self.l1_ratio,
            "sample_weight": weights,
            "lower": self._lower(),
        }
        lams = None
        if self.lam is not None:
            top = lam_max(Z, target, **settings)
            others = grid(top, self.n_lams, self.lam_min_ratio)
            others = others[np.abs(others - self.lam) > SLACK * others]
            if self.solver != "newton":
                others = others[others > self.lam]
            lams = np.sort(np.append(others, self.lam))[::-1]
        return elastic_net_path(
            Z,
            target,
            n_lams=self.n_lams,
            lam_min_ratio=self.lam_min_ratio,
            lams=lams,
            tol=self.tol,
            solver=self.solver,
            seed=self.random_state,
            **settings,
        )

    def _paper_path(self, scores: Array, target: NDArray, weights: Array | None) -> Path:
        """Fit the one strength of the official code, which does not standardise its scores."""
        from pcbm.heads.backends.sgd import on_standardised

        assert self.lam is not None
        path = elastic_net_path(
            scores,
            target,
            family=self.family_,
            l1_ratio=self.l1_ratio,
            lams=[self.lam],
            tol=self.tol,
            sample_weight=weights,
            lower=self._lower(),
            solver=self.solver,
            seed=self.random_state,
        )
        return on_standardised(path, self.mean_, self.scale_)

    def _lower(self) -> float | None:
        return 0.0 if self.nonnegative else None

    def _how(self) -> str:
        """Return the name of the rule that the settings ask for."""
        if self.lam is not None:
            return "lam"
        return self.selection if self.concepts_per_class is None else self.nec_rule

    def _choose(
        self, Z: Array, target: NDArray, weights: Array | None, groups: ArrayLike | None
    ) -> tuple[Selected, CrossValidation | None]:
        """Return the head that the settings ask for, and the record of a cross-validation."""
        path = self.path_
        if self.lam is not None:
            return at_point(path, select_by_lam(path, self.lam)), None
        if self.concepts_per_class is not None:
            return self._of_nec(self.concepts_per_class, Z, target, weights), None
        if self.selection == "bic":
            return at_point(path, select_by_bic(path, Z, target, weights)), None
        if self.selection == "ebic":
            return at_point(path, select_by_ebic(path, Z, target, weights)), None
        _, record = cross_validated_lam(
            Z,
            target,
            family=self.family_,
            rule="1se" if self.selection == "cv_1se" else "min",
            seed=self.random_state,
            groups=groups,
            sample_weight=weights,
            l1_ratio=self.l1_ratio,
            lams=path.lams,
            tol=self.tol,
            lower=self._lower(),
        )
        return at_point(path, record.index), record

    def _of_nec(self, n: float, Z: Array, target: NDArray, weights: Array | None) -> Selected:
        """Return a head of NEC ``n``, or the largest below, by the rule of the settings."""
        path = self.path_
        if self.nec_rule == "truncate":
            return truncated_nec(path, n)
        settings: dict[str, Any] = {"sample_weight": weights, "lower": self._lower()}
        if self.nec_rule == "exact":
            return exact_nec(path, Z, target, n, l1_ratio=self.l1_ratio, **settings)
        point = on_path(path, n, lower=self._lower())
        if self.nec_rule == "path":
            return point
        return refitted(point, Z, target, family=self.family_, tol=self.tol, **settings)

    def _predictors(self, X: ArrayLike) -> Array:
        """Return the linear predictors (n, C) of columns as they were given."""
        check_is_fitted(self)
        scores = np.asarray(validate_data(self, X, reset=False, dtype=np.float64))
        return ((scores - self.mean_) / self.scale_) @ self.coef_.T + self.intercept_


def checked_weights(sample_weight: Any, X: NDArray) -> Array | None:
    """Return weights (n,), not negative, or None."""
    if sample_weight is None:
        return None
    return _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
