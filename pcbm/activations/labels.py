"""What labels mean: which task they pose, which classes there are, and whether any are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from pcbm.errors import InputError, near, quoted

Task = Literal["binary", "multiclass", "multilabel", "regression"]
TASKS: tuple[str, ...] = get_args(Task)
SEPARATOR = ";"
MANY_CLASSES = 20


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels as the heads want them.

    Attributes
    ----------
    task : {"binary", "multiclass", "multilabel", "regression"}
    y : ndarray
        Class labels (n,) for binary and multiclass, 0/1 integers (n, C) for multilabel, float64
        (n,) for regression.
    classes : ndarray or None
        The classes in the order of `np.unique`; the names of the C columns for multilabel; None
        for regression. In binary tasks the second class is the positive one.
    note : str or None
        The decision that was taken for the user, in words; None where there was nothing to decide.
    """

    task: Task
    y: np.ndarray
    classes: np.ndarray | None
    note: str | None = None


def resolve_task(
    y: np.ndarray | Sequence | None,
    task: str = "auto",
    *,
    label_names: Sequence[str] | None = None,
    classes: np.ndarray | Sequence | None = None,
) -> Labels:
    """Decide which task the labels pose, and bring them into the form of that task.

    With ``task="auto"``: an (n, C) array of 0/1 or strings with ``;`` between names are multilabel,
    numbers with fractions are regression, two distinct values are binary, more are multiclass.

    Parameters
    ----------
    y : array-like, shape (n,) or (n, C), or None
    task : str
        ``auto``, or one of the four tasks.
    label_names : sequence of str, optional
        Names of the columns of an (n, C) `y`.
    classes : array-like, optional
        The classes of a fitted model: `y` is matched with them by text, and a label that is none
        of them is refused. Without it a single class, or a class with one example, is refused.

    Returns
    -------
    Labels

    Raises
    ------
    InputError
        No labels, missing labels, a single class, a class with one example, an unknown class, or
        labels that do not fit the task.
    """
    if task != "auto" and task not in TASKS:
        raise InputError(f"--task {task!r} is unknown: {near(task, ['auto', *TASKS])}")
    if y is None:
        raise InputError("the data has no labels: give a label for each row")
    values = plain_labels(np.asarray(y))
    chosen, note = (task, None) if task != "auto" else _guess(values, classes)
    if chosen == "regression":
        return Labels("regression", _quantities(values), None, note)
    if chosen == "multilabel":
        matrix, names = _indicators(values, label_names, classes)
        labels = Labels("multilabel", matrix, names, note)
    else:
        labels = _class_labels(values, chosen, label_names, classes, note)
    if classes is None:
        check_classes(labels)
    return labels


def check_classes(labels: Labels, where: str = "the data") -> None:
    """Refuse labels that cannot be learnt: a single class, or a class with one example.

    For multilabel every label needs two examples that have it and two that have it not.
    """
    if labels.classes is None:
        return
    n = len(labels.y)
    if labels.task == "multilabel":
        with_it = labels.y.sum(0)
        few = [str(c) for c, k in zip(labels.classes, with_it, strict=True) if min(k, n - k) < 2]
        if few:
            raise InputError(
                f"{where} has fewer than two examples with or without the label {quoted(few)}: "
                "add examples or leave the label out"
            )
        return
    present, sizes = np.unique(labels.y, return_counts=True)
    if len(present) < 2:
        only = str(present[0])
        raise InputError(f"{where} has the single class {only!r}: give at least two classes")
    counts = dict(zip(present.tolist(), sizes.tolist(), strict=True))
    few = [str(c) for c in labels.classes.tolist() if counts.get(c, 0) < 2]
    if few:
        hint = ", or give --task regression if the labels are quantities"
        raise InputError(
            f"{where} has fewer than two examples of class {quoted(few)}: add examples or leave "
            f"the class out{hint if labels.y.dtype.kind in 'iuf' else ''}"
        )


