"""The finished parts of a long study, kept in a folder so that a repeat continues."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pcbm.errors import InputError
from pcbm.files import read_json, sha256_json, to_json, write_text


class Ledger:
    """One small JSON file a part, found again by everything that the part depends on.

    Parameters
    ----------
    folder : path or None
        Made when the first part is finished; None keeps nothing.

    Raises
    ------
    InputError
        The folder is a file.
    """

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder)
        if self.folder is not None and self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"{self.folder} is a file, expected a folder for finished parts")

    def part(self, key: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """Return what `compute` returned for this key before, or compute and keep it.

        Parameters
        ----------
        key : dict
            JSON values: contents of data and weights, settings, seeds.
        compute : callable
            Returns a JSON value without NaN.
        """
        found = self.look(key)
        if found is not None:
            return found
        value = compute()
        if self.folder is not None:
            write_text(self._file(key), to_json({"key": dict(key), "value": value}) + "\n")
        return value

    def look(self, key: Mapping[str, Any]) -> Any:
        """Return a part that is finished, else None."""
        if self.folder is None or not self._file(key).is_file():
            return None
        return read_json(self._file(key))["value"]

    def weights(self, key: Mapping[str, Any]) -> Path:
        """Return where the weights of a part are kept, beside it; the ledger needs a folder."""
        return self._file(key).with_suffix(".safetensors")

    def _file(self, key: Mapping[str, Any]) -> Path:
        assert self.folder is not None
        return self.folder / f"{sha256_json(dict(key))[:32]}.json"
