"""Writing files so that they appear whole or not at all, and reading them back with care."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from pcbm.errors import InputError

METADATA_KEY = "pcbm"
_LINE_END = re.compile(r"\r\n|\n|\r")
_UTF16_32 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def sha256_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_json(value: Any) -> str:
    """Return the SHA-256 of a JSON value in its canonical form (sorted keys, no blanks)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def to_json(value: Any) -> str:
    """Return readable JSON text; NaN and infinities are refused, numpy values become Python's."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"cannot write {type(value).__name__} as JSON")


def read_json(path: Path) -> Any:
    """Read a JSON file; a file that is no JSON raises InputError with its name."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: check the path") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is not a JSON file ({error}): check the path") from None


def read_utf8(path: Path) -> str:
    """Return the text of a UTF-8 file without its byte order mark; line ends stay as they are.

    Raises
    ------
    InputError
        No such file, a folder, or another encoding; the line of the first wrong byte is named.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, expected a file: check the path") from None
    if content.startswith(_UTF16_32):
        raise InputError(f"{path} is UTF-16 or UTF-32 text: save it as UTF-8")
    try:
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = len(_LINE_END.findall(content[: error.start].decode("utf-8"))) + 1
        raise InputError(
            f"{path} is not UTF-8 text (line {line}, byte 0x{content[error.start]:02x}): save it "
            "as UTF-8, for example with  iconv -f latin1 -t utf-8"
        ) from None


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file under a temporary name in its folder, force it to disk, then rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _errors_name(path):
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with LF line ends; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


@contextmanager
def _errors_name(path: Path) -> Iterator[None]:
    """Let errors of the operating system name what was asked for, not its draft beside it."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def refuse_existing(path: Path, *, force: bool, mark: str | None = None) -> None:
    """Raise InputError when an output cannot be written, before any time is spent on it.

    It exists already and ``force`` was not given, it holds the current folder, or the folder it
    would lie in is a file or cannot be written to. Outputs with a ``mark`` are folders, others are
    files, and ``force`` replaces none by the other. Of folders, it replaces an empty one or one
    that holds the file ``mark``: a mistyped name must not cost somebody's photographs.
    """
    if path.exists() and not force:
        raise InputError(f"the output {path} exists already: choose another --out, or add --force")
    if path.exists() and not path.is_file() and not path.is_dir():
        raise InputError(f"the output {path} is no regular file or folder: choose another --out")
    here = Path.cwd()
    if path.resolve() in (here, *here.parents):
        raise InputError(f"the output {path} holds the current folder: choose another --out")
    if path.is_dir() and mark is None:
        raise InputError(f"the output {path} is a folder, expected a file: choose another --out")
    if path.is_file() and mark is not None:
        raise InputError(f"the output {path} is a file, expected a folder: choose another --out")
    full = path.is_dir() and not path.is_symlink() and any(path.iterdir())
    if mark is not None and full and not (path / mark).exists():
        raise InputError(
            f"the output {path} is a folder that pcbm did not write, so --force does not replace "
            "it: choose another --out, or remove it yourself"
        )
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        reason = "cannot be written to" if above.is_dir() else "is a file"
        raise InputError(
            f"the output {path} cannot be made, because {above} {reason}: choose another --out"
        )


def refuse_inside(path: Path, folder: Path) -> None:
    """Raise InputError when an output lies in a folder that replacing it would take away."""
    if folder.resolve() in path.resolve().parents:
        raise InputError(
            f"the output {path} lies inside {folder}, which a later --force replaces as a whole: "
            "choose another --out"
        )


@contextmanager
def new_folder(path: Path, *, mark: str, force: bool = False) -> Iterator[Path]:
    """Yield a temporary sibling folder that takes the place of ``path`` only on success.

    What was there is renamed before it is removed, so that no kill leaves a half of either.

    Raises
    ------
    InputError
        See `refuse_existing`.
    """
    refuse_existing(path, force=force, mark=mark)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _errors_name(path):
        draft = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    old = draft.with_suffix(".old")
    try:
        draft.chmod(0o777 & ~_umask())
        yield draft
        if path.exists():
            path.replace(old)
        draft.replace(path)
    except BaseException:
        if old.exists():
            old.replace(path)
        shutil.rmtree(draft, ignore_errors=True)
        raise
    if old.is_dir() and not old.is_symlink():
        shutil.rmtree(old)
    else:
        old.unlink(missing_ok=True)


def tensor_bytes(tensors: Mapping[str, np.ndarray], metadata: Any) -> bytes:
    """Return arrays and one JSON value as the bytes of a safetensors file, always the same.

    All metadata goes under one key, because safetensors does not promise an order of several.
    """
    from safetensors.numpy import save

    ordered = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    text = json.dumps(metadata, sort_keys=True, ensure_ascii=False, allow_nan=False, default=_plain)
    return save(ordered, metadata={METADATA_KEY: text})


def save_tensors(path: Path, tensors: Mapping[str, np.ndarray], metadata: Any) -> None:
    """Write arrays and one JSON value as safetensors; see `tensor_bytes`."""
    write_bytes(path, tensor_bytes(tensors, metadata))


def load_tensors(path: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Read what `save_tensors` wrote: the arrays and the JSON value.

    Raises
    ------
    InputError
        The file is absent or no safetensors file. Foreign files give ``None`` as the value.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise InputError(f"{path} is not a file: check the path")
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            text = (file.metadata() or {}).get(METADATA_KEY)
        return tensors, None if text is None else json.loads(text)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise InputError(f"{path} is not a safetensors file ({error}): check the path") from None
