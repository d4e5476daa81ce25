"""Explained shares, by hand and on a model."""

from __future__ import annotations

import faithful_problems as problems
import numpy as np
import pytest

from pcbm.faithfulness import explained_share
from pcbm.model import PostHocCBM
from pcbm.model.contributions import Contributions


def made(values: list[list[float]], intercept: float = 0.0, residual: float = 0.0) -> Contributions:
    array = np.array(values)
    n = len(array)
    zeros = np.zeros(n, dtype=int)
    return Contributions(
        zeros, zeros, zeros, array, np.ones_like(array), array,
        np.full(n, intercept), np.full(n, residual),
    )  # fmt: skip


def test_one_concept_that_carries_all_is_all() -> None:
    found = explained_share(made([[0.0, 3.0, 0.0]]), "multinomial", tops=(1,))
    assert found.tops[0].margin["median"] == found.tops[0].mass["median"] == 1
    assert found.needed is not None
    assert found.needed["max"] == 1
    assert found.never == 0


def test_equal_contributions_count_one_by_one() -> None:
    found = explained_share(made([[1.0] * 20]), "multinomial", tops=(1, 5))
    assert [top.mass["median"] for top in found.tops] == pytest.approx([0.05, 0.25])
    assert found.counts == (*[0] * 18, 1)  # 18 of 20 are 90 %


def test_contributions_that_pull_back_must_be_counted_too() -> None:
    found = explained_share(made([[4.0, -3.0, 0.0]]), "multinomial", tops=(1,))
    assert found.tops[0].margin["median"] == 4.0
    assert found.counts == (0, 0, 1)


def test_a_large_residual_leaves_rows_that_no_concepts_explain() -> None:
    found = explained_share(made([[1.0, 0.5]], residual=5.0), "multinomial", tops=(2,))
    assert found.never == 1
    assert found.needed is None
    assert found.tops[0].margin["median"] == pytest.approx(1.5 / 6.5)
    assert "no number of concepts is enough" in found.text


def test_the_intercept_decides_where_concepts_do_not() -> None:
    parts = made([[1.0, -3.0]], intercept=1.0)
    found = explained_share(parts, "multinomial", tops=(1, 2))
    assert found.tops[1].same_side == 1
    assert explained_share(parts, "gaussian").tops[0].same_side is None
    assert explained_share(made([[0.1, 0.0]], intercept=5.0), "multinomial").counts == (1,)


def test_on_a_model_all_concepts_explain_everything(softmax: PostHocCBM) -> None:
    X, _ = problems.problem(classes=4, seed=1)
    found = explained_share(softmax.explain(X), "multinomial", tops=(8,))
    assert found.tops[0].margin["min"] == pytest.approx(1)
    assert found.tops[0].same_side == 1
    assert found.never == 0
    assert sum(found.counts) == len(X)
