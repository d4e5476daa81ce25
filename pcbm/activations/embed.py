"""`embed`: activations into a store on disk that an interruption does not spoil."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pcbm.activations.activation_set import ActivationSet
from pcbm.activations.dataset import Dataset
from pcbm.activations.extract import (
    BATCH_SIZE,
    Batch,
    Progress,
    as_dataset,
    check_inputs,
    refuse_nothing_left,
    run_batches,
    spans,
)
from pcbm.activations.store import (
    MANIFEST,
    SHARD_ROWS,
    Manifest,
    StoreWriter,
    clear_store,
    exclusive,
    is_store,
    open_store,
)
from pcbm.errors import InputError
from pcbm.files import refuse_existing

if TYPE_CHECKING:
    from pcbm.backbones import Backbone


def embed(
    data: Dataset | str | Path | Sequence[Any],
    backbone: Backbone,
    out: str | Path,
    *,
    batch_size: int = BATCH_SIZE,
    shard_rows: int = SHARD_ROWS,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
    force: bool = False,
    keep_finished: bool = False,
) -> ActivationSet:
    """Write the activations of a data set into a store, or finish one that was interrupted.

    An unfinished store of the same backbone and data is continued: its finished shards are left as
    they are, and its recorded batch size and shard size are used. The result has the bytes of a
    run that was never interrupted (on the same machine, with the same number of threads).

    Parameters
    ----------
    data : Dataset, path, or sequence of inputs
        See `extract`.
    backbone : Backbone
    out : path
        The store's folder.
    batch_size, shard_rows : int
        Inputs in a forward pass, and in a shard; batches never cross shards.
    skip_unreadable : bool
        Leave out images that are missing or cannot be read, instead of raising.
    progress : callable, optional
        Called with the rows done, finished ones of an earlier run included, and the rows in all.
    force : bool
        Start over where a store exists.
    keep_finished : bool
        Return a complete store of the same backbone and data as it is instead of refusing it: for
        the earlier layers of a run over several layers that was interrupted.

    Returns
    -------
    ActivationSet
        Its `X` reads from the store; `cached` is True when every shard was there already.

    Raises
    ------
    InputError
        A complete store exists and ``force`` is off, ``out`` is something else, an unfinished store
        belongs to another backbone or other data, or see `extract`.
    """
    data, out = as_dataset(data), Path(out)
    check_inputs(data, backbone, skip_unreadable=skip_unreadable)
    if shard_rows < 1:
        raise InputError(f"--shard-rows {shard_rows} is below 1: give at least 1")
    if out.is_file():
        raise InputError(f"the output {out} is a file: give a folder for the store")
    spans(1, batch_size)
    manifest = Manifest(
        dim=backbone.dim,
        dtype="float32",
        inputs=len(data),
        shard_rows=shard_rows,
        batch_size=batch_size,
        kind=data.kind,
        content=data.content_hash(),
        backbone=backbone.record,
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the output {out} cannot be made ({error.strerror}): choose another --out"
        ) from None
    with exclusive(out):
        writer = _writer(out, manifest, force=force, keep_finished=keep_finished)
        finished = len(data) - sum(len(_shard_span(writer.manifest, k)) for k in writer.todo())
        skipped = tuple(entry["id"] for entry in writer.manifest.skipped)
        if skipped and not skip_unreadable:
            raise InputError(
                f"the finished part of {out} left out {len(skipped)} unreadable image(s), first "
                f"{skipped[0]!r}: add --skip-unreadable, or --force to start over"
            )
        try:
            if writer.manifest.state != "complete":
                _fill(writer, data, backbone, skip_unreadable=skip_unreadable, progress=progress)
        except BaseException:
            if not writer.manifest.shards:  # nothing worth continuing: leave no trace
                clear_store(out)
                out.rmdir()
            raise
    acts = ActivationSet.from_dataset(open_store(out, verify=False))
    notes = data.notes
    if finished:
        notes += (f"{finished} of {len(data)} rows were there from an interrupted run",)
    skipped = tuple(entry["id"] for entry in writer.manifest.skipped)
    if skipped:
        notes += (f"{len(skipped)} unreadable input(s) left out, first {skipped[0]!r}",)
    return replace(acts, skipped=skipped, notes=notes, cached=finished == len(data))


def _writer(out: Path, manifest: Manifest, *, force: bool, keep_finished: bool) -> StoreWriter:
    """Return the writer of a new store, or of the one that is there and may be continued."""
    if not force and not is_store(out):
        if any(not path.name.endswith(".tmp") for path in out.iterdir()):
            damaged = " (its manifest is damaged)" if (out / MANIFEST).exists() else ""
            raise InputError(
                f"the output {out} exists and is no activation store{damaged}: choose another --out"
            )
    elif not force:
        found = Manifest.read(out)
        difference = _difference(found, manifest)
        if found.state == "complete" and not (keep_finished and not difference):
            refuse_existing(out, force=False)
        writer = StoreWriter.resume(out, found)
        if not difference:
            return writer
        if found.shards:
            raise InputError(
                f"the unfinished store {out} was begun with {difference}: give the same, choose "
                "another --out, or add --force to start over"
            )
    clear_store(out)
    return StoreWriter.start(out, manifest)


def _difference(found: Manifest, wanted: Manifest) -> str | None:
    """Say in words what keeps an unfinished store from being continued, or None."""
    old, new = (m.backbone or {} for m in (found, wanted))
    if old.get("fingerprint") != new.get("fingerprint") or found.dim != wanted.dim:
        return (
            f"another backbone, layer or pooling (fingerprint {old.get('fingerprint')}, "
            f"now {new.get('fingerprint')})"
        )
    if old.get("dtype") != new.get("dtype"):
        return f"another number format ({old.get('dtype')}, now {new.get('dtype')})"
    if found.inputs != wanted.inputs:
        return f"other data ({found.inputs} rows, now {wanted.inputs})"
    if (found.kind, found.content) != (wanted.kind, wanted.content):
        return f"other data (content {found.content}, now {wanted.content})"
    return None


def _shard_span(manifest: Manifest, number: int) -> range:
    start = number * manifest.shard_rows
    return range(start, min(start + manifest.shard_rows, manifest.inputs))


def _fill(
    writer: StoreWriter,
    data: Dataset,
    backbone: Backbone,
    *,
    skip_unreadable: bool,
    progress: Progress | None,
) -> None:
    """Make the shards that are still to be made, then complete the store."""
    manifest = writer.manifest
    numbers = writer.todo()
    shards = [_shard_span(manifest, number) for number in numbers]
    size = manifest.batch_size or BATCH_SIZE
    parts = [part for shard in shards for part in spans(shard.stop, size, shard.start)]
    done = len(data) - sum(len(part) for part in parts)
    if progress:
        progress(done, len(data))
    batches = run_batches(data, backbone, parts, skip_unreadable=skip_unreadable)
    for number, shard in zip(numbers, shards, strict=True):
        blocks, skipped = [], []
        for batch in _until(batches, shard.stop):
            blocks.append(batch.X)
            skipped.extend(batch.skipped)
            done += len(batch.span)
            if progress:
                progress(done, len(data))
        writer.add(number, np.concatenate(blocks), skipped)
    left_out = [entry["row"] for entry in manifest.skipped]
    kept = np.setdiff1d(np.arange(len(data)), np.array(left_out, dtype=np.int64))
    refuse_nothing_left(data, len(kept))
    writer.finish(data.take(kept))


def _until(batches: Iterator[Batch], stop: int) -> Iterable[Batch]:
    """Yield batches up to the one that ends at row ``stop``."""
    for batch in batches:
        yield batch
        if batch.span.stop == stop:
            return
