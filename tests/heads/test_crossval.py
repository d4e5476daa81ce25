"""Cross-validation: its folds, its rule, and agreement with R's cv.glmnet."""

import csv
import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from elastic_net import FAMILIES
from selection_problems import N, problem

from pcbm.heads import (
    SparseLinearHead,
    SparseLinearRegressor,
    assign_folds,
    cross_validated_lam,
    elastic_net_path,
)

GOLDEN = Path(__file__).parent / "golden"
FEW = {"n_lams": 6, "lam_min_ratio": 0.02}


def glmnets():
    """Return problem -> rows of alpha, lambda, cvm, cvsd, is_min, is_1se."""
    found = defaultdict(list)
    with (GOLDEN / "cv_glmnet.csv").open(encoding="utf-8", newline="") as file:
        for name, *numbers in list(csv.reader(file))[1:]:
            found[name].append([float(number) for number in numbers])
    return {name: np.array(rows) for name, rows in found.items()}


GLMNETS = glmnets()


@pytest.mark.parametrize("name", GLMNETS)
def test_scores_errors_and_choices_are_those_of_cv_glmnet(name):
    alpha, lams, cvm, cvsd, is_min, is_1se = GLMNETS[name].T
    table = np.genfromtxt(GOLDEN / f"{name}.csv", delimiter=",", names=True)
    Z = np.column_stack([table[f"z{j}"] for j in range(6)])
    family = name.split("_")[0]
    y = table["y"] if family == "gaussian" else table["y"].astype(int)
    settings = {
        "family": family,
        "folds": np.arange(len(y)) % 4,
        "sample_weight": table["weight"],
        "l1_ratio": alpha[0],
        "lams": lams,
        "tol": 1e-9,
    }
    largest, record = cross_validated_lam(Z, y, **settings)
    np.testing.assert_allclose(-2 * np.array(record.score), cvm, rtol=1e-5)
    np.testing.assert_allclose(2 * np.array(record.standard_error), cvsd, rtol=1e-4)
    assert record.lams[record.best_index] == lams[is_min == 1]
    assert largest == lams[is_1se == 1]


