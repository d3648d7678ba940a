"""AEMO's report format read for the whole of its tables: bytes in, columns by name out, a month in a blink.

The layout is that of ``mms``, which reads a table of a few rows field by field and lets nothing pass. Here
every row is counted and seen to stand under its header, the footer is compared, and the tables that are
wanted are parsed in one piece; a row that does not fit is named by its line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.csv as pacsv  # type: ignore[import-untyped]  # the same
from numpy.typing import NDArray

from manta.mms.archive import archived_files
from manta.mms.catalogue import TABLES, Kind, Table, table_named
from manta.mms.lines import END, MarketFileError, check_text
from manta.mms.rows import NAME, TYPES, CellError, Rows, check_numbers, check_present, parse_instants

MOST_SECTIONS = 1_000
MOST_COLUMNS = 500
LONGEST_ROW = 100_000
"""Of a header or a footer, in bytes."""
_BLOCK = 1 << 17
_IN_CACHE = 1 << 18
_BOM = b"\xef\xbb\xbf"
_KEYS = 4
_AS_READ = {Kind.INSTANT: NAME, Kind.NUMBER: pa.float64(), Kind.NAME: NAME, Kind.TEXT: pa.string()}
_ROW = re.compile(r"Row #(\d+): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Section:
    """A header and the data rows under it, found but not yet parsed."""

    group: str
    name: str
    version: str
    columns: tuple[str, ...]
    line: int
    """Of the header, counted from 1."""
    begins: int
    """The first byte of the first data row."""
    ends: int
    rows: int

    def __str__(self) -> str:
        return f"{self.group} {self.name} {self.version}"


def tables_in(
    file: str, body: bytes, wanted: Collection[Table], columns: Collection[str] | None = None
) -> dict[Table, Rows]:
    """Read the wanted tables of one report, all columns or the named ones beside the key.

    A table that stands under several headers is one; a table that is not there is not in the answer.
    MarketFileError if the file cannot be believed, also where the fault is in a table that nobody wants.
    """
    found: dict[Table, list[pa.Table]] = {}
    for section in sections_of(file, body):
        table = table_named(section.group, section.name)
        if table is not None and table in wanted:
            found.setdefault(table, []).append(_read(file, body, section, table, columns))
        elif body.count(b'"', section.begins, section.ends) % 2:
            raise MarketFileError(file, section.line, "a quotation mark under this header is not closed")
    return {
        table: Rows(table, pa.concat_tables(parts, promote_options="default").unify_dictionaries())
        for table, parts in found.items()
    }


def archived_tables(
    file: str, body: bytes, wanted: Collection[Table] = TABLES, columns: Collection[str] | None = None
) -> Iterator[tuple[str, dict[Table, Rows]]]:
    """Yield the wanted tables of each report in a CSV, a zip, or a zip of zips, one report at a time."""
    for name, content in archived_files(file, body):
        yield name, tables_in(name, content, wanted, columns)


def sections_of(file: str, body: bytes) -> list[Section]:
    """Return a report's sections, having counted every row and compared the footer."""
    check_text(file, body)
    begins = _row_starts(file, body)
    rows = len(begins) - 1
    if rows < 2 or not body.startswith(b"C,", begins[0]):
        raise MarketFileError(file, 1, "it does not begin with a comment row and go on")
    _check_footer(file, body[begins[rows - 1] :], rows)
    octets = np.frombuffer(body, np.uint8)
    headers = np.flatnonzero(octets[begins[1 : rows - 1]] == ord("I")) + 1
    if len(headers) > MOST_SECTIONS:
        raise MarketFileError(file, None, f"more than {MOST_SECTIONS:,} headers")
    if rows > 2 and (not len(headers) or headers[0] != 1):
        raise MarketFileError(file, 2, "there is neither a header nor the last row")
    ends = [*headers[1:].tolist(), rows - 1]
    return [
        _section(file, body, begins[header : end + 1], header + 1)
        for header, end in zip(headers.tolist(), ends, strict=len(headers) > 0)
    ]


def _row_starts(file: str, body: bytes) -> NDArray[np.int64]:
    """Return where each row begins, and where the last one ends."""
    octets = np.frombuffer(body, np.uint8)
    pieces, returns = [], 0
    for at in range(0, len(octets), _IN_CACHE):
        piece = octets[at : at + _IN_CACHE]
        pieces.append(np.flatnonzero(piece == ord("\n")) + at)
        returns += int(np.count_nonzero(piece == ord("\r")))
    feeds = np.concatenate([np.array([], np.int64), *pieces])
    if lone := returns - np.count_nonzero(octets[feeds[feeds > 0] - 1] == ord("\r")):
        raise MarketFileError(file, None, f"{lone} carriage returns end no row")
    start = len(_BOM) if body.startswith(_BOM) else 0
    begins = np.append(start, feeds + 1)
    return begins if begins[-1] == len(body) else np.append(begins, len(body) + 1)


