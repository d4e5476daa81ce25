"""Similarity of concepts and what they bring to a class."""

from __future__ import annotations

import numpy as np
import pytest

from pcbm.concepts import ConceptBank
from pcbm.model import PostHocCBM, PostHocCBMRegressor
from pcbm.model.geometry import class_contributions, concept_geometry, effective_rank


@pytest.fixture(scope="module")
def fitted() -> tuple[PostHocCBM, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    X = rng.normal(size=(300, 6))
    X[np.arange(300), y] += 2
    vectors = np.vstack([np.eye(6)[:4], np.eye(6)[0] + 0.05 * np.eye(6)[5]])
    bank = ConceptBank(["a", "b", "c", "unused", "twin of a"], vectors)
    labels = np.array(["x", "y", "z"])[y]
    return PostHocCBM(bank, lam=0.02, l1_ratio=0.9).fit(X, labels), X, labels


def test_pairs_equal_numpy_and_twins_come_first(fitted: tuple) -> None:
    model, X, _ = fitted
    found = concept_geometry(model, X)
    assert found is not None
    names, scores = list(model.concept_names_), model.transform(X)
    place = [names.index(name) for name in found["shown"]]
    correlation = np.corrcoef(scores.T)[np.ix_(place, place)]
    unit = model.bank.vectors / np.linalg.norm(model.bank.vectors, axis=1, keepdims=True)
    cosine = (unit @ unit.T)[np.ix_(place, place)]
    for i, (row, other) in enumerate(zip(found["correlation"], found["cosine"], strict=True)):
        assert row == pytest.approx(list(correlation[i, :i]), abs=6e-5)
        assert other == pytest.approx(list(cosine[i, :i]), abs=6e-5)
    assert {found["closest"][0]["a"], found["closest"][0]["b"]} == {"a", "twin of a"}
    # Eigenvalues 2, 1, 1, 1, 0 but for the twins' small difference.
    assert found["effective_rank"]["directions"] == pytest.approx(3.79, abs=0.02)


def test_effective_rank_counts_independent_directions() -> None:
    assert effective_rank(np.eye(7)) == pytest.approx(7)
    assert effective_rank(np.ones((7, 7))) == pytest.approx(1)


def test_a_score_that_does_not_vary_has_no_correlation(fitted: tuple) -> None:
    model, X, _ = fitted
    flat = X.copy()
    flat[:, 3] = 1.0
    found = concept_geometry(model, flat)
    assert found is not None
    place = found["shown"].index("unused")
    row = found["correlation"][place] + [r[place] for r in found["correlation"][place + 1 :]]
    assert row == [None] * 4
    assert found["effective_rank"]["scores"] < 4.5


def test_contributions_are_those_of_the_rows_of_the_class(fitted: tuple) -> None:
    model, X, y = fitted
    found = class_contributions(model, X, y)
    assert found is not None
    Z = (model.transform(X) - model.mean_) / model.scale_
    names = list(model.concept_names_)
    for c, name in enumerate(model.classes_):
        for concept, value in found[name].items():
            k = names.index(concept)
            expected = (model.coef_[c, k] * Z[y == name, k]).mean()
            assert model.coef_[c, k] != 0
            assert value == pytest.approx(expected)
    assert class_contributions(model, X[y != "x"], y[y != "x"])["x"] is None


def test_two_classes_share_one_row() -> None:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(100, 2))
    y = np.where(X[:, 0] > 0, "yes", "no")
    found = class_contributions(PostHocCBM(lam=0.01).fit(X, y), X, y)
    assert found["yes"]["x0"] > 0 > found["no"]["x0"]


def test_one_concept_has_no_geometry_and_numbers_no_classes() -> None:
    X = np.random.default_rng(2).normal(size=(50, 1))
    model = PostHocCBMRegressor(lam=0.01).fit(X, X[:, 0])
    assert concept_geometry(model, X) is None
    assert class_contributions(model, X, X[:, 0]) is None
