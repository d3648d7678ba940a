"""AEMO's report format: comma-separated rows of comment (C), header (I) and data (D).

A header names the columns of the data rows after it, and the same table has its columns in another order in
another feed, so that nothing here is ever found by position. The last row states how many rows there are,
which is how a file that was cut short is told from a short file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

END = "END OF REPORT"
MOST_ROWS = 10_000
"""Of the table that is asked for; a dispatch run has ten at most."""
_KEYS = 4
"""Row type, table group, table name and version come before the columns that a header names."""


class MarketFileError(ValueError):
    """A market file that cannot be believed: which one, where, and why."""

    def __init__(self, file: str, line: int | None, cause: str) -> None:
        super().__init__(f"{file}, line {line}: {cause}" if line else f"{file}: {cause}")
        self.file = file
        self.line = line
        """Counted from 1; None where it is the file as a whole."""
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Row:
    """One data row; its fields are asked for by the name in the header."""

    file: str
    line: int
    columns: dict[str, int]
    fields: Sequence[str]

    def __getitem__(self, column: str) -> str:
        if (place := self.columns.get(column)) is None:
            raise self.error(f"there is no column {column}")
        return self.fields[place]

    def error(self, cause: str) -> MarketFileError:
        """Return an error that points at this row."""
        return MarketFileError(self.file, self.line, cause)


def read_table(file: str, body: bytes, *, report: str, group: str, table: str) -> list[Row]:
    """Return the data rows of one table, having checked the whole file from first row to last."""
    found: list[Row] = []
    header: list[str] = []
    columns: dict[str, int] = {}
    row: list[str] = []
    line = 0
    for line, row in _rows(file, body):
        if line == 1:
            _check_first(file, row, report)
        elif header[:1] == ["C"]:
            raise MarketFileError(file, line, "a row stands after the last one")
        elif row[0] == "D":
            if not header or row[1:_KEYS] != header[1:_KEYS]:
                raise MarketFileError(file, line, f"a row of {_name(row)} stands under {_name(header)}")
            if row[1] == group and row[2] == table:
                _check_data(file, line, row, header, len(found))
                found.append(Row(file, line, columns, row))
        elif row[0] == "I":
            header, columns = row, _columns(file, line, row)
        elif row[0] == "C":
            header = row
        else:
            raise MarketFileError(file, line, f"a row cannot begin with {row[0][:20]!r}")
    _check_last(file, line, row)
    return found


def _rows(file: str, body: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with its line, one at a time: what is not kept takes no memory."""
    check_text(file, body)
    line = 0
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(body), "utf-8-sig", newline=""), strict=True)
    try:
        for line, row in enumerate(reader, start=1):
            if not row:
                raise MarketFileError(file, line, "an empty row")
            if reader.line_num != line:
                raise MarketFileError(file, line, "a quotation mark is not closed in its row")
            yield line, row
    except csv.Error as error:
        raise MarketFileError(file, line + 1, f"not a row of fields: {error}") from error


def check_text(file: str, body: bytes) -> None:
    """Refuse bytes that are not UTF-8."""
    if body.isascii():
        return
    try:
        body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise MarketFileError(file, line, f"byte {error.start} is not text") from error


def _check_first(file: str, row: list[str], report: str) -> None:
    if row[0] != "C" or len(row) < 3 or row[2] != report:
        raise MarketFileError(file, 1, f"it does not begin as a {report} report")


def _check_data(file: str, line: int, row: list[str], header: list[str], found: int) -> None:
    if len(row) != len(header):
        raise MarketFileError(file, line, f"{len(row)} fields under {len(header)} columns")
    if found >= MOST_ROWS:
        raise MarketFileError(file, line, f"more than {MOST_ROWS:,} rows of {_name(row)}")


def _check_last(file: str, line: int, row: list[str]) -> None:
    if line < 2:
        raise MarketFileError(file, None, "one row alone" if line else "no rows")
    if row[:2] != ["C", END]:
        raise MarketFileError(file, line, f"it was cut short: the last row is not {END!r}")
    if len(row) < 3 or row[2] != str(line):
        says = row[2][:20] if len(row) > 2 else ""
        raise MarketFileError(file, line, f"it says {says!r} rows and has {line}")


def _columns(file: str, line: int, header: list[str]) -> dict[str, int]:
    if len(header) <= _KEYS:
        raise MarketFileError(file, line, "a header names no columns")
    columns = {name: place for place, name in enumerate(header) if place >= _KEYS}
    if len(columns) != len(header) - _KEYS:
        raise MarketFileError(file, line, f"the header of {_name(header)} names a column twice")
    return columns


def _name(row: list[str]) -> str:
    return " ".join(field[:30] for field in row[1:_KEYS]) or "no table"