def _section(file: str, body: bytes, begins: NDArray[np.int64], line: int) -> Section:
    """Return a section, given where its rows begin, the header first, and where the last one ends."""
    at, first, ends = int(begins[0]), int(begins[1]), int(begins[-1])
    header = _fields(file, line, body[at : min(first, at + LONGEST_ROW + 1)])
    columns = header[_KEYS:]
    if not columns or len(columns) > MOST_COLUMNS:
        raise MarketFileError(file, line, f"a header names {len(columns)} columns")
    if len(set(columns)) != len(columns) or "" in columns:
        raise MarketFileError(file, line, "the header names a column twice or not at all")
    prefix = b"D," + ",".join(header[1:_KEYS]).encode() + b","
    if len(stray := _strays(body, begins[1:-1], prefix)):
        row = body[begins[stray[0] + 1] : begins[stray[0] + 2] - 1][:60].decode(errors="replace")
        cause = f"{row!r} stands where rows of {prefix.decode()[:60]!r} should"
        raise MarketFileError(file, line + 1 + int(stray[0]), cause)
    return Section(header[1], header[2], header[3], tuple(columns), line, first, ends, len(begins) - 2)


def _strays(body: bytes, begins: NDArray[np.int64], prefix: bytes) -> NDArray[np.int64]:
    """Return which rows do not begin as their header has it."""
    octets = np.frombuffer(body, np.uint8)
    fits = begins + len(prefix) <= len(body)
    within = np.where(fits, begins, 0)
    for place, octet in enumerate(prefix):
        fits &= octets[np.minimum(within + place, len(body) - 1)] == octet
    return np.flatnonzero(~fits)


def _check_footer(file: str, row: bytes, line: int) -> None:
    footer = _fields(file, line, row[: LONGEST_ROW + 1])
    if footer[:2] != ["C", END]:
        raise MarketFileError(file, line, f"it was cut short: the last row is not {END!r}")
    if footer[2:3] != [str(line)]:
        raise MarketFileError(file, line, f"it says {''.join(footer[2:3])[:20]!r} rows and has {line}")


def _fields(file: str, line: int, row: bytes) -> list[str]:
    if len(row) > LONGEST_ROW:
        raise MarketFileError(file, line, f"a row of more than {LONGEST_ROW:,} bytes")
    try:
        return next(csv.reader([row.decode().rstrip("\r\n")], strict=True))
    except (csv.Error, StopIteration) as error:
        raise MarketFileError(file, line, f"not a row of fields: {error}") from error


def _read(
    file: str, body: bytes, section: Section, table: Table, columns: Collection[str] | None
) -> pa.Table:
    if lacking := [c for c in table.key if c not in section.columns and c not in table.may_lack]:
        raise MarketFileError(file, section.line, f"{section} has no column {', '.join(lacking)}")
    kept = [c for c in section.columns if columns is None or c in columns or c in table.key]
    kinds = {column: table.kind(column) for column in kept}
    if section.rows == 0:
        return pa.table({column: pa.array([], TYPES[kind]) for column, kind in kinds.items()})
    parsed = _parse(file, body, section, kinds)
    if parsed.num_rows != section.rows:
        raise MarketFileError(
            file, section.line, f"a quotation mark under {section} is not closed in its row"
        )
    try:
        finished = [_finished(parsed[column], column, table) for column in kept]
    except CellError as error:
        raise MarketFileError(file, section.line + 1 + error.row, error.cause) from error
    return pa.Table.from_arrays(finished, kept)


def _finished(column: pa.ChunkedArray, name: str, table: Table) -> pa.ChunkedArray:
    """Return a column as it leaves, or name the row and the cause."""
    kind = table.kind(name)
    try:
        if kind is Kind.INSTANT:
            column = parse_instants(column)
        elif kind is Kind.NUMBER:
            check_numbers(column)
        if name in table.key and name not in table.may_lack:
            check_present(column)
    except CellError as error:
        raise CellError(error.row, f"{name}: {error.cause}") from error
    return column


def _parse(file: str, body: bytes, section: Section, kinds: dict[str, Kind]) -> pa.Table:
    """Parse the rows a block at a time: what is not wanted is forgotten with its block."""
    names = [f"\0{n}" for n in range(_KEYS)] + list(section.columns)
    reading = {
        "read_options": pacsv.ReadOptions(column_names=names, block_size=_BLOCK, use_threads=False),
        "parse_options": pacsv.ParseOptions(ignore_empty_lines=False),
        "convert_options": pacsv.ConvertOptions(
            column_types={column: _AS_READ[kind] for column, kind in kinds.items()},
            include_columns=list(kinds),
            null_values=[""],
            strings_can_be_null=True,
            check_utf8=False,
        ),
    }
    octets = pa.py_buffer(body).slice(section.begins, section.ends - section.begins)
    try:
        with pacsv.open_csv(pa.BufferReader(octets), **reading) as reader:
            return reader.read_all()
    except pa.ArrowInvalid as error:
        raise _refusal(file, section, octets, reading, str(error)) from error


def _refusal(
    file: str, section: Section, octets: pa.Buffer, reading: dict[str, object], cause: str
) -> MarketFileError:
    """Return an error that names the line: the reader of the whole knows the row, that of blocks does not."""
    try:
        pacsv.read_csv(pa.BufferReader(octets), **reading)
    except pa.ArrowInvalid as error:
        if match := _ROW.search(str(error)):
            return MarketFileError(file, section.line + int(match[1]), match[2][:160])
    return MarketFileError(file, section.line, cause[:160])
