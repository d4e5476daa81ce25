import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification, make_regression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from pcbm import PostHocCBM, PostHocCBMRegressor, SparseLinearHead
from pcbm.concepts import ConceptBank
from pcbm.errors import InputError


@parametrize_with_checks([PostHocCBM(n_lams=6), PostHocCBMRegressor(n_lams=6)])
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks([PostHocCBM(), PostHocCBMRegressor()])
def test_scikit_learn_check_of_the_defaults(estimator, check):
    check(estimator)


@pytest.fixture
def problem():
    X, y = make_classification(
        300, 12, n_informative=6, n_classes=3, n_clusters_per_class=1, random_state=0
    )
    vectors = np.random.default_rng(0).normal(size=(5, 12))
    return X, np.array(["ant", "bee", "cat"])[y], ConceptBank(list("abcde"), vectors)


def test_decisions_follow_from_the_published_parts(problem):
    X, y, bank = problem
    model = PostHocCBM(bank, concepts_per_class=3, n_lams=12).fit(X, y)
    norms = np.linalg.norm(bank.vectors, axis=1)
    scores = (X @ bank.vectors.T + bank.intercepts) / norms
    Z = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    np.testing.assert_allclose(
        model.decision_function(X), Z @ model.coef_.T + model.intercept_, atol=1e-9
    )
    assert model.nec_ <= 3
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert set(model.predict(X)) <= {"ant", "bee", "cat"}


def test_without_a_bank_the_columns_are_the_concepts(problem):
    X, y, _ = problem
    model = PostHocCBM(concepts_per_class=4, n_lams=12).fit(X, y)
    head = SparseLinearHead(concepts_per_class=4, n_lams=12).fit(X, y)
    np.testing.assert_array_equal(model.coef_, head.coef_)
    assert model.concept_names_[:2] == ["x0", "x1"]


def test_binary_positive_means_the_second_class(problem):
    X, _, bank = problem
    y = np.where(X @ bank.vectors[2] > 0, "zebra", "horse")
    model = PostHocCBM(bank, concepts_per_class=1).fit(X, y)
    assert model.coef_.shape == (1, 5)
    assert list(model.classes_) == ["horse", "zebra"]
    assert model.coef_[0, 2] > 0


def test_grid_search_and_pipelines_work(problem):
    X, y, bank = problem
    search = GridSearchCV(PostHocCBM(bank, n_lams=12), {"concepts_per_class": [1, 4]}, cv=3).fit(
        X, y
    )
    assert search.best_params_["concepts_per_class"] == 4
    scores = cross_val_score(make_pipeline(StandardScaler(), clone(search.best_estimator_)), X, y)
    assert scores.mean() > 0.4


def test_multilabel_predicts_indicators(problem):
    X, _, bank = problem
    Y = (X @ bank.vectors[:2].T > 0).astype(int)
    model = PostHocCBM(bank, concepts_per_class=2).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    assert (model.predict(X) == Y).mean() > 0.9
    assert model.predict_proba(X).shape == Y.shape


@pytest.mark.parametrize("targets", [1, 2])
def test_regressor_recovers_a_linear_response(targets):
    X, y = make_regression(200, 6, n_targets=targets, noise=1.0, random_state=0)
    model = PostHocCBMRegressor(lam=1e-3, n_lams=5).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.99


def test_a_model_given_other_coefficients_is_new_and_the_old_one_stays(problem):
    X, y, bank = problem
    model = PostHocCBM(bank, concepts_per_class=3, n_lams=12).fit(X, y)
    before = model.decision_function(X)
    other = model.with_head(np.zeros_like(model.coef_), model.intercept_)
    assert other.nec_ == 0
    assert len(np.unique(other.predict(X))) == 1
    np.testing.assert_array_equal(model.decision_function(X), before)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"projection": "marginal"}, r"projection='marginal' is unknown: did you mean 'margin'\?"),
        ({"residual": "linar"}, r"residual='linar' is unknown: did you mean 'linear'\?"),
        ({"lam": 0.1, "concepts_per_class": 2}, "give one of them"),
    ],
)
def test_wrong_settings_are_named(problem, params, message):
    X, y, bank = problem
    with pytest.raises(InputError, match=message):
        PostHocCBM(bank, **params).fit(X, y)


def test_dimensions_that_differ_from_the_bank_are_named(problem):
    X, y, bank = problem
    with pytest.raises(InputError, match="have 7 columns but the bank's concepts live in 12"):
        PostHocCBM(bank).fit(X[:, :7], y)


def test_class_weights_reach_the_residual_too():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 6))
    y = (X[:, 0] + rng.normal(size=1000) > 2.2).astype(int)
    bank = ConceptBank(["first"], np.eye(1, 6))
    shares = {
        kind: PostHocCBM(bank, lam=0.01, n_lams=5, class_weight="balanced", residual=kind)
        .fit(X, y)
        .predict_proba(X)[:, 1]
        .mean()
        for kind in ("none", "linear")
    }
    assert y.mean() < 0.1
    assert abs(shares["linear"] - shares["none"]) < 0.1


@pytest.mark.parametrize("projection", ["margin", "cosine", "centred", "least_squares"])
def test_weights_count_as_repeated_rows_in_every_projection(problem, projection):
    X, y, bank = problem
    bank = ConceptBank(bank.names, bank.vectors, text_mean=np.full(12, 0.05))
    weight = np.random.default_rng(0).integers(1, 4, len(X))
    repeated = np.repeat(np.arange(len(X)), weight)
    settings = {"projection": projection, "lam": 0.02, "n_lams": 3, "tol": 1e-7}
    one = PostHocCBM(bank, **settings).fit(X, y, sample_weight=weight)
    two = PostHocCBM(bank, **settings).fit(X[repeated], y[repeated])
    np.testing.assert_allclose(one.predict_proba(X), two.predict_proba(X), atol=1e-6)


def test_rows_of_weight_zero_do_not_exist_for_the_residual_either(problem):
    X, y, bank = problem
    weight = (y != "cat").astype(float)
    model = PostHocCBM(bank, lam=0.02, n_lams=5, residual="linear").fit(X, y, sample_weight=weight)
    assert model.classes_.tolist() == ["ant", "bee"]


def test_explaining_a_named_class_sums_to_its_margin(problem):
    X, y, bank = problem
    model = PostHocCBM(bank, lam=0.02, n_lams=5).fit(X, y)
    logits = model.decision_function(X)
    found = model.explain(X, toward="bee")
    np.testing.assert_allclose(found.margin, logits[:, 1] - logits[:, [0, 2]].max(axis=1))
    with pytest.raises(InputError, match="toward names 'bees': did you mean 'bee'"):
        model.explain(X, toward="bees")
    with pytest.raises(InputError, match="give one label, or one for 300 rows"):
        model.explain(X, toward=["bee"])


def test_every_target_of_a_regression_can_be_explained(problem):
    X, _, _ = problem
    Y = X[:, :2] @ [[1.0, 0.0], [0.0, 2.0]]
    model = PostHocCBMRegressor(lam=1e-3, n_lams=5).fit(X, Y)
    for target in (0, 1):
        margin = model.explain(X, toward=target).margin
        np.testing.assert_allclose(margin, model.predict(X)[:, target])


def test_what_is_no_bank_is_refused(problem):
    X, y, _ = problem
    with pytest.raises(InputError, match=r"bank is a str, expected a ConceptBank: .*load\(path\)"):
        PostHocCBM("bank.safetensors").fit(X, y)
    with pytest.raises(InputError, match="given without a bank"):
        PostHocCBM(projection="cosine").fit(X, y)
