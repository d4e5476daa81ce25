"""From activations and a bank to a run: fit, judge on the test set, set beside controls."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn.base import clone

from pcbm.activations import ActivationSet, Labels, resolve_task
from pcbm.backbones import check_same_backbone
from pcbm.concepts import ConceptBank
from pcbm.errors import InputError
from pcbm.heads import Validation, select_by_nec, standardise, validated_lam
from pcbm.model.base import UNLABELLED
from pcbm.model.cbm import PostHocCBM, PostHocCBMRegressor
from pcbm.model.controls import (
    RandomBanks,
    Sample,
    full_probe,
    majority,
    path_predictions,
    random_banks,
)
from pcbm.model.geometry import class_contributions, concept_geometry
from pcbm.model.hybrid import residual_report, residual_warnings
from pcbm.model.intervals import STANDARD, Resampling
from pcbm.model.metrics import evaluate, headline, row_scores
from pcbm.model.run import Run, describe, task_of
from pcbm.model.settings import ESTIMATORS, HELD_OUT, FitSettings, selection_record, solver_record
from pcbm.projection import fit_projection

FEWEST_REPEATS = 20

Progress = Callable[[str, int, int], None]


def fit_run(
    train: ActivationSet,
    test: ActivationSet,
    bank: ConceptBank | None,
    settings: FitSettings | None = None,
    *,
    data: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Fit a concept model and measure it.

    Parameters
    ----------
    train, test : ActivationSet
        With labels. Nothing is chosen on ``test``; it is used once, for the figures.
    bank : ConceptBank or None
        None makes every activation column a concept.
    settings : FitSettings, optional
    data : dict, optional
        Where the data came from, for config.json: ``source``, ``test``, ``content`` hashes, ...
    progress : callable (stage, done, total), optional

    Returns
    -------
    Run
        Not yet written; see `pcbm.model.save_run`.

    Raises
    ------
    InputError
        Labels are absent, a test class is unknown in train, dimensions differ, groups are
        asked for and absent.
    """
    settings = (settings or FitSettings()).resolved()
    tell = progress or (lambda stage, done, total: None)
    began = time.perf_counter()
    check_same_backbone(train.record, None if bank is None else bank.record, "the concept bank")
    check_same_backbone(train.record, test.record, "the test data")
    labels, train_part, test_part = _labelled(train, test, settings.task)
    tell("fit", 0, 1)
    held_out = None
    if settings.select in HELD_OUT:
        held_out = _validate(train_part, bank, settings, labels.task)
    model = _fit(train_part, bank, settings, labels.task, held_out, _fold_groups(train, settings))
    validation = model.selection_["cross_validation"]
    if held_out is not None:
        validation = held_out.to_dict()
    selection = selection_record(settings, validation, model.selection_["note"])
    if labels.task == "multilabel":
        model.classes_ = labels.classes
    fitted = time.perf_counter()
    tell("fit", 1, 1)
    evaluation = evaluate_model(model, test_part.X, test_part.y, test.group)
    residual = measure_residual(model, test_part.X, test_part.y, seed=settings.seed)
    controls = _controls(model, train_part, test_part, settings, labels.task, tell)
    ended = time.perf_counter()
    metrics = {
        "run": None,
        "task": labels.task,
        "n_train": len(train_part),
        "n_test": len(test_part),
        "n_concepts": len(model.concept_names_),
        "n_classes": None if labels.classes is None else len(labels.classes),
        "lam": float(model.lam_),
        "nec": float(model.nec_),
        **_train_and_test(model, train_part, evaluation, labels.task),
        "controls": controls,
        "residual": residual,
        "path": _path_record(model, train_part, labels.task),
        "selection": selection,
        "solver": solver_record(model),
        "validation": validation,
        "evaluation": evaluation,
        "geometry": concept_geometry(model, test_part.X),
        "notes": [text for text in (labels.note, selection["note"]) if text],
        "warnings": [*_warnings(model, controls), *residual_warnings(residual, labels.task)],
        "seconds": {"fit": fitted - began, "controls": ended - fitted, "total": ended - began},
    }
    config = describe(
        model,
        backbone=train.record or (None if bank is None else bank.record),
        data=data,
        settings=asdict(settings),
    )
    return Run(model, config, metrics)


def evaluate_model(
    model: Any,
    X: np.ndarray,
    y: np.ndarray,
    group: np.ndarray | None = None,
    how: Resampling | None = STANDARD,
) -> dict[str, Any]:
    """Return the evaluation E of a fitted model on activations; see `evaluate`.

    Classification has ``contributions`` too, see `pcbm.model.geometry.class_contributions`.
    """
    task, predicted = task_of(model), model.predict(X)
    if task == "regression":
        return evaluate(y, predicted, None, None, task, group, how)
    record = evaluate(y, predicted, model.predict_proba(X), model.classes_, task, group, how)
    return {**record, "contributions": class_contributions(model, X, y)}


