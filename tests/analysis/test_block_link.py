"""Two series along training: rank correlation, and runs of neighbours that stay together."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from pcbm.analysis.transfer.block_link import link
from pcbm.errors import InputError


def test_the_p_value_counts_every_order_of_the_blocks() -> None:
    rng = np.random.default_rng(0)
    series, other = rng.normal(size=12), rng.normal(size=12)
    found = link(series, other, block=3)
    blocks = [list(range(at, at + 3)) for at in range(0, 12, 3)]
    rhos = [
        spearmanr(series[np.concatenate(order)], other).statistic for order in permutations(blocks)
    ]
    assert found.rho == pytest.approx(rhos[0])
    assert found.p_value == np.mean(np.abs(rhos) >= abs(rhos[0]) - 1e-9)
    assert (found.permutations, found.exact, found.blocks, found.block) == (24, True, 4, 3)


def test_independent_series_are_seldom_called_related() -> None:
    rng = np.random.default_rng(1)
    found = [link(*rng.normal(size=(2, 16)), block=4) for _ in range(300)]
    assert all(one.smallest_p == 1 / 24 for one in found)
    assert np.mean([one.p_value <= 0.05 for one in found]) < 0.1


def test_drawn_orders_count_the_given_one_too() -> None:
    series = np.arange(64.0)
    found = link(series, series**2, permutations=199, block=4, seed=3)
    assert (found.rho, found.p_value, found.exact) == (pytest.approx(1), 1 / 200, False)
    assert found == link(series, series**2, permutations=199, block=4, seed=3)


def test_few_blocks_have_no_p_value_and_the_reason() -> None:
    found = link(np.arange(9.0), np.arange(9.0))  # 3 blocks of 3
    assert found.rho == pytest.approx(1)
    assert found.p_value is None
    assert found.reason is not None
    assert "9 checkpoints in 3 blocks of up to 3 have 6 orders" in found.reason
    assert "no p value below 0.17 is possible: use more checkpoints" in found.reason


@pytest.mark.parametrize(
    ("series", "words"),
    [(np.ones(16), "one of the series is constant"), ([np.nan] * 16, "a checkpoint has no value")],
)
def test_what_has_no_ranks_has_no_correlation(series: np.ndarray, words: str) -> None:
    found = link(series, np.arange(16.0))
    assert (found.rho, found.p_value, found.reason) == (None, None, words)


@pytest.mark.parametrize(
    ("n", "other", "block", "words"),
    [
        (5, 6, None, "5 values stand beside 6: give one for each checkpoint"),
        (3, 3, None, "3 checkpoints were given, expected at least 4"),
        (5, 5, 6, "blocks of 6 were asked for, expected 1 to 5 checkpoints"),
        (5, 5, 0, "blocks of 0 were asked for"),
    ],
)
def test_series_that_cannot_be_linked_are_refused(
    n: int, other: int, block: int | None, words: str
) -> None:
    with pytest.raises(InputError) as error:
        link(np.arange(n), np.arange(other), block=block)
    assert words in str(error.value)
