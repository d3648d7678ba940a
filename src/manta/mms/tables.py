"""Market tables that are no reports: PRICE_AND_DEMAND files and parquet copies of monthly tables."""

from __future__ import annotations

import io

import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # the same
import pyarrow.csv as pacsv  # type: ignore[import-untyped]  # the same
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # the same

from manta.mms.catalogue import PRICE_AND_DEMAND, Kind, Table
from manta.mms.lines import MarketFileError, check_text
from manta.mms.rows import (
    AHEAD_MS,
    INSTANT,
    NAME,
    TYPES,
    CellError,
    Rows,
    check_numbers,
    check_present,
    parse_instants,
)

MOST_PARQUET_ROWS = 50_000_000
_LOCAL = pa.timestamp("ms")


def price_and_demand(file: str, body: bytes) -> Rows:
    """Read a PRICE_AND_DEMAND file: one header, no footer; MarketFileError if it cannot be believed."""
    check_text(file, body)
    rows = body.count(b"\n") - 1 + (not body.endswith(b"\n"))
    kinds = {name: PRICE_AND_DEMAND.kind(name) for name in ("REGION", "SETTLEMENTDATE", "TOTALDEMAND", "RRP")}
    types = {name: NAME if kind is Kind.INSTANT else TYPES[kind] for name, kind in kinds.items()}
    try:
        parsed = pacsv.read_csv(
            pa.BufferReader(body),
            read_options=pacsv.ReadOptions(use_threads=False),
            parse_options=pacsv.ParseOptions(ignore_empty_lines=False),
            convert_options=pacsv.ConvertOptions(
                column_types=types | {"PERIODTYPE": NAME},
                include_columns=[*kinds, "PERIODTYPE"],
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise MarketFileError(file, None, str(error)[:200]) from error
    if parsed.num_rows != rows:
        raise MarketFileError(file, None, f"{rows} rows, of which {parsed.num_rows} can be told apart")
    return _rows(file, PRICE_AND_DEMAND, parsed, first_line=2)


def parquet_rows(file: str, body: bytes, table: Table) -> Rows:
    """Read a parquet copy of a table, however its columns are typed; instants without a zone are NEM time."""
    try:
        with pq.ParquetFile(io.BytesIO(body)) as opened:
            if opened.metadata.num_rows > MOST_PARQUET_ROWS:
                raise MarketFileError(file, None, f"more than {MOST_PARQUET_ROWS:,} rows")
            stored = opened.read(use_threads=False)
        stored.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, MarketFileError):
            raise
        raise MarketFileError(file, None, f"no parquet file: {error}"[:200]) from error
    return _rows(file, table, stored, first_line=1)


def _rows(file: str, table: Table, stored: pa.Table, first_line: int) -> Rows:
    """Return columns of the kinds that the table has; the copyist's own columns are left behind."""
    columns = {}
    for name in stored.column_names:
        if name.startswith("__"):
            continue
        try:
            columns[name] = _column(stored[name], table.kind(name))
            if name in table.key:
                check_present(columns[name])
        except CellError as error:
            raise MarketFileError(file, first_line + error.row, f"{name}: {error.cause}") from error
        except pa.ArrowException as error:
            raise MarketFileError(file, None, f"{name}: {error}"[:200]) from error
    return Rows(table, pa.table(columns))


def _column(column: pa.ChunkedArray, kind: Kind) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type) and column.type.tz is None:
        local = column.cast(_LOCAL).cast(pa.int64())
        return pc.subtract(local, AHEAD_MS).cast(_LOCAL).cast(INSTANT)
    if kind is Kind.INSTANT and not pa.types.is_timestamp(column.type):
        return parse_instants(column.cast(NAME) if column.type != NAME else column)
    typed = column.cast(TYPES[kind])
    if kind is Kind.NUMBER:
        check_numbers(typed)
    return typed
