import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from pcbm import PostHocCBM, PostHocCBMRegressor
from pcbm.concepts import ConceptBank
from pcbm.heads.datafits import Gaussian, Logistic, Multinomial
from pcbm.residual import load_residual
from pcbm.residual.linear import ridge_on_offset


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 6))
    logits = X[:, :3] * 2
    y = np.array(["a", "b", "c"])[(logits + rng.gumbel(size=logits.shape)).argmax(axis=1)]
    return X, y


def test_softmax_ridge_without_offset_equals_scikit_learn(problem):
    X, y = problem
    codes = np.unique(y, return_inverse=True)[1]
    loss = Multinomial(codes, np.full(400, 1 / 400), 3)
    theta = ridge_on_offset(X, loss, np.zeros((3, 400)), 0.05)
    reference = LogisticRegression(C=1 / (400 * 0.05), tol=1e-10, max_iter=5000).fit(X, y)
    np.testing.assert_allclose(theta[:, :-1], reference.coef_, atol=1e-5)


def test_binary_ridge_without_offset_equals_scikit_learn(problem):
    X, y = problem
    target = (y == "b").astype(float)
    loss = Logistic(target[None], np.full(400, 1 / 400))
    theta = ridge_on_offset(X, loss, np.zeros((1, 400)), 0.05)
    reference = LogisticRegression(C=1 / (400 * 0.05), tol=1e-10, max_iter=5000).fit(X, target)
    np.testing.assert_allclose(theta[0, :-1], reference.coef_[0], atol=1e-5)
    assert theta[0, -1] == pytest.approx(reference.intercept_[0], abs=1e-5)


def test_squared_loss_on_an_offset_is_ridge_on_the_remainder(problem):
    X, _ = problem
    y = X @ np.arange(6.0)
    offset = X[:, 1] * 3.0
    loss = Gaussian(y[None], np.full(400, 1 / 400))
    theta = ridge_on_offset(X, loss, offset[None], 0.1)
    reference = Ridge(alpha=400 * 0.1).fit(X, y - offset)
    np.testing.assert_allclose(theta[0, :-1], reference.coef_, atol=1e-5)


def test_the_residual_leaves_the_head_as_it_is_and_adds_to_it(problem):
    X, y = problem
    bank = ConceptBank(["first"], np.eye(1, 6))
    plain = PostHocCBM(bank, lam=0.01, n_lams=5).fit(X, y)
    hybrid = PostHocCBM(bank, lam=0.01, n_lams=5, residual="linear").fit(X, y)
    np.testing.assert_array_equal(hybrid.coef_, plain.coef_)
    np.testing.assert_allclose(
        hybrid.decision_function(X),
        plain.decision_function(X) + hybrid.residual_.decision(X),
    )
    assert hybrid.score(X, y) > plain.score(X, y) + 0.1


def test_a_binary_hybrid_keeps_its_concept_path(problem):
    """The concept part must move the sum one for one: two softmax rows of one logit cancel it."""
    X, _ = problem
    y = np.where(X[:, 0] + 0.5 * X[:, 1] > 0, "yes", "no")
    bank = ConceptBank(["first", "third"], np.eye(3, 6)[[0, 2]])
    model = PostHocCBM(bank, lam=0.01, n_lams=5, residual="linear").fit(X, y)
    moved = X.copy()
    moved[:, 0] += 1.0
    concept = model.without_residual()
    change = model.decision_function(moved) - model.decision_function(X)
    concepts = concept.decision_function(moved) - concept.decision_function(X)
    rest = (model.residual_.decision(moved) - model.residual_.decision(X))[:, 0]
    assert (concepts > 0.1).all()
    np.testing.assert_allclose(change, concepts + rest, atol=1e-9)


def test_a_regression_hybrid_fits_what_concepts_leave(problem):
    X, _ = problem
    y = X[:, 0] + 2 * X[:, 4]
    model = PostHocCBMRegressor(
        ConceptBank(["first"], np.eye(1, 6)), lam=1e-3, n_lams=5, residual="linear"
    )
    assert model.fit(X, y).score(X, y) > 0.99
    assert model.without_residual().score(X, y) < 0.5


def test_a_stored_residual_decides_the_same(problem):
    X, y = problem
    model = PostHocCBM(
        ConceptBank(["first"], np.eye(1, 6)), lam=0.01, n_lams=5, residual="linear"
    ).fit(X, y)
    again = load_residual(*model.residual_.state())
    np.testing.assert_array_equal(again.decision(X), model.residual_.decision(X))


def test_weights_count_as_repeated_rows(problem):
    X, y = problem
    codes = np.unique(y, return_inverse=True)[1]
    weight = np.where(codes == 0, 2.0, 1.0)
    repeated = np.repeat(np.arange(400), weight.astype(int))
    weighted = Multinomial(codes, weight / weight.sum(), 3)
    plain = Multinomial(codes[repeated], np.full(len(repeated), 1 / len(repeated)), 3)
    np.testing.assert_allclose(
        ridge_on_offset(X, weighted, np.zeros((3, 400)), 0.05),
        ridge_on_offset(X[repeated], plain, np.zeros((3, len(repeated))), 0.05),
        atol=1e-5,
    )
