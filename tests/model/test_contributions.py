import numpy as np
import pytest

from pcbm.model import contributions


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(20, 4))
    coef = rng.normal(size=(3, 4))
    intercept = rng.normal(size=3)
    residual = rng.normal(size=(20, 3))
    return Z, coef, intercept, residual


def test_softmax_parts_sum_to_the_margin_over_the_runner_up(parts):
    Z, coef, intercept, residual = parts
    found = contributions(Z, coef, intercept, residual, "multinomial")
    logits = np.sort(Z @ coef.T + intercept + residual, axis=1)
    np.testing.assert_allclose(found.margin, logits[:, -1] - logits[:, -2], rtol=1e-12)
    assert (found.toward == found.label).all() and (found.against != found.toward).all()


def test_softmax_contributions_do_not_see_a_shift_common_to_all_classes(parts):
    Z, coef, intercept, residual = parts
    shifted = contributions(Z, coef + 7.0, intercept, residual, "multinomial")
    plain = contributions(Z, coef, intercept, residual, "multinomial")
    np.testing.assert_allclose(shifted.values, plain.values, atol=1e-12)


def test_a_chosen_class_is_set_against_the_best_other_one(parts):
    Z, coef, intercept, residual = parts
    logits = Z @ coef.T + intercept + residual
    found = contributions(Z, coef, intercept, residual, "multinomial", np.full(20, 1))
    best_other = np.maximum(logits[:, 0], logits[:, 2])
    np.testing.assert_allclose(found.margin, logits[:, 1] - best_other, rtol=1e-12)


def test_binary_values_argue_for_the_second_class_whatever_is_predicted(parts):
    Z, coef, intercept, _ = parts
    found = contributions(Z, coef[:1], intercept[:1], None, "binomial")
    logits = Z @ coef[0] + intercept[0]
    np.testing.assert_allclose(found.margin, logits)
    np.testing.assert_array_equal(found.label, (logits > 0).astype(int))
    assert (found.toward == 1).all() and (found.against == 0).all()
    np.testing.assert_array_equal(found.coef, np.tile(coef[0], (20, 1)))


def test_multilabel_explains_the_strongest_label_unless_told_otherwise(parts):
    Z, coef, intercept, residual = parts
    logits = Z @ coef.T + intercept + residual
    found = contributions(Z, coef, intercept, residual, "multilabel")
    np.testing.assert_allclose(found.margin, logits.max(axis=1))
    chosen = contributions(Z, coef, intercept, residual, "multilabel", np.full(20, 2))
    np.testing.assert_allclose(chosen.margin, logits[:, 2])
