from __future__ import annotations

import re
from pathlib import Path

import pytest

from pcbm.concepts import read_concepts
from pcbm.errors import InputError


@pytest.mark.parametrize(
    "content",
    [
        b"red\nfour legs\ncaf\xc3\xa9\n",
        b"red\nfour legs\ncaf\xc3\xa9",
        b"red\r\nfour legs\r\ncaf\xc3\xa9\r\n",
        b"red\rfour legs\rcaf\xc3\xa9\r",
        b"\xef\xbb\xbfred\nfour legs\ncaf\xc3\xa9\n",
        b"\xef\xbb\xbfred\r\n  four legs\t\rcaf\xc3\xa9",
    ],
)
def test_every_line_end_with_and_without_mark_reads_alike(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    found = read_concepts(path)
    assert found.words == ["red", "four legs", "café"]
    assert found.notes == [] and found.classes is None


def test_only_line_ends_part_words(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("a\x0bb\nc\u2028d\n# e\n", encoding="utf-8", newline="")
    assert read_concepts(path).words == ["a\x0bb", "c\u2028d", "# e"]


def test_blanks_and_repetitions_are_dropped_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(b"\nred\n\n  \nblue\nred \n")
    found = read_concepts(path)
    assert found.words == ["red", "blue"]
    assert found.notes == [
        f"{path}: 3 blank line(s) or word(s) dropped",
        f"{path}: repeated words kept once: 'red'",
    ]


def test_json_lists_and_classes_are_read(tmp_path: Path) -> None:
    path = tmp_path / "words.json"
    path.write_text('["red", " blue ", "", "red"]', encoding="utf-8")
    found = read_concepts(path)
    assert found.words == ["red", "blue"] and len(found.notes) == 2
    path.write_bytes(b'\xef\xbb\xbf{"cat": ["fur", "claws"], "dog": ["fur", "tail", "tail"]}')
    found = read_concepts(path)
    assert found.words == ["fur", "claws", "tail"]
    assert found.classes == {"cat": ["fur", "claws"], "dog": ["fur", "tail"]}
    assert found.notes == [f"{path}, class 'dog': repeated words kept once: 'tail'"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("w.txt", b"", "holds no words: write one concept a line"),
        ("w.txt", b"\xef\xbb\xbf\n \n", "holds no words"),
        ("w.txt", b"red\ncaf\xe9\n", "is not UTF-8 text (line 2, byte 0xe9): save it as UTF-8"),
        ("w.txt", b"\xef\xbb\xbfred\r\ncaf\xe9", "is not UTF-8 text (line 2, byte 0xe9)"),
        ("w.txt", "red\n".encode("utf-16"), "is UTF-16 or UTF-32 text: save it as UTF-8"),
        ("w.txt", "red\n".encode("utf-32"), "is UTF-16 or UTF-32 text"),
        ("w.txt", "red\n".encode("utf-16-le"), "is no text file (it holds NUL bytes)"),
        ("w.json", b"", "is no JSON"),
        ("w.json", b"[]", "holds no words"),
        ("w.json", b"{}", "holds no words"),
        ("w.json", b"red\nblue", "is no JSON"),
        ("w.json", b'"red"', "holds a JSON str, expected a list of words or an object"),
        ("w.json", b'["red", 3]', "the list holds 3, which is no string"),
        ("w.json", b'{"cat": "fur"}', "class 'cat' holds a str, expected a list of words"),
        ("w.json", b'{"cat": ["fur", null]}', "class 'cat' holds None, which is no string"),
    ],
)
def test_files_that_hold_no_words_are_refused(tmp_path, name, content, message) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read_concepts(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist: check the path"):
        read_concepts(tmp_path / "none.txt")
    with pytest.raises(InputError, match=r"is a folder, expected a file"):
        read_concepts(tmp_path)
