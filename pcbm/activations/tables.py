"""Tables of rows from CSV (every value a text) and parquet (typed) files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from pcbm.errors import InputError
from pcbm.files import read_utf8

if TYPE_CHECKING:
    import pyarrow as pa


def read_csv(path: Path) -> pa.Table:
    """Read a comma-separated UTF-8 file with a header; all values stay texts, blanks too.

    Quoted values may hold commas, doubled quotes and line ends; lines may end in LF, CRLF or CR.

    Raises
    ------
    InputError
        Another encoding or separator, rows of unequal length, a repeated or empty column name, an
        unclosed quote, or nothing in the file.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    text = read_utf8(path)
    if not text.strip():
        raise InputError(f"{path} is empty: give a header and at least one row")
    content = text.encode()
    names = _header(path, text)
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(content),
            # One block and one thread: rows longer than a block would be refused, and errors
            # would not know their row.
            read_options=arrow_csv.ReadOptions(use_threads=False, block_size=len(content) + 1),
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(
            f"{path} is no well-formed CSV ({reason}): quote values that hold commas or line ends"
        ) from None
    if content.count(b'"') % 2:
        _refuse_open_quote(path, text)
    return _stripped_names(path, table)


def read_parquet(path: Path) -> pa.Table:
    """Read a parquet file; anything else raises InputError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read()
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise InputError(f"{path} is not a parquet file ({reason}): check the path") from None
    return _stripped_names(path, table)


def _header(path: Path, text: str) -> list[str]:
    names = next(csv.reader(io.StringIO(text, newline="")))
    for sign, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(names) == 1 and sign in names[0]:
            raise InputError(f"{path} is separated by {word}: save it with commas")
    return names


def _stripped_names(path: Path, table: pa.Table) -> pa.Table:
    names = [name.strip() for name in table.column_names]
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise InputError(f"{path} has the column {min(repeated)!r} twice: rename one")
    if table.num_rows == 0:
        raise InputError(f"{path} holds no rows: give at least one below the header")
    return table.rename_columns(names)


def _refuse_open_quote(path: Path, text: str) -> None:
    """Raise when a quote is never closed; the reader would take the rest of the file as a value."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for _ in reader:
            pass
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise InputError(
                f"{path} has a quote that is never closed: close it, or double quotes inside values"
            ) from None
