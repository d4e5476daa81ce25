"""The paired counterfactual: signs, parts that add up, faults that it finds."""

from __future__ import annotations

import numpy as np
import pytest
from cued import draw, fit, pairs
from scipy.stats import ttest_rel

from pcbm import EditPlan, PostHocCBM
from pcbm.audit import margins, paired_response
from pcbm.concepts import ConceptBank
from pcbm.errors import InputError


def three_classes(bank: ConceptBank, residual: str = "none") -> PostHocCBM:
    rows = draw(seed=3)
    y = np.where(rows.X[:, 3] > 1, "emu", rows.y)
    return PostHocCBM(bank, lam=0.01, n_lams=5, residual=residual).fit(rows.X, y)


@pytest.mark.parametrize("residual", ["none", "linear"])
def test_margins_of_two_classes_are_the_decision_and_argue_for_the_second(
    bank: ConceptBank, residual: str
) -> None:
    rows = draw()
    model = fit(bank, rows, residual=residual)
    found = margins(model, rows.X)
    assert found.names == ("dog",)
    np.testing.assert_allclose(found.total[:, 0], model.decision_function(rows.X), atol=1e-12)
    assert ((found.total[:, 0] > 0) == (model.predict(rows.X) == "dog")).all()
    concepts = model.without_residual().decision_function(rows.X)
    np.testing.assert_allclose(found.concepts[:, 0], concepts, atol=1e-12)
    assert (found.residual is None) == (residual == "none")


def test_margins_of_softmax_do_not_see_a_shift_of_all_rows(bank: ConceptBank) -> None:
    model, X = three_classes(bank, "linear"), draw(seed=4).X
    found = margins(model, X)
    shifted = model.with_head(model.coef_ + model.coef_[0], model.intercept_ + 5.0)
    np.testing.assert_allclose(found.total, margins(shifted, X).total, atol=1e-10)
    logits = model.decision_function(X)
    assert found.total[0, 1] == pytest.approx(logits[0, 1] - logits[0, [0, 2]].mean())
    assert (found.total.argmax(axis=1) == logits.argmax(axis=1)).all()
    again = found.concepts + found.residual  # type: ignore[operator]
    np.testing.assert_array_equal(again, found.total)


def test_a_head_that_uses_the_cue_responds_by_its_coefficient(bank: ConceptBank) -> None:
    model = fit(bank, draw())
    having, lacking = pairs()
    found = paired_response(model, having, lacking)
    wanted = model.coef_[0, 1] * 3.0 / model.scale_[1]
    assert found["toward"]["dog"]["total"]["mean"] == pytest.approx(wanted)
    assert found["flips"]["toward"].get("cat", 0) == 0
    assert found["flips"]["n"] == found["flips"]["toward"]["dog"] > 0
    turned = paired_response(model, lacking, having)["toward"]["dog"]["total"]["mean"]
    assert turned == pytest.approx(-wanted)


def test_the_interval_is_students(bank: ConceptBank) -> None:
    model = fit(bank, draw(), residual="linear")
    having, lacking = pairs(40)
    having = having + np.random.default_rng(0).normal(size=having.shape)
    found = paired_response(model, having, lacking)["toward"]["dog"]["total"]
    one, other = (margins(model, X).total[:, 0] for X in (having, lacking))
    wanted = ttest_rel(one, other).confidence_interval(0.95)
    np.testing.assert_allclose(found["interval"], [wanted.low, wanted.high])
    assert found["p_value"] == pytest.approx(ttest_rel(one, other).pvalue)


def test_a_residual_that_learnt_the_removed_cue_is_found(bank: ConceptBank) -> None:
    rows = draw()
    edited = fit(bank, rows, residual="none").edit(EditPlan().zero("cue"))
    hybrid = edited.refit_residual(rows.X, rows.y, kind="linear")
    response = paired_response(hybrid, *pairs())["toward"]["dog"]
    assert response["concepts"]["mean"] == 0
    assert response["residual"]["interval"][0] > 0.5
    assert response["total"]["mean"] == pytest.approx(response["residual"]["mean"])
    alone = paired_response(edited, *pairs())
    assert alone["toward"]["dog"]["total"]["interval"] == [0, 0]
    assert alone["flips"] == {"share": 0, "n": 0, "toward": {}}


def test_each_true_class_has_its_own_response(bank: ConceptBank) -> None:
    having, lacking = pairs(60)
    y = np.array(["cat", "dog", "ape"] * 20)
    found = paired_response(fit(bank, draw()), having, lacking, y)["by_class"]
    assert {name: row["toward"] for name, row in found.items()} == {
        "ape": "dog", "cat": "dog", "dog": "dog",
    }  # fmt: skip
    assert {row["total"]["n"] for row in found.values()} == {20}
    softmax = paired_response(three_classes(bank), having, lacking, y)["by_class"]
    assert {name: row["toward"] for name, row in softmax.items()} == {"cat": "cat", "dog": "dog"}
    assert softmax["dog"]["total"]["mean"] > 0 > softmax["cat"]["total"]["mean"]


def test_pairs_that_are_none_are_refused(bank: ConceptBank) -> None:
    model = fit(bank, draw())
    having, lacking = pairs(5)
    with pytest.raises(InputError, match="shape"):
        paired_response(model, having, lacking[:4])
    with pytest.raises(InputError, match="1 pair: give at least 2"):
        paired_response(model, having[:1], lacking[:1])
