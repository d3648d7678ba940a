"""Market history on disk: one parquet file a table and month, whatever came in whatever order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # the same

from manta.domain.time import epoch_ms
from manta.marketdata.coverage import Coverage, covered, region_column
from manta.marketdata.files import exclusive
from manta.marketdata.merging import Kept, uniform
from manta.marketdata.monthfile import MonthFile
from manta.marketdata.months import Month, by_month, dated_by
from manta.mms.catalogue import PRICE_AND_DEMAND, TABLES, Table
from manta.mms.dashboard import FORECASTS
from manta.mms.rows import INSTANT, Rows, upsert

ALL = (*TABLES, PRICE_AND_DEMAND, FORECASTS)
"""What may be kept."""


class MarketData:
    """Every market table that was ever kept below a directory.

    Any number of processes may keep and read at once: a table has one writer at a time, readers never wait,
    and what they see is whole. Every method reads or writes files; call it from a thread.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(self, rows: Rows) -> Kept:
        """Add rows; of those with one key the last changed wins, in any order and however often they come.

        ValueError if the rows lack a column of the key or a value of it, or hold what the column cannot.
        When it returns, they outlive a power cut.
        """
        heard = upsert(rows.table, [uniform(rows)])
        kept = Kept()
        if len(heard):
            months = list(by_month(heard))
            with exclusive(self._folder(rows.table)):
                for month, part in months:
                    kept += self.month(rows.table, month).keep(part)
        return kept

    def read(
        self,
        table: Table,
        start: datetime,
        end: datetime,
        columns: Collection[str] | None = None,
        regions: Collection[str] | None = None,
    ) -> Rows:
        """Return the rows that are dated after ``start`` and not after ``end``: the intervals between them.

        A row is dated by the first instant of its key, which names an interval or a run by its end. Ordered
        by the key; all columns, or the named ones and the key; of all regions, or of the named ones.
        """
        parts = [
            _chosen(self.month(table, month).read(columns, (start, end)), start, end, regions)
            for month in self.months(table)
            if month.start < end and start < month.end
        ]
        if not parts:
            return _chosen(MonthFile(table, Month(1970, 1), self._folder(table)).read(), start, end, None)
        joined = pa.concat_tables([part.columns for part in parts], promote_options="default")
        return Rows(table, joined.unify_dictionaries())

    def months(self, table: Table) -> Sequence[Month]:
        """Return the months of which a table has rows, oldest first."""
        stems = {path.name.partition(".")[0] for path in self._folder(table).glob("*.parquet")}
        return sorted(month for stem in stems if (month := Month.named(stem)))

    def month(self, table: Table, month: Month) -> MonthFile:
        """Return a month of a table, which need not be there."""
        return MonthFile(table, month, self._folder(table))

    def coverage(self, now: datetime) -> Sequence[Coverage]:
        """Return how complete each table is and how old, by region where it has regions."""
        return [
            each for table in ALL if self.months(table) for each in covered(table, self._each(table), now)
        ]

    def _each(self, table: Table) -> Iterator[Rows]:
        """Yield the key of each month."""
        for month in self.months(table):
            yield self.month(table, month).read(table.key)

    def _folder(self, table: Table) -> Path:
        return self.root / table.monthly


def _chosen(rows: Rows, start: datetime, end: datetime, regions: Collection[str] | None) -> Rows:
    """Return the rows of the time and the regions asked for."""
    dates = rows.columns[dated_by(rows.table)]
    wanted = pc.and_(pc.greater(dates, _instant(start)), pc.less_equal(dates, _instant(end)))
    if regions is not None and (column := region_column(rows.table)):
        names = rows.columns[column].cast(pa.string())
        wanted = pc.and_(wanted, pc.is_in(names, pa.array(sorted(regions), pa.string())))
    return Rows(rows.table, rows.columns.filter(wanted))


def _instant(at: datetime) -> pa.Scalar:
    return pa.scalar(epoch_ms(at), pa.int64()).cast(INSTANT)
