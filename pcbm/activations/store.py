"""The activation store: a folder of ``.npy`` shards and a manifest, safe against a kill.

Order of writing, for each shard: its bytes go to a temporary file and are forced to disk, its name
and SHA-256 go into the manifest, then it gets its name. So a shard that has its name is always
whole and in the manifest; one that the manifest names but that is not there was never finished.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from pcbm.activations.dataset import Dataset
from pcbm.activations.rows import read_rows, rows_bytes
from pcbm.activations.shards import ShardedArray, refuse_not_finite
from pcbm.errors import InputError
from pcbm.files import new_folder, read_json, sha256_file, to_json, write_bytes, write_text

SCHEMA = "pcbm.activations"
VERSION = 1
MANIFEST = "manifest.json"
ROWS = "rows.parquet"
SHARD_ROWS = 16_384
SHARD_NAME = re.compile(r"shard-(\d{5,})\.npy")


@dataclass
class Manifest:
    """What `manifest.json` holds; see docs/data.md for the meaning of each key."""

    dim: int
    dtype: str
    inputs: int
    shard_rows: int
    batch_size: int | None
    kind: str
    content: str | None
    backbone: dict[str, Any] | None
    shards: list[dict[str, Any]] = field(default_factory=list)
    rows_file: dict[str, Any] | None = None
    label_names: list[str] | None = None
    state: str = "open"

    def to_json(self) -> str:
        """Return the text of the file; the same content always gives the same bytes."""
        record = self.backbone or {}
        return to_json(
            {
                "schema": SCHEMA,
                "version": VERSION,
                "state": self.state,
                "rows": sum(shard["rows"] for shard in self.shards),
                "dim": self.dim,
                "dtype": self.dtype,
                "fingerprint": record.get("fingerprint"),
                "layer": record.get("layer"),
                "pooling": record.get("pooling"),
                "preprocess": record.get("preprocess"),
                "batch_size": self.batch_size,
                "shard_rows": self.shard_rows,
                "inputs": self.inputs,
                "kind": self.kind,
                "content": self.content,
                "shards": self.shards,
                "rows_file": self.rows_file,
                "label_names": self.label_names,
                "backbone": self.backbone,
            }
        )

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read a store's manifest; anything else raises InputError."""
        found = read_json(folder / MANIFEST)
        if not isinstance(found, dict) or found.get("schema") != SCHEMA:
            raise InputError(f"{folder / MANIFEST} is no manifest of an activation store")
        if found.get("version") != VERSION:
            raise InputError(
                f"{folder} is an activation store of version {found.get('version')}, this pcbm "
                f"reads version {VERSION}: embed the data again, or use the pcbm that wrote it"
            )
        try:
            manifest = cls(**{name: found[name] for name in cls.__dataclass_fields__})
            numbers = [manifest.number(shard) for shard in manifest.shards]
            if numbers != sorted(set(numbers)) or max(numbers, default=0) >= manifest.count:
                raise ValueError("shard names")
            if manifest.state == "complete" and len(numbers) != manifest.count:
                raise ValueError("shards are missing")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{folder / MANIFEST} is damaged ({error}): embed the data again with --force"
            ) from None
        return manifest

    @property
    def count(self) -> int:
        """How many shards the complete store has."""
        return -(-self.inputs // self.shard_rows)

    @property
    def skipped(self) -> list[dict[str, Any]]:
        """Return the inputs left out: `row` in the data, `id` and `reason` of each."""
        return [entry for shard in self.shards for entry in shard["skipped"]]

    @staticmethod
    def number(shard: dict[str, Any]) -> int:
        """Return the number of a shard, from 0; an entry of another form raises ValueError."""
        match = SHARD_NAME.fullmatch(shard["file"])
        if not match or not isinstance(shard["rows"], int) or "skipped" not in shard:
            raise ValueError(f"shard {shard['file']!r}")
        return int(match[1])

    def write(self, folder: Path) -> None:
        """Write the manifest whole and force folder and file to disk."""
        write_text(folder / MANIFEST, self.to_json())
        sync_folder(folder)


def shard_name(number: int) -> str:
    """Return the file name of a shard, numbered from 0."""
    return f"shard-{number:05d}.npy"


def is_store(folder: Path) -> bool:
    """Say whether a folder holds a manifest of an activation store."""
    try:
        found = read_json(folder / MANIFEST)
    except (InputError, OSError):
        return False
    return isinstance(found, dict) and found.get("schema") == SCHEMA


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk (systems that cannot are left as they are)."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class StoreWriter:
    """Adds shards to an open store; made by `start` or `resume`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest

    @classmethod
    def start(cls, folder: Path, manifest: Manifest) -> StoreWriter:
        """Begin a store in a folder that is new or empty."""
        folder.mkdir(parents=True, exist_ok=True)
        manifest.write(folder)
        return cls(folder, manifest)

    @classmethod
    def resume(cls, folder: Path, manifest: Manifest) -> StoreWriter:
        """Go on with a store: shards that are whole stay, all others are to be made.

        Every shard is compared with its SHA-256. What an interrupted run left under temporary
        names is removed.
        """
        for leftover in folder.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        manifest.shards = [s for s in manifest.shards if _matches(folder / s["file"], s["sha256"])]
        writer = cls(folder, manifest)
        if writer.todo():
            manifest.state = "open"
        return writer

    def todo(self) -> list[int]:
        """Return the numbers of the shards that are still to be made, in order."""
        done = {self.manifest.number(shard) for shard in self.manifest.shards}
        return [number for number in range(self.manifest.count) if number not in done]

    def add(self, number: int, block: np.ndarray, skipped: Sequence[dict[str, Any]] = ()) -> None:
        """Write a shard: temporary file, manifest, name (see the module's text)."""
        buffer = io.BytesIO()
        np.save(buffer, np.ascontiguousarray(block), allow_pickle=False)
        content = buffer.getvalue()
        name = shard_name(number)
        draft = self.folder / f".{name}.tmp"
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        entry = {
            "file": name,
            "rows": len(block),
            "sha256": hashlib.sha256(content).hexdigest(),
            "skipped": list(skipped),
        }
        self.manifest.shards = sorted([*self.manifest.shards, entry], key=self.manifest.number)
        self.manifest.write(self.folder)
        draft.replace(self.folder / name)
        sync_folder(self.folder)

    def finish(self, rows: Dataset) -> None:
        """Write ids, labels, split and groups, and mark the store complete."""
        content = rows_bytes(rows)
        write_bytes(self.folder / ROWS, content)
        self.manifest.rows_file = {"file": ROWS, "sha256": hashlib.sha256(content).hexdigest()}
        self.manifest.label_names = rows.label_names
        self.manifest.state = "complete"
        self.manifest.write(self.folder)


def write_store(
    path: Path, rows: Dataset, *, shard_rows: int = SHARD_ROWS, force: bool = False
) -> None:
    """Write a data set of activations as a complete store; it appears whole or not at all.

    Raises
    ------
    InputError
        The path exists and ``force`` was not given, or values are NaN or infinite.
    """
    refuse_not_finite(rows.inputs, rows.ids, "the activation set")
    manifest = Manifest(
        dim=int(rows.inputs.shape[1]),
        dtype=np.dtype(rows.inputs.dtype).name,
        inputs=len(rows),
        shard_rows=shard_rows,
        batch_size=None,
        kind=rows.kind,
        content=None,
        backbone=rows.record,
    )
    with new_folder(path, mark=MANIFEST, force=force) as draft:
        writer = StoreWriter.start(draft, manifest)
        for number in writer.todo():
            start = number * shard_rows
            writer.add(number, np.asarray(rows.inputs[start : start + shard_rows]))
        writer.finish(rows)


def open_store(folder: Path, *, verify: bool = True) -> Dataset:
    """Return a complete store as a data set of activations, its rows read where needed.

    Parameters
    ----------
    folder : Path
    verify : bool
        Compare every file with its SHA-256 (about a second for each gigabyte).

    Raises
    ------
    InputError
        Not a store, unfinished, of another version, or a file is missing or damaged.
    """
    manifest = Manifest.read(folder)
    if manifest.state != "complete" or manifest.rows_file is None:
        done = sum(shard["rows"] for shard in manifest.shards)
        raise InputError(
            f"{folder} is unfinished ({done} of {manifest.inputs} rows): "
            "run the same pcbm embed again, it goes on from there"
        )
    for entry in (*manifest.shards, manifest.rows_file):
        file = folder / entry["file"]
        if not file.is_file() or (verify and not _matches(file, entry["sha256"])):
            reason = "is damaged" if file.is_file() else "is missing"
            raise InputError(f"{file} {reason}: embed the data again with --force")
    files = [folder / shard["file"] for shard in manifest.shards]
    counts = [int(shard["rows"]) for shard in manifest.shards]
    inputs = ShardedArray(files, counts, manifest.dim, np.dtype(manifest.dtype))
    columns = read_rows(folder / manifest.rows_file["file"])
    return Dataset(
        source=str(folder),
        kind="array",
        ids=columns["id"],
        inputs=inputs,
        y=columns.get("y"),
        split=columns.get("split"),
        group=columns.get("group"),
        label_names=manifest.label_names,
        record=manifest.backbone,
    )


def clear_store(folder: Path) -> None:
    """Empty a store's folder; one that holds anything else is left as it is, and refused."""
    ours = []
    for path in folder.iterdir():
        named = path.name in (MANIFEST, ROWS) or SHARD_NAME.fullmatch(path.name)
        if not named and not path.name.endswith(".tmp"):
            raise InputError(
                f"{folder} holds {path.name!r}, which is no part of an activation store: "
                "choose another --out"
            )
        ours.append(path)
    for path in ours:
        path.unlink()


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold a store for one writer; a second one is refused.

    The hold ends with the process, even when it is killed. Where the system cannot lock a folder,
    nothing is held.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{folder} is being written by another pcbm: wait for it") from None
        except OSError:
            pass
        yield
    finally:
        os.close(handle)


def _matches(file: Path, digest: str) -> bool:
    return file.is_file() and sha256_file(file) == digest
