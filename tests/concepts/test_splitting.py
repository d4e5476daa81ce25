from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pcbm.concepts.splitting import duplicate_groups, grouped_folds


def test_exact_copies_share_a_group_and_other_rows_do_not() -> None:
    rows = np.random.default_rng(0).standard_normal((40, 5))
    groups = duplicate_groups(np.concatenate([rows, rows[:7]]))
    assert np.array_equal(groups[40:], groups[:7])
    assert len(np.unique(groups)) == 40


def test_copies_that_differ_in_the_last_bits_share_a_group() -> None:
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((500, 32)).astype(np.float32)
    again = rows * (1 + 1e-6 * rng.standard_normal(rows.shape)).astype(np.float32)
    groups = duplicate_groups(np.concatenate([rows, again]).astype(np.float64))
    assert np.array_equal(groups[500:], groups[:500])
    assert len(np.unique(groups)) == 500


def test_groups_do_not_depend_on_scale_or_shift() -> None:
    rng = np.random.default_rng(2)
    rows = rng.standard_normal((60, 3))
    rows = np.concatenate([rows, rows[:9] + 1e-6])
    for scale, shift in ((1.0, 0.0), (1e-6, 0.0), (1e4, 3e4)):
        groups = duplicate_groups(rows * scale + shift)
        assert np.array_equal(groups[60:], groups[:9]) and len(np.unique(groups)) == 60


def test_rows_that_are_all_equal_are_one_group() -> None:
    assert duplicate_groups(np.ones((4, 2))).tolist() == [0, 0, 0, 0]
    assert duplicate_groups(np.ones((1, 2))).tolist() == [0]


@settings(deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(1, 4)), min_size=4, max_size=40),
    st.integers(2, 6),
    st.integers(0, 5),
)
def test_folds_never_divide_a_group_and_spread_each_label_evenly(drawn, folds, seed) -> None:
    labels = np.array([number % 2 for number, times in drawn for _ in range(times)])
    groups = np.array([number for number, times in drawn for _ in range(times)])
    fold = grouped_folds(labels, groups, folds, np.random.default_rng(seed))
    for group in np.unique(groups):
        assert len(set(fold[groups == group])) == 1
    for label in np.unique(labels):
        members = np.unique(groups[labels == label])
        sizes = np.bincount([fold[groups == g][0] for g in members], minlength=folds)
        assert sizes.max() - sizes.min() <= 1 and sizes[0] == sizes.max()


def test_folds_follow_the_seed() -> None:
    labels, groups = np.repeat([0, 1], 30), np.arange(60)
    first, same, other = (
        grouped_folds(labels, groups, 5, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, same) and not np.array_equal(first, other)
