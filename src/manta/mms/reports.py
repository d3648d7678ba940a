"""AEMO's report format read for the whole of its tables: bytes in, columns by name out, a month in a blink.

The layout is that of ``mms.lines``, which reads a table of a few rows field by field. Here ``mms.sections``
sees to it that every row is counted and stands under its header, and the tables that are wanted are parsed a
block at a time while that goes on; a row that does not fit is named by its line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.csv as pacsv  # type: ignore[import-untyped]  # the same

from manta.mms.archive import archived_pieces, pieces_of
from manta.mms.catalogue import TABLES, Kind, Table, table_named
from manta.mms.lines import MarketFileError
from manta.mms.rows import NAME, POOL, TYPES, CellError, Rows, check_numbers, check_present, parse_instants
from manta.mms.sections import LONGEST_STRETCH, Section, Stretch, stretches

_KEYS = 4
_AS_READ = {Kind.INSTANT: NAME, Kind.NUMBER: pa.float64(), Kind.NAME: NAME, Kind.TEXT: pa.string()}
_ROW = re.compile(r"Row #(\d+): (.*)", re.DOTALL)
_CELL = rb'(?:[^",\r\n]*+|"(?:[^"]++|"")*+")'
_REGULAR = re.compile(rb"%b(?:,%b)*+\r?\n" % (_CELL, _CELL))
"""A row of which every cell is quoted whole or not at all."""


def tables_in(
    file: str, body: bytes, wanted: Collection[Table], columns: Collection[str] | None = None
) -> dict[Table, Rows]:
    """Read the wanted tables of one report, all columns or the named ones beside the key.

    A table that stands under several headers is one; a table that is not there is not in the answer.
    MarketFileError if the file cannot be believed, also where the fault is in a table that nobody wants.
    """
    return _tables(file, stretches(file, pieces_of(body)), wanted, columns)


def archived_tables(
    file: str, body: bytes, wanted: Collection[Table] = TABLES, columns: Collection[str] | None = None
) -> Iterator[tuple[str, dict[Table, Rows]]]:
    """Yield the wanted tables of each report in a CSV, a zip, or a zip of zips, one report at a time."""
    for name, pieces in archived_pieces(file, body):
        yield name, _tables(name, _ahead(stretches(name, pieces)), wanted, columns)


def sections_of(file: str, body: bytes) -> list[Section]:
    """Return a report's sections, having counted every row and compared the footer."""
    found: dict[int, Section] = {}
    for stretch in stretches(file, pieces_of(body)):
        counted = found.setdefault(stretch.section.line, stretch.section)
        found[counted.line] = replace(counted, rows=counted.rows + stretch.rows)
    return list(found.values())


@dataclass(slots=True)
class _Header:
    """What has been read under one header; the table is None where nobody wants it."""

    section: Section
    table: Table | None
    kinds: dict[str, Kind]
    options: tuple[object, ...] = ()
    parts: list[pa.Table] = field(default_factory=list)
    marks: int = 0
    """How many quotation marks there were where nobody reads."""


def _tables(
    file: str, found: Iterable[Stretch], wanted: Collection[Table], columns: Collection[str] | None
) -> dict[Table, Rows]:
    """Read on to the end even where a cell is wrong: that the file was cut short is said before all else."""
    headers: list[_Header] = []
    refusal: MarketFileError | None = None
    for stretch in found:
        if refusal is not None:
            continue
        try:
            if not stretch.rows:
                headers.append(_met(file, stretch.section, wanted, columns))
            else:
                _take_in(file, headers[-1], stretch)
        except MarketFileError as error:
            refusal = error
    if refusal is not None:
        raise refusal
    return _finished_tables(file, headers)


def _ahead(found: Iterator[Stretch]) -> Iterator[Stretch]:
    """Unpack and count what comes next while what has come is parsed."""
    with ThreadPoolExecutor(1) as beside:
        coming = beside.submit(next, found, None)
        while (stretch := coming.result()) is not None:
            coming = beside.submit(next, found, None)
            yield stretch


