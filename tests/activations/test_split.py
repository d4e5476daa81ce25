from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcbm.activations import ActivationSet, resolve_task, split_rows
from pcbm.errors import InputError


def test_the_split_column_decides_and_validation_rows_stay_with_training() -> None:
    split = np.array(["train", "test", "val", "train", "train", "test"])
    y = np.array(["a", "a", "b", "b", "a", "b"])
    train, test = split_rows(y, split)
    assert train.tolist() == [0, 2, 3, 4]
    assert test.tolist() == [1, 5]
    acts = ActivationSet(X=np.zeros((6, 1)), ids=np.arange(6).astype(str), y=y, split=split)
    assert split_rows(acts)[1].tolist() == [1, 5]
    assert (acts.split[train] == "val").tolist() == [False, True, False, False]  # type: ignore[index]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(2, 40), min_size=2, max_size=5),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32 - 1),
)
def test_each_class_keeps_its_share_and_a_row_on_both_sides(
    counts: list[int], test_size: float, seed: int
) -> None:
    y = np.repeat(np.arange(len(counts)), counts)
    train, test = split_rows(y, test_size=test_size, seed=seed)
    assert sorted([*train, *test]) == list(range(len(y)))
    for name, count in enumerate(counts):
        there = (y[test] == name).sum()
        assert 1 <= there <= count - 1
        assert abs(there - test_size * count) <= 1


def test_the_same_seed_gives_the_same_rows_and_another_seed_others() -> None:
    y = np.repeat(["a", "b"], 50)
    assert split_rows(y, seed=3)[1].tolist() == split_rows(y, seed=3)[1].tolist()
    assert split_rows(y, seed=3)[1].tolist() != split_rows(y, seed=4)[1].tolist()


def test_rows_marked_train_only_are_divided_by_chance() -> None:
    train, test = split_rows(np.repeat(["a", "b"], 10), np.full(20, "train"))
    assert (len(train), len(test)) == (16, 4)


def test_rare_labels_of_a_multilabel_task_land_on_both_sides() -> None:
    rng = np.random.default_rng(0)
    y = (rng.random((400, 6)) < [0.5, 0.3, 0.1, 0.05, 0.02, 0.4]).astype(int)
    labels = resolve_task(y)
    for seed in range(20):
        train, test = split_rows(labels, seed=seed)
        assert abs(len(test) - 80) <= 12
        assert (y[train].sum(0) > 0).all()
        assert (y[test].sum(0) > 0).all()


def test_numbers_are_divided_by_chance() -> None:
    train, test = split_rows(np.linspace(0, 1, 50))
    assert (len(train), len(test)) == (40, 10)
    assert len(set(train) & set(test)) == 0


@pytest.mark.parametrize(
    ("y", "split", "message"),
    [
        (["a", "b", "b"], None, "fewer than two examples of class 'a'"),
        (["a", "a", "b", "b"], ["test"] * 4, "all rows are marked 'test'"),
        (
            ["a", "a", "b", "b", "b"],
            ["train", "test", "train", "train", "test"],
            "the training part of the data has fewer than two examples of class 'a'",
        ),
        (
            ["a", "a", "b", "b"],
            ["train", "train", "test", "test"],
            "the training part of the data has the single class 'a'",
        ),
    ],
)
def test_classes_that_cannot_be_learnt_are_named(
    y: list[str], split: list[str] | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        split_rows(np.array(y), None if split is None else np.array(split))


@pytest.mark.parametrize("size", [0, 1, -0.2, 5])
def test_a_test_size_that_is_no_part_is_refused(size: float) -> None:
    with pytest.raises(InputError, match=r"--test-size .* is not between 0 and 1"):
        split_rows(np.array(["a", "b"] * 5), test_size=size)
