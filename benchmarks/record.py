"""The record of a benchmark: one JSON file, written whole after every run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class Record:
    """A benchmark's settings, machine and problems, kept in a file when one is named.

    A file that holds finished problems of a run with the same settings is continued: those are
    kept, an unfinished one is done again.

    Parameters
    ----------
    path : Path or None
    about : dict
        Written once, under its own keys.
    settings : dict
        What must agree for a file to be continued.

    Raises
    ------
    ValueError
        The file belongs to a run with other settings.
    """

    def __init__(self, path: Path | None, about: dict[str, Any], settings: dict[str, Any]) -> None:
        self.path = path
        self.content: dict[str, Any] = {**about, "settings": settings, "problems": {}}
        if path is not None and path.exists():
            earlier = json.loads(path.read_text(encoding="utf-8"))
            if earlier.get("settings") != settings:
                raise ValueError(
                    f"{path} holds a run with other settings: name another --out, or remove it"
                )
            done = {k: v for k, v in earlier["problems"].items() if v["done"]}
            self.content["problems"] = done

    @property
    def problems(self) -> dict[str, dict[str, Any]]:
        """The problems: name -> what is known of it."""
        return self.content["problems"]

    def begin(self, name: str, entry: dict[str, Any]) -> dict[str, Any]:
        """Return the new entry of a problem."""
        self.problems[name] = {**entry, "done": False}
        return self.problems[name]

    def save(self) -> None:
        """Write the file, whole."""
        if self.path is None:
            return
        draft = self.path.with_name(f"{self.path.name}.part")
        draft.write_text(json.dumps(self.content, indent=1), encoding="utf-8")
        draft.replace(self.path)
