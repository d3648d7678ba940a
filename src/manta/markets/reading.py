"""From a file of a feed to the rows of its tables; what is not what its name says is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, timedelta

from manta.domain.time import NEM_TIME
from manta.mms.archive import csv_files
from manta.mms.catalogue import P5MIN, PRICE, Feed, Table
from manta.mms.lines import MarketFileError
from manta.mms.reports import archived_tables, tables_in
from manta.mms.rows import Rows

_DAILY = timedelta(days=1)


def tables_of(feed: Feed) -> Callable[[str, bytes], list[Rows]]:
    """Return a reader of a feed's files: the rows of each of its tables that a file holds."""

    def read(file: str, body: bytes) -> list[Rows]:
        found: list[Rows] = []
        for name, tables in _reports(feed, file, body):
            if not tables:
                raise MarketFileError(name, None, f"it holds none of {', '.join(map(str, feed.tables))}")
            for rows in tables.values():
                _check_named(feed, name, rows)
                _check_named(feed, file, rows)
            found += [rows for rows in tables.values() if len(rows)]
        return found

    return read


_NAMED_BY = {PRICE: "SETTLEMENTDATE", P5MIN: "RUN_DATETIME"}
"""Of what a file is named for; confirmed on genuine files for these."""


def _check_named(feed: Feed, file: str, rows: Rows) -> None:
    """Refuse a file that is named for one time and holds another."""
    column, match = _NAMED_BY.get(rows.table), feed.file_name.fullmatch(file)
    if column is None or match is None or not len(rows):
        return
    ends = {at.astype("datetime64[s]").item().replace(tzinfo=UTC) for at in rows.instants(column)}
    held = {f"{at.astimezone(NEM_TIME):%Y%m%d%H%M}" for at in ends}
    if held != {match[1][:12]}:
        raise MarketFileError(file, None, f"it is named for {match[1][:12]} and holds {min(held)}")


def _reports(feed: Feed, file: str, body: bytes) -> Iterator[tuple[str, Mapping[Table, Rows]]]:
    """Yield a file's reports: what comes once a day may be large, what comes in the market's rhythm not."""
    if feed.every >= _DAILY:
        yield from archived_tables(file, body, feed.tables)
        return
    for name, content in csv_files(file, body):
        yield name, tables_in(name, content, feed.tables)