def plain_labels(y: np.ndarray) -> np.ndarray:
    """Return labels as strings, int64 or float64; whole floats become integers, truths words.

    Raises
    ------
    InputError
        A label is missing (NaN) or the array is of another kind (objects, dates, ...).
    """
    if y.dtype.kind == "O" and all(isinstance(value, str) for value in y.flat):
        return y.astype(str)
    if y.dtype.kind == "U":
        return y
    if y.dtype.kind == "S":
        try:
            return np.char.decode(y, "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"labels are bytes, not UTF-8 text ({error}): save texts") from None
    if y.dtype.kind == "b":
        return np.where(y, "True", "False") if y.ndim == 1 else y.astype(np.int64)
    if y.dtype.kind in "iu":
        return y.astype(np.int64)
    if y.dtype.kind != "f":
        raise InputError(f"labels of type {y.dtype} cannot be used: give strings or numbers")
    rows = np.flatnonzero(~np.isfinite(y.reshape(len(y), -1)).all(axis=1))
    if len(rows):
        raise InputError(
            f"{len(rows)} label(s) are missing or infinite, first in row {rows[0]}: "
            "fill them in or leave these rows out"
        )
    whole = (y == np.round(y)).all() and np.abs(y).max(initial=0) < 2**53
    return y.astype(np.int64) if whole else y.astype(np.float64)


def labels_from_text(values: Sequence[str], ids: Sequence[str], source: str) -> np.ndarray | None:
    """Return a column of label texts as labels: numbers with fractions as floats, else strings.

    A column of blanks alone means that there are no labels (None). A blank among multilabel rows
    means "none of them"; elsewhere it is a missing label.

    Raises
    ------
    InputError
        Some labels are blank.
    """
    texts = np.array([value.strip() for value in values])
    blank = np.flatnonzero(texts == "")
    if len(blank) == len(texts):
        return None
    if len(blank) and not any(SEPARATOR in text for text in texts):
        raise InputError(
            f"{source} has no label in {len(blank)} of {len(texts)} rows, first "
            f"{str(ids[blank[0]])!r}: fill them in or leave these rows out"
        )
    if all(_is_number(text) for text in texts):
        numbers = texts.astype(np.float64)
        finite = np.isfinite(numbers)
        if (numbers[finite] != np.round(numbers[finite])).any():
            if not finite.all():
                row = int(np.argmin(finite))
                raise InputError(
                    f"{source} has the label {str(texts[row])!r} in row {str(ids[row])!r} among "
                    "numbers: fill it in or leave the row out"
                )
            return numbers
    return texts


def _guess(values: np.ndarray, classes: np.ndarray | Sequence | None) -> tuple[Task, str | None]:
    if values.ndim == 2:
        return "multilabel", f"labels are a table of {values.shape[1]} columns: task multilabel"
    if values.dtype.kind == "f":
        return "regression", "labels are numbers with fractions: task regression"
    if values.dtype.kind == "U":
        if any(SEPARATOR in value for value in values):
            return "multilabel", "labels hold ';' between names: task multilabel"
        numbers = _numbers(values)
        if numbers is not None and (numbers != np.round(numbers)).any():
            return "regression", "labels are numbers with fractions: task regression"
    count = len(np.unique(values)) if classes is None else np.size(classes)
    note = None
    if count > MANY_CLASSES and _numbers(values) is not None:
        note = (
            f"labels are whole numbers, read as {count} classes: "
            "--task regression reads them as quantities"
        )
    return ("binary" if count == 2 else "multiclass"), note


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(values: np.ndarray) -> np.ndarray | None:
    """Return finite float64 numbers, or None when a value is no number."""
    try:
        numbers = values.astype(np.float64)
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _quantities(values: np.ndarray) -> np.ndarray:
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise InputError(f"regression wants one number a row, labels have shape {values.shape}")
    numbers = _numbers(values)
    if numbers is None:
        first = next(value for value in values if _numbers(np.array([value])) is None)
        raise InputError(f"--task regression wants numbers as labels, got {str(first)!r}")
    return numbers


def _indicators(
    values: np.ndarray, label_names: Sequence[str] | None, classes: np.ndarray | Sequence | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the (n, C) table of 0/1 and the names of its columns."""
    if values.ndim == 2:
        if not np.isin(values, (0, 1)).all():
            raise InputError("multilabel wants labels of 0 and 1 in an (n, C) array")
        count = values.shape[1]
        names = np.array(label_names if label_names is not None else np.arange(count).astype(str))
        if len(names) != count:
            raise InputError(f"labels have {count} columns but {len(names)} names: give one each")
        matrix = values.astype(np.int64)
        if classes is None:
            return matrix, names
        return _columns(matrix, names, classes), np.asarray(classes)
    sets = [{part.strip() for part in str(value).split(SEPARATOR)} - {""} for value in values]
    names = np.array(sorted(set().union(*sets))) if classes is None else np.asarray(classes)
    place = {str(name): j for j, name in enumerate(names)}
    matrix = np.zeros((len(sets), len(names)), dtype=np.int64)
    for i, row in enumerate(sets):
        for name in row:
            if name not in place:
                raise InputError(f"label {name!r} is unknown to the model: {near(name, place)}")
            matrix[i, place[name]] = 1
    return matrix, names


def _columns(matrix: np.ndarray, names: np.ndarray, classes: np.ndarray | Sequence) -> np.ndarray:
    """Put the columns called ``names`` in the order of ``classes``."""
    place = {str(name): j for j, name in enumerate(names)}
    missing = [str(name) for name in classes if str(name) not in place]
    if missing or len(place) != len(list(classes)):
        raise InputError(
            f"the labels are {quoted(list(place))}, the model's are "
            f"{quoted([str(c) for c in classes])}: give the same labels"
        )
    return matrix[:, [place[str(name)] for name in classes]]


def _class_labels(
    values: np.ndarray,
    task: str,
    label_names: Sequence[str] | None,
    classes: np.ndarray | Sequence | None,
    note: str | None,
) -> Labels:
    if values.ndim == 2:
        if not (np.isin(values, (0, 1)).all() and (values.sum(1) == 1).all()):
            raise InputError(f"--task {task} wants one label a row, labels are {values.shape}")
        columns = np.arange(values.shape[1]).astype(str) if label_names is None else label_names
        values = np.array(columns)[values.argmax(1)]
    if values.dtype.kind == "f":
        values = values.astype(str)
    if classes is None:
        known = np.unique(values)
    else:
        known = np.asarray(classes)
        values = _matched(values, known)
    if task == "binary" and len(known) != 2:
        raise InputError(f"--task binary wants two classes, the data has {len(known)}")
    return Labels("binary" if task == "binary" else "multiclass", values, known, note)


def _matched(values: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the values as elements of ``classes``, compared by their text."""
    place = {str(name): i for i, name in enumerate(classes)}
    distinct, inverse = np.unique(values, return_inverse=True)
    for name in distinct:
        if str(name) not in place:
            raise InputError(
                f"class {str(name)!r} is unknown to the model: {near(str(name), place)}"
            )
    index = np.array([place[str(name)] for name in distinct], dtype=np.int64)
    return classes[index[inverse]]
