"""A fitted model as the plain arrays that its predictions are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from pcbm._version import __version__
from pcbm.errors import InputError
from pcbm.model.run import class_names, row_names, task_of
from pcbm.projection import Projection
from pcbm.residual import LinearResidual, MlpResidual, Reading

Array = NDArray[np.float64]

ACTIVATIONS = "activations"
LOGITS, PROBABILITIES, SCORES, PREDICTIONS = "logits", "probabilities", "scores", "predictions"


@dataclass(frozen=True)
class Parts:
    """What an exported model computes from activations f, shape (n, d).

    ``scores = projection(f)``, ``logits = (scores - mean) / scale coef' + intercept`` plus, with a
    residual, its layers on ``reading(f)``: affine maps with a ReLU between two.

    Attributes
    ----------
    width : int
        d.
    projection : Projection or None
        None: the activations are the scores.
    mean, scale : ndarray, shape (K,)
    coef : ndarray, shape (C, K), or (1, K) for two classes
    intercept : ndarray, shape (C,) or (1,)
    reading : Reading or None
        What the residual reads; None without a residual.
    layers : tuple of (matrix, vector)
        Shapes (out, in) and (out,).
    family : str
        The head's loss, which fixes the probabilities; ``gaussian`` has none.
    """

    width: int
    projection: Projection | None
    mean: Array
    scale: Array
    coef: Array
    intercept: Array
    reading: Reading | None
    layers: tuple[tuple[Array, Array], ...]
    family: str

    @property
    def outputs(self) -> dict[str, int]:
        """The names of what is computed, and how many columns each has."""
        rows, concepts = self.coef.shape
        if self.family == "gaussian":
            return {PREDICTIONS: rows, SCORES: concepts}
        classes = 2 if self.family == "binomial" else rows
        return {LOGITS: rows, PROBABILITIES: classes, SCORES: concepts}


def parts_of(model: Any) -> Parts:
    """Return the arrays of a fitted model.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor

    Raises
    ------
    InputError
        The residual is of a kind that is not known here.
    """
    check_is_fitted(model)
    residual = model.residual_
    layers: tuple[tuple[Array, Array], ...] = ()
    if isinstance(residual, LinearResidual):
        layers = ((residual.coef, residual.intercept),)
    elif isinstance(residual, MlpResidual):
        hidden = residual.hidden_coef.astype(float), residual.hidden_intercept.astype(float)
        layers = (hidden, (residual.coef, residual.intercept))
    elif residual is not None:
        raise InputError(
            f"the residual {residual.kind!r} cannot be exported: export model.without_residual()"
        )
    return Parts(
        width=int(model.n_features_in_),
        projection=model.projection_,
        mean=model.mean_,
        scale=model.scale_,
        coef=model.coef_,
        intercept=model.intercept_,
        reading=None if residual is None else residual.reading,
        layers=layers,
        family=model.head_.family_,
    )


def expected_outputs(model: Any, X: NDArray) -> dict[str, Array]:
    """Return what an exported model has to give for activations (n, d), from the model itself."""
    raw = model.decision_function(X) if hasattr(model, "decision_function") else model.predict(X)
    columns = np.asarray(raw, dtype=float).reshape(len(X), -1)
    scores = np.asarray(model.transform(X), dtype=float)
    if model.head_.family_ == "gaussian":
        return {PREDICTIONS: columns, SCORES: scores}
    return {LOGITS: columns, PROBABILITIES: model.predict_proba(X), SCORES: scores}


def labels_of(model: Any, config: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return names and origin of a model as flat text, for the metadata of an exported file.

    Values are JSON: lists of names stay lists whatever characters the names hold.
    """
    backbone = (config or {}).get("backbone") or {}
    names = class_names(model)
    one_row = len(model.coef_) == 1 and names is not None and len(names) == 2
    described: dict[str, Any] = {
        "pcbm": __version__,
        "task": task_of(model),
        "classes": names,
        "rows": row_names(model),
        "positive_class": names[1] if one_row and names else None,
        "concepts": list(model.concept_names_),
        "nec": float(model.nec_),
        "edits": len(getattr(model, "edits_", [])),
        "backbone": {
            key: backbone.get(key) for key in ("spec", "layer", "pooling", "dim", "fingerprint")
        }
        if backbone
        else None,
        "preprocess": backbone.get("preprocess"),
    }
    return {key: json.dumps(value, ensure_ascii=False) for key, value in described.items()}
