"""Which rows a person may try edits on: those that the report's figures were not measured on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pcbm.errors import InputError
from pcbm.heads.holdout import held_out_rows
from pcbm.model.base import UNLABELLED
from pcbm.model.run import Run

VALIDATION_SHARE = 0.2  # what `pcbm.heads.validated_lam` holds out
ALSO_FITTED = (
    "Like all training rows they took part in the last fit, so figures on them flatter the model "
    "a little."
)


@dataclass(frozen=True)
class EditingRows:
    """Rows of a data set to try edits on.

    Attributes
    ----------
    rows : ndarray of int, shape (N,)
        Positions, ascending.
    part : {"val", "train", "not test", "all"}
        What they are, in the words of `pcbm.editing.ChosenOn`.
    text : str
        The same for people, with what to mind: whole sentences.
    """

    rows: np.ndarray
    part: str
    text: str


def editing_rows(
    run: Run, y: np.ndarray, split: np.ndarray | None, train: np.ndarray, *, of_the_fit: bool
) -> EditingRows:
    """Choose the rows to try edits on: validation rows where there are some, never test rows.

    Parameters
    ----------
    run : Run
    y : ndarray, shape (n,) or (n, C)
        Labels as `pcbm.model.pipeline.labels_for` gives them.
    split : ndarray of str, shape (n,), or None
        ``train``, ``val`` or ``test`` for each row.
    train : ndarray of int
        Positions of the rows that are not for testing.
    of_the_fit : bool
        Whether this is the data that the run was fitted on.

    Raises
    ------
    InputError
        There are no rows but test rows.
    """
    if len(train) == 0:
        raise InputError(
            "the data holds test rows alone, which the report quotes and no edit may be chosen on: "
            "give data with training or validation rows"
        )
    marked = train[split[train] == "val"] if split is not None else train[:0]
    if len(marked):
        return EditingRows(
            marked, "val", f"They are the rows marked val; no test row is among them. {ALSO_FITTED}"
        )
    if of_the_fit:
        return _rows_of_the_fit(run, y, train)
    if split is not None and (split == "test").any():
        text = "They are the rows not marked as test; the run has no record of this data."
        return EditingRows(train, "not test", text)
    text = (
        "The run has no record of this data: make sure that it holds no row of the test set that "
        "the report quotes."
    )
    return EditingRows(train, "all", text)


def _rows_of_the_fit(run: Run, y: np.ndarray, train: np.ndarray) -> EditingRows:
    held = validation_rows(run, y[train])
    if held is not None:
        text = (
            "They are the validation rows that chose how sparse the model is; no test row is among "
            f"them. {ALSO_FITTED}"
        )
        return EditingRows(train[held], "val", text)
    text = (
        "They are the training rows, because this run chose nothing on validation rows; no test "
        "row is among them. The model was fitted on them, so figures on them flatter it."
    )
    return EditingRows(train, "train", text)


def validation_rows(run: Run, y: np.ndarray) -> np.ndarray | None:
    """Return the training rows that chose the penalty of a run, drawn again as the fit drew them.

    Parameters
    ----------
    run : Run
    y : ndarray, shape (n_train,) or (n_train, C)
        Labels of its training rows, in their order.

    Returns
    -------
    ndarray of int or None
        None where the run chose nothing on a validation part, or not on that of these rows.
    """
    record: dict[str, Any] = run.metrics.get("validation") or {}
    if "n_validation" not in record or len(y) != run.metrics["n_train"]:
        return None
    strata = len(y) if run.model.head_.family_ in UNLABELLED else y
    held = held_out_rows(strata, VALIDATION_SHARE, record["seed"])
    return held if len(held) == record["n_validation"] else None