@pytest.mark.parametrize("family", FAMILIES)
def test_order_of_rows_does_not_matter_to_given_folds(family):
    Z, y = problem(family)
    fold = np.random.default_rng(1).integers(0, 4, N)
    order = np.random.default_rng(2).permutation(N)
    lam, record = cross_validated_lam(Z, y, family=family, folds=fold, tol=1e-6, **FEW)
    same, other = cross_validated_lam(
        Z[order], y[order], family=family, folds=fold[order], tol=1e-6, **FEW
    )
    assert lam == pytest.approx(same, rel=1e-9)
    np.testing.assert_allclose(record.score, other.score, atol=1e-5)
    np.testing.assert_allclose(record.standard_error, other.standard_error, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_replication_when_copies_share_a_fold(family):
    Z, y = problem(family)
    weight = np.random.default_rng(3).integers(0, 4, N)
    rows = np.repeat(np.arange(N), weight)
    settings = {"family": family, "folds": 4, "tol": 1e-6, **FEW}
    lam, record = cross_validated_lam(Z, y, groups=np.arange(N), sample_weight=weight, **settings)
    same, other = cross_validated_lam(Z[rows], y[rows], groups=rows, **settings)
    assert lam == pytest.approx(same, rel=1e-9)
    np.testing.assert_allclose(record.score, other.score, atol=1e-5)
    np.testing.assert_allclose(record.standard_error, other.standard_error, atol=1e-5)
    assert (record.n_held_out, other.n_held_out) == ((weight > 0).sum(), weight.sum())


@pytest.mark.parametrize("measure", ["loss", "accuracy"])
def test_record_is_recomputed_from_the_folds(measure):
    Z, y = problem("multinomial")
    fold = assign_folds(y, 3, seed=4)
    lam, record = cross_validated_lam(Z, y, folds=3, seed=4, measure=measure, **FEW)
    whole = elastic_net_path(Z, y, **FEW)
    np.testing.assert_allclose(record.lams, whole.lams, rtol=1e-12)
    means = np.empty((3, 6))
    for f in range(3):
        path = elastic_net_path(Z[fold != f], y[fold != f], lams=whole.lams)
        for i in range(6):
            eta = path.decision(Z[fold == f], i)
            label = np.searchsorted(path.classes, y[fold == f])
            right = eta[np.arange(len(label)), label]
            scores = right - np.log(np.exp(eta).sum(axis=1))
            if measure == "accuracy":
                scores = eta.argmax(axis=1) == label
            means[f, i] = scores.mean()
    sizes = np.bincount(fold)
    mean = np.average(means, axis=0, weights=sizes)
    error = np.sqrt(np.average((means - mean) ** 2, axis=0, weights=sizes) / 2)
    np.testing.assert_allclose(record.score, mean, atol=1e-9)
    np.testing.assert_allclose(record.standard_error, error, atol=1e-9)
    best = int(mean.argmax())
    first = int(np.argmax(mean >= mean[best] - error[best]))  # the grid falls
    assert (record.best_index, record.index) == (best, first)
    assert lam == record.lams[first]


@pytest.mark.parametrize(("seed", "family"), enumerate(FAMILIES))
def test_one_standard_error_is_never_denser_than_the_best(seed, family):
    Z, y = problem(family, seed)
    cls = SparseLinearRegressor if family == "gaussian" else SparseLinearHead
    extra = {"grouped": True} if family == "grouped" else {}
    sparse = cls(selection="cv_1se", random_state=seed, n_lams=8, **extra).fit(Z, y)
    best = cls(selection="cv", random_state=seed, n_lams=8, **extra).fit(Z, y)
    assert sparse.lam_ >= best.lam_
    assert sparse.nec_ <= best.nec_
    record = best.selection_["cross_validation"]
    assert (record["rule"], record["lam"]) == ("min", best.lam_)
    assert json.loads(json.dumps(sparse.selection_)) == sparse.selection_


def test_estimators_keep_groups_together():
    Z, y = problem("multinomial")
    groups = np.arange(N) // 5
    head = SparseLinearHead(selection="cv", n_lams=6, random_state=3).fit(Z, y, groups=groups)
    scores = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    lam, record = cross_validated_lam(
        scores, y, groups=groups, seed=3, rule="min", lams=head.path_.lams
    )
    assert head.lam_ == lam
    np.testing.assert_allclose(head.selection_["cross_validation"]["score"], record.score)
    alone = SparseLinearHead(selection="cv", n_lams=6, random_state=3).fit(Z, y)
    assert alone.selection_["cross_validation"]["score"] != record.score


def test_class_weights_count_in_the_scores():
    Z, y = problem("multinomial")
    factors = {"x": 1.0, "y": 3.0, "z": 0.5}
    weight = np.vectorize(factors.get)(y)
    one = SparseLinearHead(selection="cv", n_lams=6, class_weight=factors).fit(Z, y)
    other = SparseLinearHead(selection="cv", n_lams=6).fit(Z, y, sample_weight=weight)
    assert one.selection_ == other.selection_
    np.testing.assert_array_equal(one.coef_, other.coef_)


# Folds


def test_folds_are_equal_in_size_and_stratified():
    labels = np.repeat(["a", "b", "c"], [103, 50, 11])
    np.random.default_rng(0).shuffle(labels)
    fold = assign_folds(labels, 5, seed=1)
    sizes = np.bincount(fold)
    assert len(sizes) == 5
    assert np.ptp(sizes) <= 1
    for name in "abc":
        assert np.ptp(np.bincount(fold[labels == name], minlength=5)) <= 1
    np.testing.assert_array_equal(fold, assign_folds(labels, 5, seed=1))
    assert (fold != assign_folds(labels, 5, seed=2)).any()
    assert np.ptp(np.bincount(assign_folds(23, 4))) <= 1


def test_groups_stay_whole_and_classes_stay_balanced():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 600)
    labels = (groups % 3).astype(str)  # every group has one class
    fold = assign_folds(labels, 4, seed=0, groups=groups)
    assert all(len(np.unique(fold[groups == g])) == 1 for g in range(60))
    for name in "012":
        share = np.bincount(fold[labels == name], minlength=4) / (labels == name).sum()
        assert 0.15 < share.min() <= share.max() < 0.35


def test_a_class_that_only_one_row_or_group_has_is_always_fitted():
    labels = np.array(["a"] * 20 + ["b"] * 20 + ["rare"])
    fold = assign_folds(labels, 5)
    assert np.flatnonzero(fold == -1).tolist() == [40]
    groups = np.arange(41) // 4
    fold = assign_folds(labels, 5, groups=groups)
    assert np.flatnonzero(fold == -1).tolist() == [40]
    rare = np.where(groups == 2, "rare", np.where(groups % 2, "a", "b"))
    fold = assign_folds(rare, 5, groups=groups)
    assert np.flatnonzero(fold == -1).tolist() == np.flatnonzero(groups == 2).tolist()


def test_a_class_with_one_row_can_be_cross_validated():
    Z, y = problem("multinomial")
    y = np.append(y[:-1], "w")
    for measure in ("loss", "accuracy"):
        _, record = cross_validated_lam(Z, y, measure=measure, **FEW)
        assert np.isfinite(record.score).all()
        assert record.n_held_out == N - 1
