"""A bank from a table of concept labels: which rows of the data show which concepts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcbm.activations import ActivationSet
from pcbm.activations.tables import read_csv
from pcbm.concepts.bank import ConceptBank
from pcbm.concepts.cav import HELD_OUT, Progress, fit_cavs_of_rows
from pcbm.errors import InputError, near

if TYPE_CHECKING:
    import pyarrow as pa

_VALUES = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, "": -1}


def bank_from_csv(
    path: str | Path,
    acts: ActivationSet,
    *,
    learner: str = "svm",
    penalty: float | None = None,
    held_out: float = HELD_OUT,
    seed: int = 0,
    progress: Progress | None = None,
) -> ConceptBank:
    """Learn one probe per concept from rows of the data that carry concept labels.

    Parameters
    ----------
    path : path
        A ``.csv`` with the column ``id`` and one column a concept, holding 1 (the row shows it),
        0 (it does not) or nothing (not known: the row is not used for that concept).
    acts : ActivationSet
        Activations with the same ids. Give training rows only; rows whose split is ``test`` are
        not used.
    learner, penalty, held_out, seed
        See `pcbm.concepts.fit_cav`.
    progress : callable, optional
        Called with (concepts done, concepts in all).

    Raises
    ------
    InputError
        No ``id`` column or no concept, another value, an id twice, no id in common with the
        activations, or whatever `fit_cav` refuses.
    """
    file = Path(path)
    table = read_csv(file)
    ids, concepts = _columns(file, table)
    values = {name: _zero_one(file, name, ids, table[name].to_pylist()) for name in concepts}
    usable = np.ones(len(acts), dtype=bool) if acts.split is None else acts.split != "test"
    row_of = {str(name): row for row, name in enumerate(acts.ids) if usable[row]}
    matched = [(position, row_of[name]) for position, name in enumerate(ids) if name in row_of]
    if not matched:
        raise InputError(
            f"{file} shares no id with the {len(row_of)} training rows (it starts with {ids[0]!r}, "
            f"they with {str(acts.ids[0])!r}): use the ids of the data"
        )
    positions, rows = np.array(matched).T
    order = np.sort(rows)
    X = np.empty((len(rows), acts.X.shape[1]))
    X[np.argsort(rows)] = acts.X[order]
    known = {name: column[positions] for name, column in values.items()}
    sides = {
        name: (np.flatnonzero(column == 1), np.flatnonzero(column == 0))
        for name, column in known.items()
    }
    probe: dict[str, Any] = {"learner": learner, "penalty": penalty}
    probe |= {"held_out": held_out, "seed": seed}
    cavs = fit_cavs_of_rows(X, sides, progress=progress, **probe)
    extra: dict[str, Any] = {"probe": probe}
    if len(matched) < len(ids):
        missed = len(ids) - len(matched)
        extra["notes"] = [
            f"{file.name}: {missed} of {len(ids)} ids are not among the training rows; not used"
        ]
    return ConceptBank.from_cavs(cavs, record=acts.record, extra=extra)


def concept_labels(path: str | Path, concept: str, ids: np.ndarray) -> np.ndarray:
    """Read the labels of one concept from a table as `bank_from_csv` takes it.

    Parameters
    ----------
    path : path
    concept : str
        The column.
    ids : ndarray of str, shape (n,)
        The rows that are asked for.

    Returns
    -------
    ndarray of int, shape (n,)
        1, 0, or -1 where the table says nothing.

    Raises
    ------
    InputError
        No such column, or whatever `bank_from_csv` refuses of a table.
    """
    file = Path(path)
    table = read_csv(file)
    keys, concepts = _columns(file, table)
    if concept not in concepts:
        raise InputError(f"{file} has no column {concept!r}: {near(concept, concepts)}")
    values = _zero_one(file, concept, keys, table[concept].to_pylist())
    known = dict(zip(keys, values.tolist(), strict=True))
    return np.array([known.get(str(name), -1) for name in ids])


def concept_table(path: str | Path, ids: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Read a table of concept labels for given rows.

    Parameters
    ----------
    path : path
        A ``.csv`` as for `bank_from_csv`.
    ids : ndarray of str, shape (n,)

    Returns
    -------
    names : list of str, length m
    values : ndarray of int8, shape (n, m)
        1, 0, and -1 for not known, also for rows that the table does not have.

    Raises
    ------
    InputError
        No ``id`` column or no concept, another value, an id twice, or no id in common.
    """
    file = Path(path)
    table = read_csv(file)
    keys, concepts = _columns(file, table)
    place = {key: position for position, key in enumerate(keys)}
    found = np.array([place.get(str(name), -1) for name in ids])
    if not (found >= 0).any():
        raise InputError(
            f"{file} shares no id with the {len(ids)} rows (it starts with {keys[0]!r}, they with "
            f"{str(ids[0])!r}): use the ids of the data"
        )
    columns = [_zero_one(file, name, keys, table[name].to_pylist()) for name in concepts]
    values = np.stack(columns, axis=1).astype(np.int8)[found]
    values[found < 0] = -1
    return concepts, values


def _columns(file: Path, table: pa.Table) -> tuple[list[str], list[str]]:
    names = table.column_names
    if "id" not in names:
        raise InputError(f"{file} has no column 'id': {near('id', names)}")
    concepts = [name for name in names if name != "id"]
    if not concepts:
        raise InputError(f"{file} has no concept column beside 'id': add one 0/1 column a concept")
    ids = [value.strip() for value in table["id"].to_pylist()]
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise InputError(f"{file} has the id {name!r} twice: give every row once")
        seen.add(name)
    return ids, concepts


def _zero_one(file: Path, name: str, ids: list[str], texts: list[str]) -> np.ndarray:
    """Return 1, 0 or -1 (not known) for each row."""
    for key, text in zip(ids, texts, strict=True):
        if text.strip() not in _VALUES:
            raise InputError(
                f"{file}, column {name!r}, id {key!r} holds {text!r}: concept columns hold 1, 0 or "
                "nothing"
            )
    return np.array([_VALUES[text.strip()] for text in texts])
