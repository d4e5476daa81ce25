"""Reading lists of concept words from ``.txt`` and ``.json`` files."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcbm.errors import InputError, quoted
from pcbm.files import read_utf8

_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True)
class ConceptWords:
    """Words in order of first appearance, the classes they were listed under, and remarks."""

    words: list[str]
    classes: dict[str, list[str]] | None
    notes: list[str]


def read_concepts(path: str | Path) -> ConceptWords:
    """Read concept words.

    Parameters
    ----------
    path : path
        ``.txt``: UTF-8 with or without byte order mark, one word or phrase a line, lines ending in
        LF, CRLF or CR. ``.json``: a list of strings, or an object of class name to such lists.
        Blanks around words are removed, blank words and repetitions dropped with a note.

    Raises
    ------
    InputError
        No such file, another encoding, no JSON of that form, or no words in it.
    """
    file = Path(path)
    text = _text(file)
    if file.suffix.casefold() == ".json":
        return _from_json(file, text)
    notes: list[str] = []
    words = _clean(_LINE_END.split(text.removesuffix("\n").removesuffix("\r")), str(file), notes)
    return _not_empty(file, ConceptWords(words, None, notes))


def _from_json(file: Path, text: str) -> ConceptWords:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{file} is no JSON ({error}): give a list of words, or class -> list"
        ) from None
    notes: list[str] = []
    if isinstance(value, list):
        words = _clean(_strings(file, value, "the list"), str(file), notes)
        return _not_empty(file, ConceptWords(words, None, notes))
    if not isinstance(value, dict):
        raise InputError(
            f"{file} holds a JSON {type(value).__name__}, expected a list of words or an object of "
            "class name to list of words"
        )
    classes = {}
    for name, listed in value.items():
        where = f"class {name!r}"
        if not isinstance(listed, list):
            raise InputError(
                f"{file}, {where} holds a {type(listed).__name__}, expected a list of words"
            )
        classes[name] = _clean(_strings(file, listed, where), f"{file}, {where}", notes)
    words = list(dict.fromkeys(word for listed in classes.values() for word in listed))
    return _not_empty(file, ConceptWords(words, classes, notes))


def _strings(file: Path, values: list[Any], where: str) -> list[str]:
    for value in values:
        if not isinstance(value, str):
            raise InputError(
                f"{file}: {where} holds {value!r}, which is no string: put every word in quotes"
            )
    return values


def _clean(lines: list[str], where: str, notes: list[str]) -> list[str]:
    """Return the stripped lines without blanks and repetitions; say in ``notes`` what went."""
    stripped = [line.strip() for line in lines]
    kept = list(dict.fromkeys(word for word in stripped if word))
    blanks = sum(not word for word in stripped)
    times = Counter(stripped)
    repeated = [word for word in kept if times[word] > 1]
    if blanks:
        notes.append(f"{where}: {blanks} blank line(s) or word(s) dropped")
    if repeated:
        notes.append(f"{where}: repeated words kept once: {quoted(repeated)}")
    return kept


def _not_empty(file: Path, found: ConceptWords) -> ConceptWords:
    if not found.words:
        raise InputError(
            f"{file} holds no words: write one concept a line (.txt) or a list (.json)"
        )
    return found


def _text(file: Path) -> str:
    text = read_utf8(file)
    if "\0" in text:
        raise InputError(
            f"{file} is no text file (it holds NUL bytes): give one word a line in UTF-8"
        )
    return text
