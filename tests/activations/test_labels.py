from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcbm.activations import resolve_task
from pcbm.errors import InputError


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (["no", "yes", "no", "yes"], "binary", ["no", "yes"]),
        ([1, 0, 1, 0], "binary", [0, 1]),
        ([2.0, 10.0, 2.0, 10.0, 3.0, 3.0], "multiclass", [2, 3, 10]),
        ([True, False, True, False], "binary", ["False", "True"]),
        (["a;b", "b;c", "a", "", "c;a"], "multilabel", ["a", "b", "c"]),
        ([[1, 0], [0, 1], [1, 1], [0, 0]], "multilabel", ["0", "1"]),
        ([0.5, 1.0, 2.0], "regression", None),
        (["0.5", "1", "2"], "regression", None),
    ],
)
def test_the_task_is_read_from_the_labels(y: list, task: str, classes: list | None) -> None:
    labels = resolve_task(np.array(y))
    assert labels.task == task
    assert (None if labels.classes is None else labels.classes.tolist()) == classes


def test_the_decision_is_stated() -> None:
    assert "';'" in str(resolve_task(np.array(["a;b", "b", "a", ""])).note)
    assert "fractions" in str(resolve_task(np.array([0.5, 1.0])).note)
    assert resolve_task(np.array(["a", "b", "a", "b"])).note is None
    note = resolve_task(np.repeat(np.arange(30), 2)).note
    assert note == (
        "labels are whole numbers, read as 30 classes: --task regression reads them as quantities"
    )


@given(
    st.lists(
        st.sets(
            st.text("abc é'\"<", min_size=1, max_size=3).map(str.strip).filter(bool), max_size=3
        ),
        min_size=1,
        max_size=12,
    )
)
def test_names_between_semicolons_survive_the_table(rows: list[set[str]]) -> None:
    texts = np.array([";".join(sorted(row)) for row in rows * 2] + ["only;here", "only", "", ""])
    every = sorted(set().union(*rows) | {"only", "here"})
    labels = resolve_task(texts, "multilabel", classes=every)
    back = [{every[j] for j in np.flatnonzero(row)} for row in labels.y]
    assert back[: len(rows)] == rows


def test_a_task_named_by_the_user_overrides_the_guess() -> None:
    versions = resolve_task(np.array([1.1, 1.2, 1.1, 1.2, 1.3, 1.3]), "multiclass")
    assert versions.classes is not None
    assert versions.classes.tolist() == ["1.1", "1.2", "1.3"]
    ages = resolve_task(np.array(["34", "51", "7"]), "regression")
    assert ages.y.tolist() == [34.0, 51.0, 7.0]
    assert ages.y.dtype == np.float64
    odd = resolve_task(np.array(["a;b", "c", "a;b", "c"]), "binary")
    assert odd.classes is not None
    assert odd.classes.tolist() == ["a;b", "c"]
    one_hot = resolve_task(np.eye(3)[[0, 1, 2, 0, 1, 2]], "multiclass", label_names=list("xyz"))
    assert one_hot.y.tolist() == list("xyzxyz")


@pytest.mark.parametrize(
    ("y", "task", "message"),
    [
        (None, "auto", "the data has no labels: give a label for each row"),
        (["a", "a"], "auto", "has the single class 'a': give at least two classes"),
        (["a", "a", "b"], "auto", "fewer than two examples of class 'b': add examples or leave"),
        (
            [1, 1, 2],
            "auto",
            "of class '2': add examples or leave the class out, or give --task reg",
        ),
        (["a;b", "a", "c", ""], "auto", "with or without the label 'b', 'c'"),
        ([1.0, np.nan, 2.0], "auto", "1 label(s) are missing or infinite, first in row 1"),
        (["a", "b", "c"] * 2, "binary", "--task binary wants two classes, the data has 3"),
        (["a", "b"] * 2, "regression", "--task regression wants numbers as labels, got 'a'"),
        ([[0, 2], [1, 0]], "auto", "multilabel wants labels of 0 and 1"),
        (["a", "b"], "regresion", "--task 'regresion' is unknown: did you mean 'regression'?"),
        ([object(), object()], "auto", "labels of type object cannot be used"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(y: Any, task: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_task(y, task)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_new_labels_are_matched_with_the_classes_of_a_model_by_their_text() -> None:
    one = resolve_task(np.array(["3", "3"]), "multiclass", classes=np.array([1, 3, 7]))
    assert one.y.tolist() == [3, 3]
    assert one.y.dtype == np.int64
    table = resolve_task(np.array(["b", ""]), "multilabel", classes=np.array(["a", "b"]))
    assert table.y.tolist() == [[0, 1], [0, 0]]
    turned = resolve_task(
        np.array([[1, 0]]), "multilabel", label_names=["b", "a"], classes=np.array(["a", "b"])
    )
    assert turned.y.tolist() == [[0, 1]]
    with pytest.raises(InputError, match="class 'stripe' is unknown to the model: did you mean"):
        resolve_task(np.array(["stripe"]), "binary", classes=np.array(["plain", "stripes"]))
    with pytest.raises(InputError, match="give the same labels"):
        resolve_task(np.eye(2), "multilabel", label_names=["a", "z"], classes=["a", "b"])
