"""Agreement of predictions has the values of the closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from pcbm.analysis.transfer.agreement import measure_agreement
from pcbm.errors import InputError


def built(both: int, only_a: int, only_b: int, neither: int, same: int = 0):
    """Return answers and labels with so many rows right in both, in A alone, in B alone, in none.

    Of the last ones `same` have the same wrong answer.
    """
    n = both + only_a + only_b + neither
    y = np.zeros(n, dtype=int)
    a, b = y.copy(), y.copy()
    b[both : both + only_a] = 1
    a[both + only_a : n - neither] = 1
    a[n - neither :] = 1
    b[n - neither :] = 2
    b[n - same : n] = 1
    return a, b, y


def test_error_kappa_has_the_closed_form() -> None:
    a, b, y = built(both=50, only_a=20, only_b=10, neither=20, same=5)
    found = measure_agreement(a, b, y, draws=0)
    assert found.accuracy == pytest.approx((0.7, 0.6))
    assert found.consistency == pytest.approx(0.7)
    assert found.expected_consistency == pytest.approx(0.7 * 0.6 + 0.3 * 0.4)
    assert found.error_kappa == pytest.approx((0.7 - 0.54) / 0.46)
    assert found.common_mistakes == pytest.approx(20 / 50)
    assert found.same_mistakes == pytest.approx(5 / 20)
    assert found.agreement == pytest.approx(0.55)
    right = cohen_kappa_score(a == y, b == y)  # error consistency is Cohen's kappa of being right
    assert found.error_kappa == pytest.approx(right)
    assert found.cohen_kappa == pytest.approx(cohen_kappa_score(a, b))


def test_the_same_predictions_agree_in_full() -> None:
    y = np.array(["cat", "dog", "cat", "emu", "dog"])
    a = np.array(["cat", "dog", "dog", "emu", "emu"])
    found = measure_agreement(a, a, y, draws=50)
    assert found.agreement == found.consistency == found.error_kappa == found.cohen_kappa == 1
    assert found.common_mistakes == found.same_mistakes == 1
    assert found.intervals["agreement"] == (1.0, 1.0)


def test_equal_numbers_agree_whatever_their_type() -> None:
    y = np.array([0, 1, 1, 0])
    found = measure_agreement(y, y.astype(float), y == 1, draws=0)
    assert found.agreement == 1 and found.accuracy == (1.0, 1.0)
    assert measure_agreement(y, y.astype(str), draws=0).agreement == 1


def test_independent_mistakes_have_a_kappa_of_zero() -> None:
    found = measure_agreement(*built(both=56, only_a=24, only_b=14, neither=6), draws=0)
    assert found.accuracy == pytest.approx((0.8, 0.7))
    assert found.error_kappa == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("rows", "end"),
    [((60, 20, 0, 20), 1), ((40, 40, 20, 0), 0)],
    ids=["mistakes within mistakes", "mistakes apart"],
)
def test_the_range_is_what_the_accuracies_allow(rows: tuple[int, ...], end: int) -> None:
    found = measure_agreement(*built(*rows), draws=0)
    assert found.error_kappa == pytest.approx(found.error_kappa_range[end])


def test_sides_may_be_exchanged() -> None:
    a, b, y = built(50, 20, 10, 20, 5)
    one, two = (
        measure_agreement(a, b, y, draws=0).data(),
        measure_agreement(b, a, y, draws=0).data(),
    )
    assert one.pop("accuracy") == two.pop("accuracy")[::-1]
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert value == pytest.approx(two[name]), name


def test_without_labels_there_is_agreement_alone() -> None:
    found = measure_agreement(["x", "y", "x"], ["x", "x", "x"], draws=0)
    assert found.agreement == pytest.approx(2 / 3)
    assert found.error_kappa is None and found.accuracy is None and found.reasons == {}


def test_what_is_not_defined_says_why() -> None:
    y = np.array([0, 0, 0])
    found = measure_agreement(y, y, y, draws=30)
    assert found.error_kappa is None and found.common_mistakes is None
    assert "both are right on every row" in found.reasons["error_kappa"]
    assert found.reasons["common_mistakes"] == "neither makes a mistake"
    assert found.intervals["error_kappa"] is None


def test_intervals_have_the_width_of_the_binomial() -> None:
    rng = np.random.default_rng(0)
    y = np.zeros(2000, dtype=int)
    a, b = (rng.random(2000) < 0.3).astype(int), (rng.random(2000) < 0.4).astype(int)
    found = measure_agreement(a, b, y, draws=500, seed=1)
    low, high = found.intervals["accuracy_a"]
    p = found.accuracy[0]
    half = 1.96 * np.sqrt(p * (1 - p) / 2000)
    assert (low, high) == pytest.approx((p - half, p + half), abs=0.2 * half)
    assert found.intervals["error_kappa"][0] < 0 < found.intervals["error_kappa"][1]
    assert not any(name.startswith("expected") for name in found.intervals)
    assert found.intervals == measure_agreement(a, b, y, draws=500, seed=1).intervals
    assert found.intervals != measure_agreement(a, b, y, draws=500, seed=2).intervals


@pytest.mark.parametrize(
    ("arguments", "draws", "words"),
    [
        (([1, 2], [1], None), 0, "have 2, 1 rows: give the same rows to all"),
        (([], [], None), 0, "have 0, 0 rows"),
        (([1], [1], [1]), 5, "was given 5 draws: give 0 or at least 20"),
    ],
)
def test_wrong_input_is_refused(arguments, draws: int, words: str) -> None:
    with pytest.raises(InputError) as error:
        measure_agreement(*arguments, draws=draws)
    assert words in str(error.value)
