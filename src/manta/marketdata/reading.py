"""Any market file to rows: what it is, is seen by its first bytes, and a copy's table by its name."""

from __future__ import annotations

import io
from collections.abc import Collection

import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # the same

from manta.marketdata.merging import uniform
from manta.mms.catalogue import PRICE_AND_DEMAND, TABLES, Table, table_of_month
from manta.mms.dashboard import dashboard_rows
from manta.mms.lines import MarketFileError
from manta.mms.reports import sections_of, tables_in
from manta.mms.rows import Rows
from manta.mms.tables import parquet_rows, price_and_demand

SUFFIXES = (".csv", ".zip", ".parquet", ".json")
"""Of files that are looked for in a folder."""
_PARQUET = b"PAR1"
_BOM = b"\xef\xbb\xbf"


def rows_in(file: str, body: bytes) -> list[Rows]:
    """Read a report, PRICE_AND_DEMAND, an answer of the dashboard or a parquet copy, table by table.

    Whatever it is, every row is there or the file is refused: MarketFileError with its line and the cause.
    """
    try:
        return [uniform(rows) for rows in _read(file, body)]
    except MarketFileError:
        raise
    except ValueError as error:  # what uniform says of a table as a whole
        raise MarketFileError(file, None, str(error)[:200]) from error


def _read(file: str, body: bytes) -> list[Rows]:
    text = body[: len(_BOM) + 100].removeprefix(_BOM).lstrip()
    if body.startswith(_PARQUET):
        return [_copy(file, body)]
    if text.startswith(b"C,"):
        return _report(file, body)
    if text.startswith(b"REGION,SETTLEMENTDATE,"):
        return [price_and_demand(file, body)]
    if text.startswith(b"{"):
        return dashboard_rows(file, body)
    raise MarketFileError(
        file, None, "neither a report of AEMO, PRICE_AND_DEMAND, dashboard JSON, parquet, nor a zip of these"
    )


def _report(file: str, body: bytes) -> list[Rows]:
    found = tables_in(file, body, TABLES)
    if not found:
        held = sorted({f"{section.group} {section.name}" for section in sections_of(file, body)})
        named = ", ".join(held)[:120] or "none"
        raise MarketFileError(file, None, f"it holds no table that Manta keeps: {named}")
    return list(found.values())


def _copy(file: str, body: bytes) -> Rows:
    try:
        columns = pq.read_schema(io.BytesIO(body)).names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise MarketFileError(file, None, f"no parquet file: {error}"[:200]) from error
    if (table := _table_of(file, columns)) is None:
        raise MarketFileError(file, None, "neither its name nor its columns say of which table it is")
    return parquet_rows(file, body, table)


def _table_of(file: str, columns: Collection[str]) -> Table | None:
    """Return the table that a copy is of: as its name says it or, of prices and demand, its columns."""
    name = file.rpartition("/")[2]
    if table := table_of_month(name):
        return table
    for table in sorted(TABLES, key=lambda table: -len(table.monthly)):
        if table.monthly in name.upper() and {*table.key} - table.may_lack <= {*columns}:
            return table
    return PRICE_AND_DEMAND if {*PRICE_AND_DEMAND.key, "RRP"} <= {*columns} else None
