"""Finding the rows a run was fitted on, and those to judge it on, in the data a user names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcbm.cli.inputs import activations_like, fitted_rows_warning, marks_test, read, split_part
from pcbm.cli.options import BackboneChoice, Common
from pcbm.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from pcbm.activations import ActivationSet, Dataset


@dataclass(frozen=True)
class Parts:
    """Rows to judge on, and the rows of the fit where they are known.

    ``how`` says in words how they were told apart.
    """

    judged: ActivationSet
    train: ActivationSet | None
    how: str
    warnings: tuple[str, ...] = ()


def judged_and_fitted(
    loaded: Any, run: Path, data: str, train: str | None, choice: BackboneChoice, common: Common
) -> Parts:
    """Return the rows of DATA to judge a run on, and the rows it was fitted on.

    With ``--train`` that data is taken as the data of the fit. Without, DATA is divided as the
    fit divided it, where it is the same data; other data has no training rows, unless the run
    does not say what it was fitted on and DATA marks test rows.

    Raises
    ------
    InputError
        DATA is the data of a fit that was tested on data of its own.
    """
    given = read(data, common)
    record = loaded.config["data"] or {}
    if train is not None:
        return _with_train(loaded, run, given, read(train, common), choice, common)
    acts = activations_like(loaded, run, given, choice, common)
    same = record.get("content") is not None and record["content"] == given.content_hash()
    if same and record.get("test"):
        raise InputError(
            f"{data} is the training data of {run}, which was tested on {record['test']}: "
            f"give that as DATA, and --train {data}"
        )
    if same or (record.get("content") is None and marks_test(given)):
        rows, tests = _as_fitted(loaded, acts, record)
        how = "as the fit divided them" if same else "as DATA marks them"
        return Parts(acts.take(tests), acts.take(rows), how)
    rows, taken = split_part(acts, None, default_test=True)
    how = f"{taken} rows of DATA; the rows of the fit are not among them"
    return Parts(acts.take(rows), None, how)


def _as_fitted(
    loaded: Any, acts: ActivationSet, record: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train and to test on, as ``pcbm fit`` chose them."""
    from pcbm.activations import resolve_task, split_rows

    settings = loaded.config.get("settings") or {}
    labels = resolve_task(acts.y, settings.get("task", "auto"), label_names=acts.label_names)
    size = record.get("test_size") or 0.2
    return split_rows(labels, acts.split, size, settings.get("seed", 0))


def _with_train(
    loaded: Any,
    run: Path,
    given: Dataset,
    fitted: Dataset,
    choice: BackboneChoice,
    common: Common,
) -> Parts:
    warnings = fitted_rows_warning(loaded, given)
    recorded = (loaded.config["data"] or {}).get("content")
    if recorded is not None and recorded != fitted.content_hash():
        warnings.append(
            f"{fitted.source} is not the data that {run} was fitted on: what is fitted again "
            "differs by that too"
        )
    acts = activations_like(loaded, run, given, choice, common)
    train = activations_like(loaded, run, fitted, choice, common)
    if train.split is not None:
        train = train.take(train.split != "test")
    rows, taken = split_part(acts, None, default_test=True)
    return Parts(acts.take(rows), train, f"{taken} rows of DATA, fitted on --train", (*warnings,))
