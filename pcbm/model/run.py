"""A RUN: a fitted model with what was measured of it, and the folder it is written to."""

from __future__ import annotations

import csv
import io
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pcbm._version import __version__
from pcbm.backbones.record import library_versions
from pcbm.files import new_folder, save_tensors, to_json, write_text
from pcbm.heads import Path as LambdaPath
from pcbm.heads import SparseLinearHead
from pcbm.heads.shown import row_names
from pcbm.model.card import model_card
from pcbm.model.hybrid import unmeasured
from pcbm.model.settings import solver_record
from pcbm.model.shown import run_html, run_text
from pcbm.model.snapshot import packed

SCHEMA = 1
CONFIG, MODEL, BANK, METRICS = (
    "config.json",
    "model.safetensors",
    "bank.safetensors",
    "metrics.json",
)
WEIGHTS, EDITS, CARD = "weights.csv", "edits.json", "README.md"
BEFORE = "edits.safetensors"  # only where an edit changed more than coefficients
FIGURES = ("accuracy", "r2", "rmse")
PACKAGES = ("numpy", "scipy", "scikit-learn", "numba", "torch", "open_clip_torch")


@dataclass(repr=False)
class Run:
    """What a RUN folder holds.

    Attributes
    ----------
    model : PostHocCBM or PostHocCBMRegressor
    config : dict
        Data, backbone record, settings, task, classes, versions.
    metrics : dict
        What was measured, in the shape of ``pcbm fit --json``; null where nothing was.
    edits : list of dict
        Every edit since the fit, oldest first.
    """

    model: Any
    config: dict[str, Any]
    metrics: dict[str, Any]
    edits: list[dict[str, Any]] = field(default_factory=list)

    def __repr__(self) -> str:
        return run_text(self)

    def _repr_html_(self) -> str:
        """Return the figures beside their controls, and the strongest concepts."""
        return run_html(self)

    @classmethod
    def of_model(cls, model: Any) -> Run:
        """Return a run of a model: what its RUN folder held, else complete with nothing measured.

        After an edit the figures of the fit are kept apart, see `without_fit_figures`.
        """
        task, selection = task_of(model), model.selection_
        bank = model.bank
        figure = {"r2", "rmse"} if task == "regression" else {"accuracy"}
        metrics: dict[str, Any] = {
            "run": None,
            "task": task,
            "n_train": None,
            "n_test": None,
            "n_concepts": len(model.concept_names_),
            "n_classes": None if task == "regression" else len(model.classes_),
            "lam": model.lam_,
            "nec": model.nec_,
            **{name: {"train": None, "test": None} for name in sorted(figure)},
            "controls": {
                "full_probe": None,
                "majority": None,
                "intervals": None,
                "random_bank": None,
            },
            "residual": unmeasured(model.residual_, task),
            "path": None,
            "selection": {
                "rule": selection.get("how"),
                "text": None,
                "note": selection.get("note"),
            },
            "solver": solver_record(model),
            "validation": None,
            "evaluation": None,
            "geometry": None,
            "notes": [],
            "warnings": [],
            "seconds": None,
        }
        edits = list(getattr(model, "edits_", []))
        if hasattr(model, "measured_"):  # read from a RUN folder
            config, metrics = model.measured_["config"], dict(model.measured_["metrics"])
            if len(edits) != model.measured_["edits"]:
                metrics = without_fit_figures(metrics, model)
            return cls(model, config, metrics, edits)
        config = describe(model, backbone=None if bank is None else bank.record)
        return cls(model, config, metrics, edits)


def without_fit_figures(metrics: dict[str, Any], model: Any) -> dict[str, Any]:
    """Return the metrics of an edited model, for which the figures of the fit do not hold.

    ``accuracy`` (``r2``, ``rmse``), ``evaluation`` and what was measured of the residual become
    null, and what the fit measured stays under ``as_fitted``. Controls and path belong to the data
    and the bank and stay.
    """
    metrics = dict(metrics)
    kept = [name for name in (*FIGURES, "nec", "evaluation") if name in metrics]
    kept += [] if metrics["residual"] is None else ["residual"]
    metrics.setdefault("as_fitted", {name: metrics[name] for name in kept})
    metrics |= {name: {"train": None, "test": None} for name in FIGURES if name in metrics}
    residual = unmeasured(model.residual_, metrics["task"])
    return metrics | {"evaluation": None, "nec": float(model.nec_), "residual": residual}


def task_of(model: Any) -> str:
    """Return the task that a fitted model solves."""
    names = {"gaussian": "regression", "multilabel": "multilabel", "binomial": "binary"}
    return names.get(model.head_.family_, "binary" if len(model.coef_) == 2 else "multiclass")


def class_names(model: Any) -> list[str] | None:
    """Return the names of the classes as text, or None for regression."""
    return None if task_of(model) == "regression" else [str(name) for name in model.classes_]


