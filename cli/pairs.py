"""The options that name pairs: the same inputs with and without a concept."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pcbm.cli.inputs import activations_like, read
from pcbm.cli.options import BackboneChoice, Common
from pcbm.errors import InputError, quoted

if TYPE_CHECKING:
    import numpy as np

    from pcbm.activations import ActivationSet

PAIRS = "Pairs: the same inputs with and without the concept"
COLUMNS = ("with", "without")

PairsOption = Annotated[
    Path | None,
    typer.Option(
        "--pairs",
        metavar="PAIRS.csv",
        help="Columns with, without: ids of DATA, or image paths relative to the file.",
        rich_help_panel=PAIRS,
    ),
]
WithOption = Annotated[
    str | None,
    typer.Option(
        "--with", metavar="DATA", help="The inputs with the concept.", rich_help_panel=PAIRS
    ),
]
WithoutOption = Annotated[
    str | None,
    typer.Option(
        "--without",
        metavar="DATA",
        help="The inputs without it, under the same names.",
        rich_help_panel=PAIRS,
    ),
]

Pairs = tuple[Any, Any, "np.ndarray | None"]


def read_pairs(
    run: Any,
    folder: Path,
    acts: ActivationSet | None,
    given: tuple[Path | None, str | None, str | None],
    choice: BackboneChoice,
    common: Common,
) -> Pairs | None:
    """Return the activations of pairs and their labels; None where no pairs were given.

    Parameters
    ----------
    run : pcbm.model.run.Run
    folder : Path
        Of the run, for messages.
    acts : ActivationSet or None
        DATA, whose ids a pairs file may name.
    given : (--pairs, --with, --without)
    choice : BackboneChoice
    common : Common

    Raises
    ------
    InputError
        Both forms, half of one, names that lack a partner, a table without the two columns.
    """
    table, having, lacking = given
    if table is not None and (having is not None or lacking is not None):
        raise InputError("--pairs was given beside --with or --without: give one of the two forms")
    if (having is None) != (lacking is None):
        raise InputError("--with and --without belong together: give both or neither")
    if table is not None:
        return _from_table(run, folder, acts, table, choice, common)
    if having is None or lacking is None:
        return None
    one, other = (
        activations_like(run, folder, read(source, common), choice, common)
        for source in (having, lacking)
    )
    alone = sorted(set(one.ids.tolist()) ^ set(other.ids.tolist()))
    if alone:
        raise InputError(
            f"--with and --without are not the same inputs: {quoted(alone, 3)} in only one of "
            "them: give two sets with equal names"
        )
    place = {name: row for row, name in enumerate(other.ids.tolist())}
    other = other.take([place[name] for name in one.ids.tolist()])
    return _joined(one, other)


def _from_table(
    run: Any,
    folder: Path,
    acts: ActivationSet | None,
    path: Path,
    choice: BackboneChoice,
    common: Common,
) -> Pairs:
    from pcbm.activations.tables import read_csv

    table = read_csv(path)
    absent = [name for name in COLUMNS if name not in table.column_names]
    if absent:
        raise InputError(f"{path} has no column {absent[0]!r}: a pairs file has 'with', 'without'")
    names = {
        side: ["" if name is None else str(name).strip() for name in table[side].to_pylist()]
        for side in COLUMNS
    }
    _check_each(path, list(zip(*names.values(), strict=True)))
    listed = [name for both in zip(*names.values(), strict=True) for name in both]
    if acts is not None:
        place = {name: row for row, name in enumerate(acts.ids.tolist())}
        if all(name in place for name in listed):
            one, other = (acts.take([place[name] for name in names[side]]) for side in COLUMNS)
            return _joined(one, other)
    files = {name for name in listed if (path.parent / name).is_file()}
    if set(listed) - files:
        raise InputError(f"{path} names {_stranger(listed, acts, files)}")
    one, other = (_images(run, folder, path, names[side], choice, common) for side in COLUMNS)
    return one.X, other.X, None


def _check_each(path: Path, pairs: list[tuple[str, str]]) -> None:
    """Raise InputError for a pair of one input with itself, and for one that is given twice."""
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        if pair[0] == pair[1]:
            raise InputError(
                f"{path} pairs {pair[0]!r} with itself: give the input with the concept and the "
                "one without"
            )
        if pair in seen:
            raise InputError(f"{path} has the pair {quoted(pair)} twice: give each pair once")
        seen.add(pair)


def _stranger(listed: list[str], acts: ActivationSet | None, files: set[str]) -> str:
    """Return what is wrong with names that are neither ids throughout nor files throughout."""
    ids = set() if acts is None else set(acts.ids.tolist())
    neither = [name for name in listed if name not in ids and name not in files]
    if neither:
        return (
            f"{neither[0]!r}, which is neither an id of DATA nor a file beside it: give ids, or "
            "image paths relative to the file"
        )
    path = next(name for name in listed if name not in ids)
    return f"{path!r}, which is a file, beside ids of DATA: give ids alone, or image paths alone"


def _images(
    run: Any,
    folder: Path,
    path: Path,
    names: list[str],
    choice: BackboneChoice,
    common: Common,
) -> ActivationSet:
    import numpy as np

    from pcbm.activations import Dataset

    files = [path.parent / name for name in names]
    # One image may stand in several pairs, so that paths are no ids.
    data = Dataset(
        source=str(path), kind="image", ids=np.arange(len(files)).astype(str), inputs=files
    )
    return activations_like(run, folder, data, choice, common)


def _joined(one: ActivationSet, other: ActivationSet) -> Pairs:
    """Return the activations of both sides, with their labels where both sides agree."""
    same = one.y is not None and other.y is not None and one.y.ndim == 1
    y = one.y if same and bool((one.y == other.y).all()) else None  # type: ignore[union-attr]
    return one.X, other.X, y
