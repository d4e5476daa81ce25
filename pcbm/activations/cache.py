"""The cache of activations, keyed by the contents of the inputs and the backbone's fingerprint."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pcbm.activations.activation_set import ActivationSet
from pcbm.activations.dataset import Dataset
from pcbm.activations.embed import embed
from pcbm.activations.extract import BATCH_SIZE, Progress, check_inputs, extract, labelled
from pcbm.activations.store import Manifest, open_store
from pcbm.backbones import check_same_backbone
from pcbm.errors import InputError
from pcbm.files import sha256_json

if TYPE_CHECKING:
    from pcbm.backbones import Backbone

VARIABLE = "PCBM_CACHE"
STALE_SECONDS = 2 * 24 * 3600


def activations_for(
    data: Dataset,
    backbone: Backbone | None,
    *,
    batch_size: int = BATCH_SIZE,
    use_cache: bool = True,
    progress: Progress | None = None,
    skip_unreadable: bool = False,
) -> ActivationSet:
    """Return the activations of a data set: its own, those in the cache, or the backbone's.

    Labels, ids, split and groups always come from ``data``; the cache holds activations only and
    is found by content, so renamed files and corrected labels do not run the backbone again.

    Parameters
    ----------
    data : Dataset
    backbone : Backbone or None
        May be None for data that holds activations; given with such data, its dim must agree.
    batch_size, progress, skip_unreadable
        See `extract`.
    use_cache : bool
        Look into the cache, and put new activations there.

    Raises
    ------
    InputError
        No backbone for images or texts, a backbone of another dim or fingerprint than the
        activations, or see `extract`.
    """
    if data.kind == "array":
        return _given(data, backbone)
    if backbone is None:
        raise InputError(f"{data.source} holds {data.kind}s, not activations: name a --backbone")
    if not use_cache:
        return extract(
            data,
            backbone,
            batch_size=batch_size,
            skip_unreadable=skip_unreadable,
            progress=progress,
        )
    check_inputs(data, backbone, skip_unreadable=skip_unreadable)
    place = cache_folder() / "activations" / _key(data, backbone)
    found = _look_up(place, data, skip_unreadable=skip_unreadable)
    if found is not None:
        return found
    reason = "the entry is gone"
    try:
        with _draft(place) as draft:
            embed(
                data,
                backbone,
                draft,
                batch_size=batch_size,
                skip_unreadable=skip_unreadable,
                progress=progress,
            )
            _publish(draft, place)
        found = _look_up(place, data, skip_unreadable=skip_unreadable)
    except OSError as error:
        reason = error.strerror or str(error)
    if found is not None:
        return replace(found, cached=False)
    made = extract(
        data, backbone, batch_size=batch_size, skip_unreadable=skip_unreadable, progress=progress
    )
    note = f"the cache {cache_folder()} could not be written ({reason})"
    return replace(made, notes=(*made.notes, note))


def cache_folder() -> Path:
    """Return the folder of the cache: ``PCBM_CACHE``, else the platform's own; it may not exist."""
    import platformdirs

    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("pcbm"))


def _given(data: Dataset, backbone: Backbone | None) -> ActivationSet:
    acts = ActivationSet.from_dataset(data)
    if backbone is None:
        return acts
    if acts.dim != backbone.dim:
        raise InputError(
            f"{data.source} holds activations of {acts.dim} columns, the backbone {backbone.spec} "
            f"gives {backbone.dim}: give the backbone, layer and pooling that made them"
        )
    check_same_backbone(backbone.record, acts.record, f"the store {data.source}")
    return acts


def _key(data: Dataset, backbone: Backbone) -> str:
    return sha256_json(
        {
            "content": data.content_hash(),
            "fingerprint": backbone.fingerprint,
            "dtype": backbone.record.get("dtype"),
        }
    )


def _look_up(place: Path, data: Dataset, *, skip_unreadable: bool) -> ActivationSet | None:
    """Return what the cache has for a data set; an entry that is absent or damaged gives None."""
    try:
        stored = open_store(place)
        manifest = Manifest.read(place)
    except (InputError, OSError, ValueError):
        return None
    skipped = manifest.skipped
    kept = np.setdiff1d(np.arange(len(data)), np.array([s["row"] for s in skipped], dtype=int))
    if manifest.inputs != len(data) or len(kept) != len(stored):
        return None
    if skipped and not skip_unreadable:
        return None
    return replace(labelled(data, stored.inputs, kept, skipped, manifest.backbone), cached=True)


@contextlib.contextmanager
def _draft(place: Path) -> Iterator[Path]:
    """Yield a new folder beside ``place``; what is left of it in the end is removed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    for old in place.parent.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - old.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(old)
    draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}.", suffix=".tmp"))
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _publish(draft: Path, place: Path) -> None:
    """Give a finished entry its name; a damaged one that has it is moved away first."""
    try:
        draft.replace(place)
    except OSError:
        if not place.exists():
            raise
        with _draft(place) as away:
            with contextlib.suppress(OSError):  # another process may be doing the same
                place.replace(away / "old")
            with contextlib.suppress(OSError):
                draft.replace(place)
