import numpy as np
import pytest
from sklearn.datasets import make_classification

from pcbm import PostHocCBM, PostHocCBMRegressor
from pcbm.concepts import ConceptBank
from pcbm.heads import elastic_net_path
from pcbm.model.controls import (
    Sample,
    _rows_at_nec,
    full_probe,
    majority,
    path_predictions,
    random_bank,
    random_banks,
)
from pcbm.model.metrics import row_scores
from pcbm.projection import fit_projection


@pytest.fixture(scope="module")
def parts():
    """32 dimensions, of which 6 carry three classes; the good bank knows which."""
    X, y = make_classification(
        600, 32, n_informative=6, n_redundant=0, n_classes=3, n_clusters_per_class=1,
        shuffle=False, random_state=0,
    )  # fmt: skip
    order = np.random.default_rng(0).permutation(600)
    X, y = X[order], np.array(["a", "b", "c"])[y[order]]
    return Sample(X[:400], y[:400]), Sample(X[400:], y[400:])


def compare(parts, bank, repeats=20, seed=0):
    train, test = parts
    model = PostHocCBM(bank, concepts_per_class=3).fit(train.X, train.y)
    return random_banks(
        train,
        test,
        bank,
        named_scores=row_scores(test.y, model.predict(test.X), "multiclass"),
        nec=model.nec_,
        task="multiclass",
        family="multinomial",
        repeats=repeats,
        seed=seed,
    )


def test_concepts_that_carry_the_classes_beat_random_directions(parts):
    bank = ConceptBank([f"x{j}" for j in range(6)], np.eye(6, 32))
    result = compare(parts, bank)
    assert result.beaten and result.interval[0] > 0
    assert result.p_value == pytest.approx(1 / 21)
    assert result.named - result.mean == pytest.approx(result.difference)


def test_random_concepts_do_not_beat_random_directions(parts):
    bank = random_bank(ConceptBank(list("abcdef"), np.eye(6, 32)), 32, np.random.default_rng(9))
    result = compare(parts, bank)
    assert not result.beaten
    assert result.p_value > 0.05


def test_p_value_counts_the_repeats_that_are_as_good(parts):
    bank = random_bank(ConceptBank(list("abcdef"), np.eye(6, 32)), 32, np.random.default_rng(9))
    result = compare(parts, bank, repeats=5)
    good = sum(value >= result.named - 1e-12 for value in result.values)
    assert result.p_value == (1 + good) / 6
    assert len(result.values) == 5


def test_the_same_seed_gives_the_same_control(parts):
    bank = ConceptBank([f"x{j}" for j in range(6)], np.eye(6, 32))
    first = compare(parts, bank, 2, seed=4)
    assert compare(parts, bank, 2, seed=4) == first
    assert compare(parts, bank, 2, seed=5).values != first.values


def test_figures_between_two_path_points_are_interpolated_in_nec(parts):
    train, test = parts
    Z, Z_test = train.X[:, :8], test.X[:, :8]
    path = elastic_net_path(Z, train.y, n_lams=12)
    step = int(np.flatnonzero(np.diff(path.nec) > 0)[2])
    nec = float(path.nec[step : step + 2].mean())
    at = [
        row_scores(test.y, path_predictions(path, i, Z_test), "multiclass").mean()
        for i in (step, step + 1)
    ]
    mixed = _rows_at_nec(path, Z_test, test.y, nec, "multiclass", None).mean()
    assert mixed == pytest.approx(np.mean(at))
    end = _rows_at_nec(path, Z_test, test.y, 1e9, "multiclass", None)
    last = row_scores(test.y, path_predictions(path, 11, Z_test), "multiclass")
    np.testing.assert_array_equal(end, last)


def test_majority_is_the_share_of_the_most_frequent_training_class():
    train = Sample(np.zeros((4, 1)), np.array(["a", "a", "a", "b"]))
    test = Sample(np.zeros((4, 1)), np.array(["a", "b", "b", "b"]))
    assert majority(train, test, "binary")["value"] == 0.25
    numbers = Sample(np.zeros((3, 1)), np.array([1.0, 2.0, 3.0]))
    assert majority(numbers, numbers, "regression")["value"] == pytest.approx(0.0)


def test_full_probe_finds_what_is_linear_in_the_activations(parts):
    assert full_probe(*parts, "multiclass")["value"] > 0.7
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 5))
    y = X @ np.arange(5.0) + 0.1 * rng.normal(size=300)
    cut = Sample(X[:200], y[:200]), Sample(X[200:], y[200:])
    assert full_probe(*cut, "regression")["value"] > 0.99
    labels = (X[:, :2] > 0).astype(int)
    cut = Sample(X[:200], labels[:200]), Sample(X[200:], labels[200:])
    assert full_probe(*cut, "multilabel")["value"] > 0.85


def test_regression_is_compared_in_r2():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 20))
    y = X[:, 0] - X[:, 1] + 0.3 * rng.normal(size=400)
    train, test = Sample(X[:300], y[:300]), Sample(X[300:], y[300:])
    bank = ConceptBank(["first", "second"], np.eye(2, 20))
    model = PostHocCBMRegressor(bank, lam=0.01, n_lams=5).fit(train.X, train.y)
    named = row_scores(test.y, model.predict(test.X), "regression")
    result = random_banks(
        train, test, bank, named_scores=named, nec=model.nec_, task="regression",
        family="gaussian", repeats=10,
    )  # fmt: skip
    assert result.named == pytest.approx(model.score(test.X, test.y))
    assert result.beaten


@pytest.mark.parametrize("projection", ["cosine", "centred"])
def test_random_directions_go_the_way_of_the_named_ones(parts, projection):
    train, _ = parts
    bank = random_bank(None, 32, np.random.default_rng(0))
    fitted = fit_projection(train.X, bank, projection)
    long = fitted.transform(train.X)
    np.testing.assert_allclose(fitted.transform(7 * train.X), long)
    assert np.abs(long).max() <= 1