def describe(
    model: Any,
    *,
    backbone: dict[str, Any] | None,
    data: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the content of config.json."""
    names = class_names(model)
    return {
        "schema_version": SCHEMA,
        "pcbm": __version__,
        "task": task_of(model),
        "classes": names,
        "positive_class": names[1] if names and len(model.coef_) == 1 and len(names) == 2 else None,
        "concepts": len(model.concept_names_),
        "bank": None if model.bank is None else {"source": model.bank.source},
        "backbone": backbone,
        "fingerprint": None if backbone is None else backbone.get("fingerprint"),
        "data": data,
        "settings": settings or {k: v for k, v in model.get_params().items() if k != "bank"},
        "versions": {"python": platform.python_version(), **library_versions(*PACKAGES)},
    }


def save_run(
    run: Run, folder: str | Path, *, place: Path | None = None, force: bool = False
) -> None:
    """Write a RUN folder, whole or not at all.

    Parameters
    ----------
    run : Run
    folder : Path
    place : Path, optional
        Where the folder will lie in the end, when it is written into a draft of a larger one.
    force : bool
        Replace an existing folder.

    Raises
    ------
    InputError
        The folder exists and ``force`` is false, or it holds something else than a run.
    """
    folder = Path(folder)
    run.metrics["run"] = (place or folder).as_posix()
    with new_folder(folder, mark=CONFIG, force=force) as draft:
        write_text(draft / CONFIG, to_json(run.config) + "\n")
        write_text(draft / METRICS, to_json(run.metrics) + "\n")
        write_text(draft / EDITS, to_json(run.edits) + "\n")
        write_text(draft / WEIGHTS, weights_csv(run.model))
        write_text(draft / CARD, model_card(run, row_names(run.model)))
        tensors, metadata = model_state(run.model)
        save_tensors(draft / MODEL, tensors, metadata)
        if run.model.bank is not None:
            run.model.bank.save(draft / BANK)
        snapshots = getattr(run.model, "snapshots_", None)
        if snapshots:
            save_tensors(draft / BEFORE, *packed(snapshots))


def weights_csv(model: Any) -> str:
    """Return every coefficient as CSV, per row of the head the largest first.

    In a binary head the one row is named by the second class, for which positive argues.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["class", "concept", "coef", "score_mean", "score_std"])
    for name, row in zip(row_names(model), model.coef_, strict=True):
        for j in np.argsort(-np.abs(row), kind="stable"):
            numbers = (row[j], model.mean_[j], model.scale_[j])
            table.writerow([name, model.concept_names_[j], *(repr(float(v)) for v in numbers)])
    return text.getvalue()


def strongest(row: np.ndarray) -> np.ndarray:
    """Return the positions of the coefficients that are not zero, the largest first."""
    used = np.flatnonzero(row)
    return used[np.argsort(-np.abs(row[used]), kind="stable")]


def model_state(model: Any) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return a fitted model as named arrays and one JSON value; `load_run` is the inverse."""
    head = model.head_
    tensors = {
        "head.coef": head.coef_,
        "head.intercept": head.intercept_,
        "head.mean": head.mean_,
        "head.scale": head.scale_,
        **_path_state(head.path_),
    }
    if model.projection_ is not None:
        tensors["projection.matrix"] = model.projection_.matrix
        tensors["projection.offset"] = model.projection_.offset
        if model.projection_.shift is not None:
            tensors["projection.shift"] = model.projection_.shift
    residual = None
    if model.residual_ is not None:
        arrays, residual = model.residual_.state()
        tensors |= {f"residual.{name}": value for name, value in arrays.items()}
    metadata = {
        "schema_version": SCHEMA,
        "estimator": type(model).__name__,
        "params": _params(model),
        "classes": None if not isinstance(head, SparseLinearHead) else _labels(model.classes_),
        "concept_names": list(model.concept_names_),
        "n_features_in": int(model.n_features_in_),
        "feature_names_in": None
        if not hasattr(model, "feature_names_in_")
        else [str(name) for name in model.feature_names_in_],
        "family": head.family_,
        "lam": float(head.lam_),
        "nec": float(head.nec_),
        "selection": head.selection_,
        "projection": None
        if model.projection_ is None
        else {"kind": model.projection_.kind, "normalise": model.projection_.normalise},
        "single_target": getattr(model, "_single_target", None),
        "path_solver": head.path_.solver,
        "path_classes": None if head.path_.classes is None else _labels(head.path_.classes),
        "residual": residual,
    }
    return tensors, metadata


def _params(model: Any) -> dict[str, Any]:
    """Return the constructor's parameters as JSON; class weights as pairs, to keep their types."""
    params = {name: value for name, value in model.get_params().items() if name != "bank"}
    if isinstance(params.get("class_weight"), dict):
        names = np.array(list(params["class_weight"]))
        params["class_weight"] = {
            "classes": _labels(names),
            "weights": [float(value) for value in params["class_weight"].values()],
        }
    return params


def _path_state(path: LambdaPath) -> dict[str, np.ndarray]:
    """Return a path with its coefficients as the positions and values that are not zero."""
    points, rows, width = path.shape
    stored = path.sparse.tocoo()
    where = (stored.row, stored.col // width, stored.col % width)
    state: dict[str, np.ndarray] = {
        "path.shape": np.array((points, rows, width), dtype=np.int64),
        "path.where": np.stack(where).astype(np.int32),
        "path.values": stored.data,
    }
    names = ("lams", "intercepts", "kkt", "nec", "objective", "gap", "deviance", "n_iter")
    return state | {f"path.{name}": np.asarray(getattr(path, name)) for name in names}


def _labels(values: np.ndarray) -> dict[str, Any]:
    """Return class labels as JSON that keeps their type."""
    values = np.asarray(values)
    kind = "str" if values.dtype.kind in "OUS" else values.dtype.name
    return {"dtype": kind, "values": values.tolist()}
