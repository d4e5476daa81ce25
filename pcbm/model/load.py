"""Reading a RUN folder back into a model that predicts, explains and can be edited."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from pcbm.concepts import ConceptBank
from pcbm.errors import InputError
from pcbm.files import load_tensors, read_json
from pcbm.heads import Path as LambdaPath
from pcbm.heads import SparseLinearHead, SparseLinearRegressor
from pcbm.model.cbm import PostHocCBM, PostHocCBMRegressor
from pcbm.model.run import BANK, BEFORE, CONFIG, EDITS, METRICS, MODEL, SCHEMA, Run
from pcbm.model.snapshot import unpacked
from pcbm.projection import Projection
from pcbm.residual import load_residual

ALWAYS = ("task", "controls", "warnings")  # keys of every metrics.json, measured or null


def load(folder: str | Path) -> PostHocCBM | PostHocCBMRegressor:
    """Load the model of a RUN folder; see `load_run` for all it holds."""
    return load_run(folder).model


def load_run(folder: str | Path) -> Run:
    """Load a RUN folder.

    Raises
    ------
    InputError
        The folder is absent, is no RUN, lacks a file, or was written by a newer schema.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: give the RUN folder that pcbm fit wrote")
    if not (folder / CONFIG).is_file() or not (folder / MODEL).is_file():
        runs = sorted(path.parent.name for path in folder.glob(f"*/{MODEL}"))
        raise InputError(
            f"{folder} is not a RUN (no {CONFIG} or {MODEL} inside): give "
            + (
                f"one in it: {', '.join(runs[:3])}"
                if runs
                else "the folder that pcbm fit or edit wrote"
            )
        )
    config = read_json(folder / CONFIG)
    tensors, metadata = load_tensors(folder / MODEL)
    found = metadata.get("schema_version") if isinstance(metadata, dict) else None
    if found != SCHEMA:
        raise InputError(
            f"{folder / MODEL} has schema version {found}, this pcbm reads {SCHEMA}: "
            "load it with the version of pcbm that wrote it (see its README.md)"
        )
    bank = ConceptBank.load(folder / BANK) if (folder / BANK).is_file() else None
    try:
        model = restore_model(tensors, metadata, bank)
    except KeyError as error:
        raise InputError(f"{folder / MODEL} lacks {error}: the run is damaged, fit again") from None
    edits, metrics = read_json(folder / EDITS), read_json(folder / METRICS)
    lacking = [key for key in ALWAYS if not isinstance(metrics, dict) or key not in metrics]
    if lacking:
        raise InputError(
            f"{folder / METRICS} lacks {', '.join(lacking)}: the run is damaged, fit again"
        )
    if edits:
        model.edits_ = edits
    if (folder / BEFORE).is_file():
        model.snapshots_ = unpacked(*load_tensors(folder / BEFORE))
    model.measured_ = {"config": config, "metrics": metrics, "edits": len(edits)}
    return Run(model, config, metrics, edits)


def restore_model(
    tensors: dict[str, np.ndarray], metadata: dict[str, Any], bank: ConceptBank | None
) -> PostHocCBM | PostHocCBMRegressor:
    """Return the model that `pcbm.model.run.model_state` described; KeyError where a part lacks."""
    params = dict(metadata["params"])
    if isinstance(params.get("class_weight"), dict):
        pairs = params["class_weight"]
        params["class_weight"] = dict(
            zip(_labels(pairs["classes"]).tolist(), pairs["weights"], strict=True)
        )
    regression = metadata["estimator"] == PostHocCBMRegressor.__name__
    model: PostHocCBM | PostHocCBMRegressor
    if regression:
        model = PostHocCBMRegressor(bank, **params)
        model._single_target = metadata["single_target"]
    else:
        model = PostHocCBM(bank, **params)
    model.head_ = _restore_head(tensors, metadata, model, regression)
    if not regression:
        model.classes_ = model.head_.classes_
    model.n_features_in_ = metadata["n_features_in"]
    if metadata["feature_names_in"] is not None:
        model.feature_names_in_ = np.array(metadata["feature_names_in"], dtype=object)
    model.concept_names_ = metadata["concept_names"]
    kept = metadata["projection"]
    model.projection_ = None
    if kept is not None:
        model.projection_ = Projection(
            kind=kept["kind"],
            matrix=tensors["projection.matrix"],
            offset=tensors["projection.offset"],
            shift=tensors.get("projection.shift"),
            normalise=kept["normalise"],
        )
    model.residual_ = None
    if metadata["residual"] is not None:
        prefix = "residual."
        arrays = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        model.residual_ = load_residual(arrays, metadata["residual"])
    return model


def _restore_head(
    tensors: dict[str, np.ndarray], metadata: dict[str, Any], model: Any, regression: bool
) -> SparseLinearHead | SparseLinearRegressor:
    kind = SparseLinearRegressor if regression else SparseLinearHead
    params = model.get_params()
    head = kind(**{name: params[name] for name in kind().get_params() if name in params})
    head.coef_, head.intercept_ = tensors["head.coef"], tensors["head.intercept"]
    head.mean_, head.scale_ = tensors["head.mean"], tensors["head.scale"]
    head.family_ = metadata["family"]
    head.lam_, head.nec_ = metadata["lam"], metadata["nec"]
    head.selection_ = metadata.get("selection", {})  # earlier versions did not write it
    head.n_features_in_ = len(metadata["concept_names"])
    if not regression:
        head.classes_ = _labels(metadata["classes"])
    head.path_ = _restore_path(tensors, metadata)
    return head


def _restore_path(tensors: dict[str, np.ndarray], metadata: dict[str, Any]) -> LambdaPath:
    points, rows, width = tensors["path.shape"].tolist()
    point, row, column = tensors["path.where"]
    where = (point, row * width + column)
    kept = metadata["path_classes"]
    figures: dict[str, Any] = {
        name: tensors[f"path.{name}"]
        for name in ("lams", "intercepts", "kkt", "nec", "objective", "deviance", "n_iter")
    }
    return LambdaPath(
        sparse=csr_array((tensors["path.values"], where), (points, rows * width)),
        family=metadata["family"],
        classes=None if kept is None else _labels(kept),
        solver=metadata.get("path_solver", "newton"),  # earlier versions wrote neither this
        gap=tensors.get("path.gap", np.full(points, np.nan)),  # nor this
        **figures,
    )


def _labels(record: dict[str, Any]) -> np.ndarray:
    kind = np.str_ if record["dtype"] == "str" else np.dtype(record["dtype"])
    return np.array(record["values"], dtype=kind)