def _met(file: str, section: Section, wanted: Collection[Table], columns: Collection[str] | None) -> _Header:
    table = table_named(section.group, section.name)
    if table is None or table not in wanted:
        return _Header(section, None, {})
    if lacking := [c for c in table.key if c not in section.columns and c not in table.may_lack]:
        raise MarketFileError(file, section.line, f"{section} has no column {', '.join(lacking)}")
    kept = [c for c in section.columns if columns is None or c in columns or c in table.key]
    kinds = {column: table.kind(column) for column in kept}
    return _Header(section, table, kinds, _options(section, kinds))


def _take_in(file: str, header: _Header, stretch: Stretch) -> None:
    """Parse rows where they are wanted."""
    if header.table is None:
        header.marks += int(np.count_nonzero(np.frombuffer(stretch.octets, np.uint8) == ord('"')))
        return
    parsed = _parse(file, header, stretch.octets, stretch.line)
    if parsed.num_rows != stretch.rows or not _closes(file, header, stretch):
        cause = f"a quotation mark under {stretch.section} is not closed in its row"
        raise MarketFileError(file, stretch.section.line, cause)
    header.parts.append(parsed)


def _closes(file: str, header: _Header, stretch: Stretch) -> bool:
    """Tell whether the last row leaves no quotation open: Arrow takes the end of a stretch for its end."""
    last = bytes(stretch.octets[stretch.last :])
    if _REGULAR.fullmatch(last):
        return True
    try:
        return int(_parse(file, header, memoryview(last * 2), stretch.line).num_rows) == 2
    except MarketFileError:
        return False


def _parse(file: str, header: _Header, rows: memoryview, line: int) -> pa.Table:
    """Parse rows of which the first stands on this line."""
    try:
        return pacsv.read_csv(pa.BufferReader(pa.py_buffer(rows)), *header.options, POOL)
    except pa.ArrowInvalid as error:
        if match := _ROW.search(str(error)):
            raise MarketFileError(file, line - 1 + int(match[1]), match[2][:160]) from error
        raise MarketFileError(file, header.section.line, str(error)[:160]) from error


def _options(section: Section, kinds: dict[str, Kind]) -> tuple[object, ...]:
    """Return how rows under a header are parsed, a stretch in one go."""
    names = [f"\0{n}" for n in range(_KEYS)] + list(section.columns)
    return (
        pacsv.ReadOptions(column_names=names, block_size=LONGEST_STRETCH, use_threads=False),
        pacsv.ParseOptions(ignore_empty_lines=False),
        pacsv.ConvertOptions(
            column_types={column: _AS_READ[kind] for column, kind in kinds.items()},
            include_columns=list(kinds),
            null_values=[""],
            strings_can_be_null=True,
            check_utf8=False,
        ),
    )


def _finished_tables(file: str, headers: Iterable[_Header]) -> dict[Table, Rows]:
    found: dict[Table, list[pa.Table]] = {}
    for header in headers:
        if header.table is not None:
            found.setdefault(header.table, []).append(_finished(file, header, header.table))
        elif header.marks % 2:
            cause = "a quotation mark under this header is not closed"
            raise MarketFileError(file, header.section.line, cause)
    return {
        table: Rows(table, pa.concat_tables(parts, promote_options="default").unify_dictionaries(POOL))
        for table, parts in found.items()
    }


def _finished(file: str, header: _Header, table: Table) -> pa.Table:
    if not header.parts:
        return pa.table({column: pa.array([], TYPES[kind]) for column, kind in header.kinds.items()})
    parsed = pa.concat_tables(header.parts)
    try:
        columns = [_finished_column(parsed[column], column, table) for column in header.kinds]
    except CellError as error:
        raise MarketFileError(file, header.section.line + 1 + error.row, error.cause) from error
    return pa.Table.from_arrays(columns, list(header.kinds))


def _finished_column(column: pa.ChunkedArray, name: str, table: Table) -> pa.ChunkedArray:
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