def labels_for(model: Any, acts: ActivationSet) -> np.ndarray:
    """Return the labels of new data as a fitted model's task reads them.

    Raises
    ------
    InputError
        There are no labels, or one names a class the model does not know.
    """
    task = task_of(model)
    if acts.y is None:
        raise InputError("the data has no labels: give a label for each row")
    classes = None if task == "regression" else model.classes_
    return resolve_task(acts.y, task, label_names=acts.label_names, classes=classes).y


def _labelled(
    train: ActivationSet, test: ActivationSet, task: str
) -> tuple[Labels, Sample, Sample]:
    """Read the labels of both parts as one task."""
    labels = resolve_task(train.y, task, label_names=train.label_names)
    other = resolve_task(test.y, labels.task, label_names=test.label_names, classes=labels.classes)
    parts = Sample(np.asarray(train.X), labels.y), Sample(np.asarray(test.X), other.y)
    if parts[0].X.shape[1] != parts[1].X.shape[1]:
        raise InputError(
            f"the training activations have {parts[0].X.shape[1]} columns and the test ones "
            f"{parts[1].X.shape[1]}: use the same backbone, layer and pooling for both"
        )
    for part, name in zip(parts, ("training", "test"), strict=True):
        if labels.task == "regression" and np.ptp(part.y) == 0:
            raise InputError(
                f"the {len(part)} {name} row(s) all have the label {part.y[0]:g}, so that R2 "
                "cannot be measured: give rows with different labels"
            )
    return labels, *parts


def _fold_groups(train: ActivationSet, settings: FitSettings) -> np.ndarray | None:
    """Return the groups that a cross-validation keeps whole; None where rows stand alone."""
    if settings.group_folds and train.group is None:
        raise InputError("group-folds was given, but the data names no groups: leave it out")
    return train.group if settings.group_folds else None


def _fit(
    train: Sample,
    bank: ConceptBank | None,
    settings: FitSettings,
    task: str,
    held_out: Validation | None,
    groups: np.ndarray | None,
) -> Any:
    """Fit the estimator, at the validated lam where a validation part chose it."""
    kind = PostHocCBMRegressor if task == "regression" else PostHocCBM
    model = kind(
        bank,
        projection=settings.projection,
        concepts_per_class=settings.concepts_per_class,
        lam=settings.lam if held_out is None else held_out.lam,
        selection=ESTIMATORS.get(settings.select or "", "bic"),
        nec_rule=settings.nec_rule or "path",
        l1_ratio=settings.l1_ratio,
        solver=settings.solver,
        residual=settings.residual,
        random_state=settings.seed,
    )
    return model.fit(train.X, train.y, groups=groups)


def _validate(
    train: Sample, bank: ConceptBank | None, settings: FitSettings, task: str
) -> Validation:
    """Choose a strength by the scores of a path on held-out training rows."""
    scores = train.X
    if bank is not None:
        scores = fit_projection(train.X, bank, settings.projection).transform(train.X)
    mean, scale = standardise(scores)
    families = {"regression": "gaussian", "multilabel": "multilabel", "binary": "binomial"}
    _, record = validated_lam(
        (scores - mean) / scale,
        train.y,
        family=families.get(task, "multinomial"),
        l1_ratio=settings.l1_ratio,
        seed=settings.seed,
        rule=settings.select or "1se",
    )
    return record


def _train_and_test(
    model: Any, train: Sample, evaluation: dict[str, Any], task: str
) -> dict[str, Any]:
    predicted = model.predict(train.X)
    own = {"accuracy": headline(train.y, predicted, task)}
    if task == "regression":
        own = evaluate(train.y, predicted, None, None, task)
    names = ("r2", "rmse") if task == "regression" else ("accuracy",)
    return {name: {"train": own[name], "test": evaluation[name]} for name in names}


def _path_record(model: Any, train: Sample, task: str) -> list[dict[str, float]]:
    """Return NEC and the training figure along the path; test data is not used for it."""
    Z = (model.transform(train.X) - model.mean_) / model.scale_
    path = model.path_
    name = "r2" if task == "regression" else "accuracy"
    return [
        {
            "lam": float(path.lams[i]),
            "nec": float(path.nec[i]),
            "kkt": float(path.kkt[i]),
            "deviance": float(path.deviance[i]),
            name: headline(train.y, path_predictions(path, i, Z), task),
        }
        for i in range(len(path.lams))
    ]


