import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, r2_score, roc_auc_score

from pcbm.model.metrics import evaluate, figure_interval, headline, row_scores


@pytest.fixture
def multiclass():
    rng = np.random.default_rng(0)
    classes = np.array(["ant", "bee", "cat"])
    y = classes[rng.integers(0, 3, 200)]
    logits = rng.normal(size=(200, 3)) + 1.5 * (y[:, None] == classes)
    proba = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return y, classes[proba.argmax(axis=1)], proba, classes


def test_multiclass_figures_equal_scikit_learn(multiclass):
    y, predicted, proba, classes = multiclass
    result = evaluate(y, predicted, proba, classes, "multiclass")
    assert result["accuracy"] == pytest.approx(accuracy_score(y, predicted))
    assert result["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(y, predicted))
    assert result["auc"] == pytest.approx(roc_auc_score(y, proba, multi_class="ovr"))
    assert result["n"] == 200
    assert result["per_group"] is None and result["worst_group"] is None


def test_binary_auc_is_symmetric_in_the_classes():
    y = np.array([0, 0, 1, 1, 1])
    second = np.array([0.1, 0.6, 0.4, 0.8, 0.9])
    proba = np.column_stack([1 - second, second])
    result = evaluate(y, (second > 0.5).astype(int), proba, np.array([0, 1]), "binary")
    assert result["per_class"]["0"]["auc"] == pytest.approx(result["per_class"]["1"]["auc"])
    assert result["auc"] == pytest.approx(roc_auc_score(y, second))


def test_worst_group_is_the_least_accurate_one(multiclass):
    y, predicted, proba, classes = multiclass
    group = np.where(y == predicted, "easy", "hard")
    result = evaluate(y, predicted, proba, classes, "multiclass", group)
    assert result["worst_group"] == 0.0
    assert result["worst_group_name"] == "hard"
    assert result["per_group"]["easy"]["accuracy"] == 1.0


def test_a_class_without_rows_gives_null_and_leaves_the_others(multiclass):
    y, predicted, proba, classes = multiclass
    keep = y != "bee"
    result = evaluate(y[keep], predicted[keep], proba[keep], classes, "multiclass")
    assert result["per_class"]["bee"] == {"n": 0, "accuracy": None, "auc": None}
    assert result["balanced_accuracy"] == pytest.approx(
        np.mean([np.mean(predicted[y == c] == c) for c in ("ant", "cat")])
    )


def test_multilabel_accuracy_counts_rows_with_every_label_right():
    y = np.array([[1, 0], [1, 1], [0, 0]])
    predicted = np.array([[1, 0], [1, 0], [0, 0]])
    result = evaluate(y, predicted, predicted * 1.0, np.array(["a", "b"]), "multilabel")
    assert result["accuracy"] == pytest.approx(2 / 3)
    assert result["label_accuracy"] == pytest.approx(5 / 6)


def test_regression_figures_equal_scikit_learn():
    rng = np.random.default_rng(1)
    y = rng.normal(size=50)
    predicted = y + rng.normal(size=50)
    group = np.repeat(["a", "b"], 25)
    result = evaluate(y, predicted, None, None, "regression", group)
    assert result["r2"] == pytest.approx(r2_score(y, predicted))
    assert result["rmse"] == pytest.approx(np.sqrt(np.mean((y - predicted) ** 2)))
    assert result["worst_group"] == max(g["rmse"] for g in result["per_group"].values())


def test_the_mean_of_row_scores_is_the_headline():
    rng = np.random.default_rng(2)
    y, predicted = rng.normal(size=30), rng.normal(size=30)
    assert row_scores(y, predicted, "regression").mean() == pytest.approx(r2_score(y, predicted))
    assert headline(np.array([1, 2]), np.array([1, 1]), "multiclass") == 0.5


def test_constant_regression_targets_give_null_not_infinity():
    result = evaluate(np.ones(4), np.arange(4.0), None, None, "regression")
    assert result["r2"] is None


def test_intervals_hold_their_figures_and_narrow_with_rows(multiclass):
    y, predicted, proba, classes = multiclass
    group = np.where(np.arange(200) < 20, "few", "many")
    result = evaluate(y, predicted, proba, classes, "multiclass", group)
    found = result["intervals"]
    low, high = found["accuracy"]
    assert low < result["accuracy"] < high
    for part in ("per_class", "per_group"):
        for name, (low, high) in found[part].items():
            assert low <= result[part][name]["accuracy"] <= high
    width = {name: np.ptp(each) for name, each in found["per_group"].items()}
    assert width["few"] > 2 * width["many"]
    assert found["accuracy"] == figure_interval(y, predicted, "multiclass")


def test_a_regression_has_bootstrapped_intervals():
    rng = np.random.default_rng(1)
    y = rng.normal(size=200)
    predicted = y + 0.5 * rng.normal(size=200)
    result = evaluate(y, predicted, None, None, "regression", np.repeat(["a", "b"], 100))
    for figure in ("r2", "rmse"):
        low, high = result["intervals"][figure]
        assert low < result[figure] < high
    assert set(result["intervals"]["per_group"]) == {"a", "b"}
    assert figure_interval(y, predicted, "regression") == result["intervals"]["r2"]
    assert figure_interval(np.ones(5), np.ones(5), "regression") is None
