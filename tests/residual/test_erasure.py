import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from pcbm.errors import InputError
from pcbm.residual import erasure, span_erasure


def covariance(X, S, weight=None):
    """Return Cov(X, S) in units of the spread of each."""
    w = np.full(len(X), 1 / len(X)) if weight is None else weight / weight.sum()
    centred = [A - w @ A for A in (X, S)]
    return (centred[0] * w[:, None]).T @ centred[1]


def relative(erased, X, S, weight=None):
    return np.abs(covariance(erased, S, weight) / X.std(axis=0)[:, None] / S.std(axis=0)).max()


@pytest.mark.parametrize("seed", range(5))
def test_erased_activations_are_uncorrelated_with_the_scores(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 12)) @ rng.normal(size=(12, 12)) * np.logspace(-4, 4, 12)
    S = X @ rng.normal(size=(12, 4)) / np.logspace(-4, 4, 4) + rng.normal(size=(300, 4))
    weight = rng.uniform(0.1, 5.0, 300)
    assert relative(erasure(X, S).apply(X), X, S) < 1e-8
    assert relative(erasure(X, S, weight).apply(X), X, S, weight) < 1e-8
    assert relative(X, X, S) > 0.05


@pytest.mark.parametrize("noise", [0.0, 1e-14, 1e-9, 1e-5])
def test_columns_that_nearly_depend_on_each_other_keep_nothing(noise):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    X = np.hstack([X, X[:, :2] + noise * rng.normal(size=(400, 2)), np.full((400, 1), 7.0)])
    S = X[:, [0, 0, 3]] + noise * rng.normal(size=(400, 3))
    assert relative(erasure(X, S).apply(X), np.hstack([X[:, :8], S[:, :1]]), S) < 1e-8


def test_fewer_rows_than_columns_are_erased_too():
    rng = np.random.default_rng(0)
    X, S = rng.normal(size=(30, 50)), rng.normal(size=(30, 2))
    assert relative(erasure(X, S).apply(X), X, S) < 1e-8


def test_no_other_map_without_covariance_changes_the_activations_less(mixed):
    """The closed form is the least change: oblique and orthogonal projections cost more."""
    X, _ = mixed
    S = X @ np.random.default_rng(1).normal(size=(8, 2))
    cost = np.square(erasure(X, S).apply(X) - X).sum()
    centred, C = X - X.mean(axis=0), covariance(X, S)
    orthogonal = centred @ C @ np.linalg.pinv(C)  # onto the columns of Cov(X, S)
    assert np.abs(covariance(X - orthogonal, S)).max() < 1e-10
    assert cost < np.square(orthogonal).sum()
    fitted = LinearRegression().fit(S, X).predict(S) - X.mean(axis=0)  # reads S itself
    assert cost == pytest.approx(np.square(fitted).sum(), rel=1e-9)


def test_scores_that_are_a_map_of_the_activations_are_gone_entirely(mixed):
    X, _ = mixed
    V = np.random.default_rng(1).normal(size=(8, 2))
    left = erasure(X, X @ V).apply(X)
    assert (
        np.square(LinearRegression().fit(left, X @ V).predict(left) - (X @ V).mean(0)).max() < 1e-12
    )


def test_erasing_is_idempotent_and_keeps_the_mean(mixed):
    X, _ = mixed
    found = erasure(X, X[:, :2])
    once = found.apply(X)
    np.testing.assert_allclose(found.apply(once), once, atol=1e-9)
    np.testing.assert_allclose(once.mean(axis=0), X.mean(axis=0), atol=1e-9)
    assert found.left.shape == (8, 2)


def test_weights_count_as_repeated_rows(mixed):
    X, _ = mixed
    times = np.random.default_rng(0).integers(0, 4, len(X))
    S = X[:, :2] + np.random.default_rng(1).normal(size=(len(X), 2))
    repeated = np.repeat(np.arange(len(X)), times)
    np.testing.assert_allclose(
        erasure(X, S, times).apply(X), erasure(X[repeated], S[repeated]).apply(X), atol=1e-9
    )


def test_linear_readers_of_erased_input_do_no_better_than_the_majority():
    """Gaussian activations: what is uncorrelated with a score tells nothing of its sign."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(6000, 10)) @ rng.normal(size=(10, 10))
    S = X @ rng.normal(size=(10, 3)) + 0.5
    fitted, held = np.arange(6000) < 3000, np.arange(6000) >= 3000
    found = erasure(X[fitted], S[fitted])
    for present in (S > 0).T:
        majority = max(present[held].mean(), 1 - present[held].mean())
        reader = LogisticRegression().fit(found.apply(X[fitted]), present[fitted])
        noise = 3 * np.sqrt(0.25 / 3000)
        assert reader.score(found.apply(X[held]), present[held]) < majority + noise
        plain = LogisticRegression(max_iter=1000).fit(X[fitted], present[fitted])
        assert plain.score(X[held], present[held]) > 0.95


def test_erased_labels_cannot_be_read_from_any_activations():
    rng = np.random.default_rng(0)
    X = rng.exponential(size=(2000, 5)) @ rng.normal(size=(5, 5))
    present = (X[:, :1] > np.median(X[:, 0])).astype(float)
    left = erasure(X, present).apply(X)
    reader = LogisticRegression(C=1e6).fit(left, present[:, 0])
    assert np.abs(reader.coef_ * left.std(axis=0)).max() < 1e-3


@pytest.mark.parametrize("columns", [8, 30])
def test_scores_that_take_everything_are_refused(mixed, columns):
    X, _ = mixed
    S = X @ np.random.default_rng(0).normal(size=(8, columns))
    with pytest.raises(InputError, match=r"take all 8 dimensions .* nothing is left: erase fewer"):
        erasure(X, S)


def test_scores_of_other_rows_are_refused(mixed):
    X, _ = mixed
    with pytest.raises(InputError, match="300 activations but 5 rows of scores"):
        erasure(X, X[:5])


def test_a_span_is_taken_out_whatever_its_vectors_are():
    rng = np.random.default_rng(0)
    V = rng.normal(size=(3, 7)) * np.array([[1e-3], [1.0], [1e3]])
    V = np.vstack([V, V[0] + V[1]])
    X = rng.normal(size=(20, 7))
    left = span_erasure(V).apply(X)
    np.testing.assert_allclose(left, X @ (np.eye(7) - np.linalg.pinv(V) @ V), atol=1e-8)
    assert span_erasure(V).left.shape == (7, 3)


def test_a_span_of_all_dimensions_is_refused():
    V = np.random.default_rng(0).normal(size=(9, 7))
    with pytest.raises(
        InputError, match=r"the 9 concepts span all 7 dimensions .* nothing is left"
    ):
        span_erasure(V)


def test_what_is_orthogonal_to_the_concepts_can_still_predict_them(mixed):
    """Why ``orthogonal`` promises geometry only."""
    X, _ = mixed
    left = span_erasure(np.eye(2, 8)).apply(X)
    assert LinearRegression().fit(left, X[:, 0]).score(left, X[:, 0]) > 0.3