def _controls(
    model: Any, train: Sample, test: Sample, settings: FitSettings, task: str, tell: Progress
) -> dict[str, Any]:
    probe = full_probe(train, test, task, seed=settings.seed)
    always = majority(train, test, task)
    record: dict[str, Any] = {
        "full_probe": probe["value"],
        "full_probe_C": probe["C"],
        "majority": always["value"],
        "intervals": {"full_probe": probe["interval"], "majority": always["interval"]},
        "random_bank": None,
    }
    if settings.control_repeats > 0:
        random = _random_control(model, train, test, settings, task, tell)
        record["random_bank"] = random.to_json()
    return record


def _random_control(
    model: Any, train: Sample, test: Sample, settings: FitSettings, task: str, tell: Progress
) -> RandomBanks:
    """Compare with random banks; on large data on a subsample, the named bank refitted on it.

    Random banks are judged by points of their paths. A head that was cut or fitted again is
    therefore replaced by the point of its path with the same number of concepts or fewer.
    """
    named, lam = model.without_residual(), float(model.lam_)
    if settings.nec_rule in ("truncate", "refit"):
        path = model.path_
        point = select_by_nec(path, float(settings.concepts_per_class or 0))
        named = named.with_head(path.coef(point), path.intercepts[point])
        lam = float(path.lams[point])
    if len(train) > settings.control_rows:
        drawn = np.random.default_rng(settings.seed).permutation(len(train))
        train = train.take(np.sort(drawn[: settings.control_rows]))
        named = clone(model).set_params(
            lam=lam, concepts_per_class=None, nec_rule="path", residual="none"
        )
        named.fit(train.X, train.y)
    spread = float(np.var(test.y)) if task == "regression" else None
    return random_banks(
        train,
        test,
        model.bank,
        named_scores=row_scores(test.y, named.predict(test.X), task, spread),
        nec=float(named.nec_),
        task=task,
        family=named.head_.family_,
        projection=settings.projection,
        l1_ratio=settings.l1_ratio,
        repeats=settings.control_repeats,
        seed=settings.seed,
        progress=lambda done, total: tell("random banks", done, total),
    )


def measure_residual(
    model: Any, X: np.ndarray, y: np.ndarray, *, part: str = "test", seed: int = 0
) -> dict[str, Any] | None:
    """Return what a model's residual does on labelled rows; None when there is none.

    Parameters
    ----------
    model : PostHocCBM or PostHocCBMRegressor
        Fitted.
    X : ndarray, shape (n, d)
    y : ndarray, shape (n,) or (n, C)
        As `labels_for` gives them.
    part : str
        What the rows are, for the record.
    seed : int

    Returns
    -------
    dict
        The record of the residual, and `pcbm.model.hybrid.residual_report`.
    """
    if model.residual_ is None:
        return None
    family = model.head_.family_
    scores = model.transform(X)
    labelled = family not in UNLABELLED
    report = residual_report(
        np.searchsorted(model.classes_, y) if labelled else y,
        (scores - model.mean_) / model.scale_ @ model.coef_.T + model.intercept_,
        model.residual_.decision(X),
        model.intercept_,
        scores,
        task=task_of(model),
        family=family,
        part=part,
        seed=seed,
    )
    return {**model.residual_.record(), **report}


def _warnings(model: Any, controls: dict[str, Any]) -> list[str]:
    """Say in words what a reader of the figures must not overlook."""
    solver = solver_record(model)
    texts = [] if solver["converged"] else [f"the head is no optimum: solver {solver['text']}"]
    random = controls["random_bank"]
    if random is None:
        texts.append("random banks were not measured: accuracy alone is no evidence for concepts")
    elif not random["beaten"]:
        low, high = random["interval"]
        texts.append(
            "accuracy is no evidence for these concepts: at NEC "
            f"{random['nec']:.3g}, {random['repeats']} banks of random directions reach "
            f"{random['mean']:.3f} on average against {random['named']:.3f} "
            f"(difference {random['difference']:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}, "
            f"p = {random['p_value']:.3g})"
        )
    if random is not None and random["repeats"] < FEWEST_REPEATS:
        texts.append(
            f"{random['repeats']} random banks are few: p cannot fall below "
            f"{1 / (1 + random['repeats']):.2g}; use {FEWEST_REPEATS} or more"
        )
    if model.nec_ == 0:
        texts.append("no concept has a coefficient: lower --lam or raise --concepts-per-class")
    return texts
