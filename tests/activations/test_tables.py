from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pcbm.activations import read_data
from pcbm.errors import InputError

Write = Callable[[str, str | bytes], Path]


def test_csv_of_texts_keeps_ids_quotes_line_ends_and_words_that_look_like_missing(
    write: Write,
) -> None:
    text = 'id,text,label,group\n007,"a ""b"",\nc",NA,x\n1e3,null,None,y\n'
    data = read_data(write("m.csv", text))
    assert data.kind == "text"
    assert data.ids.tolist() == ["007", "1e3"]
    assert data.inputs == ['a "b",\nc', "null"]
    assert data.y is not None and data.group is not None
    assert data.y.tolist() == ["NA", "None"]
    assert data.group.tolist() == ["x", "y"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_with_any_line_end_and_a_byte_order_mark_reads_the_same(write: Write, end: str) -> None:
    lines = ["text,label", "one,a", "two,b", ""]
    data = read_data(write("m.csv", b"\xef\xbb\xbf" + end.join(lines).encode()))
    assert data.inputs == ["one", "two"]
    assert data.ids.tolist() == ["0", "1"]


def test_a_text_longer_than_a_read_block_is_read_whole(write: Write) -> None:
    long = "word " * 600_000
    data = read_data(write("m.csv", f"text,label\n{long}end,a\nshort,b\n"))
    assert data.inputs[0] == long + "end"


def test_paths_are_relative_to_the_manifest_and_name_the_rows(write: Write, tmp_path: Path) -> None:
    inside = (tmp_path / "in" / "b.png").as_posix()
    path = write("in/m.csv", f"path,label,split\n./img/a.png,x,Train\n{inside},y,validation\n")
    data = read_data(path)
    assert data.kind == "image"
    assert data.ids.tolist() == ["img/a.png", "b.png"]
    assert data.inputs == [tmp_path / "in" / "img" / "a.png", tmp_path / "in" / "b.png"]
    assert data.split is not None
    assert data.split.tolist() == ["train", "val"]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["1", "2", "10"], ["1", "2", "10"]),
        (["1.5", "2", "3"], [1.5, 2.0, 3.0]),
        (["1.0", "2.0", "3.0"], ["1.0", "2.0", "3.0"]),
        (["a;b", "", "b"], ["a;b", "", "b"]),
        (["", "", ""], None),
    ],
)
def test_csv_labels_are_words_unless_they_have_fractions(
    write: Write, labels: list[str], expected: list | None
) -> None:
    rows = "".join(f"t{i},{label}\n" for i, label in enumerate(labels))
    data = read_data(write("m.csv", "text,label\n" + rows))
    assert (None if data.y is None else data.y.tolist()) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("text,label\n", "holds no rows"),
        (b"text,label\ncaf\xe9,a\n", "is not UTF-8 text (line 2, byte 0xe9): save it as UTF-8"),
        ("text,label\na,b".encode("utf-16"), "is UTF-16 or UTF-32 text: save it as UTF-8"),
        ("text;label\na;b\n", "is separated by semicolons: save it with commas"),
        ("text\tlabel\na\tb\n", "is separated by tabs"),
        ("text,label\na,b,c\n", "Expected 2 columns, got 3"),
        ('text,label\na,b\nc,"d\ne,f\n', "has a quote that is never closed"),
        ("text,text\na,b\n", "has the column 'text' twice"),
        ("words,label\na,b\n", "neither 'path' nor 'text'"),
        ("Text,label\na,b\n", "has the column 'Text': call it 'text'"),
        ("path,text\na,b\n", "both a 'path' and a 'text' column"),
        ("text,label\na,b\nc,\n", "has no label in 1 of 2 rows, first '1'"),
        ("text,label\na,b\n ,c\n", "has no text in 1 of 2 rows, first row 1"),
        ("id,text\nx,b\nx,c\n", "1 id(s) that occur more than once, first 'x'"),
        ("path,label\na.png,b\na.png,c\n", "more than once, first 'a.png'"),
        ("text,split\na,train\nb,tset\n", "has the split 'tset': did you mean 'test'?"),
        ("text,split\na,train\nb,\n", "has no split in 1 of 2 rows, first row 1"),
        ("text,label\na,1.5\nb,nan\n", "the label 'nan' in row '1' among numbers"),
    ],
)
def test_a_csv_that_cannot_be_meant_is_refused_in_one_line(
    write: Write, content: str | bytes, message: str
) -> None:
    path = write("m.csv", content)
    with pytest.raises(InputError) as caught:
        read_data(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_odd_quote_inside_a_value_is_no_error(write: Write) -> None:
    assert read_data(write("m.csv", 'text,label\na 5" screen,b\n')).inputs == ['a 5" screen']


def test_parquet_manifest_keeps_types_of_labels_and_makes_ids_texts(tmp_path: Path) -> None:
    table = pa.table(
        {"text": ["a", "b"], "label": [3, 1], "id": [7, 8], "split": ["train", "test"]}
    )
    pq.write_table(table, tmp_path / "m.parquet")
    data = read_data(tmp_path / "m.parquet")
    assert data.kind == "text"
    assert data.ids.tolist() == ["7", "8"]
    assert data.y is not None and data.y.dtype == np.int64
    assert data.y.tolist() == [3, 1]


def test_parquet_with_some_labels_missing_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a", "b"], "label": [1, None]}), tmp_path / "m.parquet")
    with pytest.raises(InputError, match="has no label in 1 of 2 rows, first '1'"):
        read_data(tmp_path / "m.parquet")


@pytest.mark.parametrize("name", ["m.parquet", "m.npz", "m.safetensors"])
def test_a_text_file_under_another_name_is_refused(write: Write, name: str) -> None:
    with pytest.raises(InputError, match=r"m\.\w+ is not a"):
        read_data(write(name, "text,label\na,b\n"))


def test_an_unknown_suffix_names_the_forms_there_are(write: Write) -> None:
    with pytest.raises(
        InputError, match=r"unknown form \(\.xlsx\): give a folder of images, a \.c"
    ):
        read_data(write("m.xlsx", b"PK"))


def test_parquet_with_lists_of_names_is_multilabel(tmp_path: Path) -> None:
    labels = [["red", "round"], [], ["red"]]
    pq.write_table(pa.table({"text": list("abc"), "label": labels}), tmp_path / "m.parquet")
    data = read_data(tmp_path / "m.parquet")
    assert data.y is not None
    assert data.y.tolist() == ["red;round", "", "red"]
