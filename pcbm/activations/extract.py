"""Running a backbone over a data set, batch by batch, while threads read the next inputs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcbm.activations.activation_set import ActivationSet
from pcbm.activations.dataset import Dataset, row_ids
from pcbm.activations.images import UnreadableError, open_image
from pcbm.activations.read import read_data
from pcbm.errors import InputError, quoted

if TYPE_CHECKING:
    from pcbm.backbones import Backbone

Progress = Callable[[int, int], None]
BATCH_SIZE = 64
AHEAD = 2
SHOWN = 3


@dataclass(frozen=True, eq=False)
class Batch:
    """Activations of the readable inputs among consecutive rows.

    Attributes
    ----------
    span : range
        The rows of the data set that were read.
    rows : ndarray of int
        Those of them that could be read, one for each row of `X`.
    X : ndarray (m, d) of float32
    skipped : list of dict
        ``row``, ``id`` and ``reason`` of the others.
    """

    span: range
    rows: np.ndarray
    X: np.ndarray
    skipped: list[dict[str, Any]]


def extract(
    data: Dataset | str | Path | Sequence[Any],
    backbone: Backbone,
    *,
    batch_size: int = BATCH_SIZE,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> ActivationSet:
    """Return the activations of a data set, in memory.

    Parameters
    ----------
    data : Dataset, path, or sequence
        A sequence holds texts (str), or images (Path, PIL image, or (h, w, 3) uint8 array).
    backbone : Backbone
    batch_size : int
        Inputs in one forward pass.
    skip_unreadable : bool
        Leave out images that are missing or cannot be read, instead of raising.
    progress : callable, optional
        Called with the rows done and the rows in all, after every batch.

    Raises
    ------
    InputError
        The backbone reads another kind of input, an input cannot be read, or activations are NaN
        or infinite.
    """
    data = as_dataset(data)
    check_inputs(data, backbone, skip_unreadable=skip_unreadable)
    X = np.empty((len(data), backbone.dim), dtype=np.float32)
    kept = np.empty(len(data), dtype=np.int64)
    skipped: list[dict[str, Any]] = []
    filled = 0
    for batch in run_batches(
        data, backbone, spans(len(data), batch_size), skip_unreadable=skip_unreadable
    ):
        end = filled + len(batch.rows)
        X[filled:end], kept[filled:end] = batch.X, batch.rows
        skipped.extend(batch.skipped)
        filled = end
        if progress:
            progress(batch.span.stop, len(data))
    refuse_nothing_left(data, filled)
    return labelled(data, X[:filled], kept[:filled], skipped, backbone.record)


def as_dataset(data: Dataset | str | Path | Sequence[Any]) -> Dataset:
    """Return data in any form, a path or a sequence of inputs as well, as a data set."""
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | Path):
        return read_data(data)
    inputs = list(data)
    kind = "text" if inputs and all(isinstance(item, str) for item in inputs) else "image"
    return Dataset("the inputs", kind, row_ids(len(inputs)), inputs)  # type: ignore[arg-type]


def check_inputs(data: Dataset, backbone: Backbone, *, skip_unreadable: bool) -> None:
    """Refuse what cannot work before any time is spent: the wrong kind, or files that are missing.

    Raises
    ------
    InputError
        See above; missing files are named.
    """
    if data.kind != backbone.kind:
        if data.kind == "array":
            raise InputError(f"{data.source} holds activations already: there is nothing to embed")
        raise InputError(
            f"{data.source} holds {data.kind}s, but the backbone {backbone.spec} reads "
            f"{backbone.kind}s: choose a backbone for {data.kind}s"
        )
    if data.kind != "image" or skip_unreadable:
        return
    inputs = zip(data.ids.tolist(), data.inputs, strict=True)
    missing = [name for name, item in inputs if isinstance(item, Path) and not item.is_file()]
    if missing:
        raise InputError(
            f"{data.source} names {len(missing)} image(s) that do not exist: "
            f"{quoted(missing, SHOWN)}: correct the paths, or add --skip-unreadable to go on "
            "without them"
        )


def spans(stop: int, batch_size: int, start: int = 0) -> list[range]:
    """Divide the rows from start to stop into batches, the last one perhaps smaller."""
    if batch_size < 1:
        raise InputError(f"the batch size {batch_size} is below 1: give at least 1")
    return [range(at, min(at + batch_size, stop)) for at in range(start, stop, batch_size)]


def run_batches(
    data: Dataset, backbone: Backbone, parts: Iterable[range], *, skip_unreadable: bool
) -> Iterator[Batch]:
    """Yield the activations of the rows of each part, in order.

    Raises
    ------
    InputError
        An input cannot be read (and ``skip_unreadable`` is off), or activations are not finite.
    """
    read = _read_ahead if data.kind == "image" else _read_in_turn
    with closing(read(data, backbone, parts)) as prepared:
        for span, results in prepared:
            yield _forward(data, backbone, span, results, skip_unreadable=skip_unreadable)


def labelled(
    data: Dataset,
    X: Any,
    kept: np.ndarray,
    skipped: Sequence[dict[str, Any]],
    record: dict[str, Any] | None,
) -> ActivationSet:
    """Join activations of the rows ``kept`` with what the data set knows about these rows."""
    names = tuple(str(data.ids[entry["row"]]) for entry in skipped)
    notes = data.notes
    if names:
        notes += (f"{len(names)} unreadable input(s) left out, first {names[0]!r}",)
    return ActivationSet(
        X=X,
        ids=data.ids[kept],
        y=None if data.y is None else data.y[kept],
        split=None if data.split is None else data.split[kept],
        group=None if data.group is None else data.group[kept],
        label_names=data.label_names,
        record=record,
        skipped=names,
        notes=notes,
    )


def refuse_nothing_left(data: Dataset, kept: int) -> None:
    """Raise InputError when no input of a data set could be read."""
    if kept == 0:
        raise InputError(f"{data.source}: none of its {len(data)} inputs could be read")


def _read_in_turn(
    data: Dataset, backbone: Backbone, parts: Iterable[range]
) -> Generator[tuple[range, list[Any]], None, None]:
    """Yield the prepared inputs of each part; there is nothing to read, threads would only cost."""
    for span in parts:
        yield span, [backbone.prepare(data.inputs[row]) for row in span]


def _read_ahead(
    data: Dataset, backbone: Backbone, parts: Iterable[range]
) -> Generator[tuple[range, list[Any]], None, None]:
    """Yield the prepared images of each part, while threads read those of the next parts."""
    workers = min(8, os.cpu_count() or 1)
    waiting: deque[tuple[range, list[Future]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="pcbm-read") as pool:
        try:
            for span in parts:
                jobs = [pool.submit(_prepared, data, backbone, row) for row in span]
                waiting.append((span, jobs))
                if len(waiting) > AHEAD:
                    first, ready = waiting.popleft()
                    yield first, [job.result() for job in ready]
            for first, ready in waiting:
                yield first, [job.result() for job in ready]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _prepared(data: Dataset, backbone: Backbone, row: int) -> Any:
    """Return one prepared image, or the error that says why it cannot be read."""
    try:
        image = open_image(data.inputs[row], str(data.ids[row]))
    except UnreadableError as error:
        return error
    return backbone.prepare(image)


def _forward(
    data: Dataset, backbone: Backbone, span: range, results: list[Any], *, skip_unreadable: bool
) -> Batch:
    skipped = []
    for row, result in zip(span, results, strict=True):
        if isinstance(result, UnreadableError):
            if not skip_unreadable:
                raise InputError(
                    f"{data.source}: {result}: repair or remove it, or add --skip-unreadable"
                )
            skipped.append({"row": row, "id": str(data.ids[row]), "reason": str(result)})
    good = [not isinstance(result, UnreadableError) for result in results]
    rows = np.array(span, dtype=np.int64)[good]
    X = np.empty((0, backbone.dim), dtype=np.float32)
    if len(rows):
        prepared = [result for result, ok in zip(results, good, strict=True) if ok]
        X = np.asarray(backbone.forward(prepared), dtype=np.float32)
    if X.shape != (len(rows), backbone.dim):
        raise InputError(
            f"the backbone {backbone.spec} gave activations of shape {X.shape} for {len(rows)} "
            f"inputs, expected ({len(rows)}, {backbone.dim})"
        )
    bad = rows[~np.isfinite(X).all(axis=1)]
    if len(bad):
        raise InputError(
            f"the backbone {backbone.spec} gave NaN or infinite activations for "
            f"{str(data.ids[bad[0]])!r} and {len(bad) - 1} more: use --dtype float32, or "
            "another layer"
        )
    return Batch(span, rows, X, skipped)
