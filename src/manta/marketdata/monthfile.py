"""One month of one table on disk: what is settled, and beside it what came since, small and often rewritten.

The small file exists so that a report every five minutes does not rewrite a month of fifty megabytes every
five minutes. Its rows hide those of the large one that have the same key. It is written for one generation
of the large one and counts beside that alone: the next generation has taken it in, even if whoever wrote
that was killed before removing it, or a reader looked at the one before and at the other after.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.parquet as pq  # type: ignore[import-untyped]  # the same
from numpy.typing import NDArray

from manta.domain.time import epoch_ms
from manta.marketdata.files import replacing, sync_folder
from manta.marketdata.merging import Kept, merge, overlay
from manta.marketdata.months import Month
from manta.mms.catalogue import Table
from manta.mms.rows import TYPES, Rows

FEW_ROWS = 20_000
"""As many may wait beside a month: four hours of units' outputs, half a month of the regions' prices."""
GROUP_ROWS = 65_536
"""Rows that are read and merged in one piece, and more where they share the first column of their key."""
_GENERATION = b"manta.generation"
"""How often the large file has been rewritten; in the small one, for which of these it is."""
type Places = NDArray[np.int64] | NDArray[np.float64]
"""Values of the first column of a key, which is an instant or a number in every table."""
type Stamp = tuple[tuple[int, int, int], ...]
"""What is another whenever a file is."""


class DamagedHistoryError(ValueError):
    """A file of ours that cannot be read any more: which, why, and how to mend it."""

    def __init__(self, path: Path, cause: Exception) -> None:
        super().__init__(
            f"{path} is damaged ({str(cause)[:120]}): remove it and imported.json, and import the month again"
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What was read of a month."""

    rows: Rows
    fresh: Rows
    """Those of them that are not settled."""
    generation: int


@dataclass(frozen=True, slots=True)
class MonthFile:
    """A month of a table; to be written by one who holds the folder."""

    table: Table
    month: Month
    folder: Path

    @property
    def settled(self) -> Path:
        """Where most of the month is."""
        return self.folder / f"{self.month}.parquet"

    @property
    def fresh(self) -> Path:
        """Where the last of it is."""
        return self.folder / f"{self.month}.new.parquet"

    @property
    def stamp(self) -> Stamp:
        """Return what tells one state of the month from another."""
        return _stamp(self.fresh), _stamp(self.settled)

    def read(
        self, columns: Collection[str] | None = None, within: tuple[datetime, datetime] | None = None
    ) -> Rows:
        """Return the rows in the order of their key: all columns, or the named ones and the key.

        Where the first column of the key is an instant, rows that lie wholly out of ``within`` may be left
        out; that others are not in it is for the caller to see.
        """
        bounds = None
        if within is not None and self.table.key[0] in self.table.instants:
            bounds = epoch_ms(within[0]), epoch_ms(within[1])
        return self._read_both(columns, bounds).rows

    def keep(self, heard: Rows) -> Kept:
        """Add rows of this month, one row a key in its order, and tell what that changed."""
        if len(heard) > FEW_ROWS or not self.settled.exists():
            return self._fold(heard)
        places = places_of(heard)
        known = self._read_both(None, (places[0], places[-1]))
        merged = merge(_between(known.rows, places[0], places[-1]), heard)
        if merged.kept.new:
            self._wait(overlay(known.fresh, merged.new), known.generation)
        return merged.kept

    def _wait(self, waiting: Rows, generation: int) -> None:
        """Put down what is not settled yet, or settle it where it has become much."""
        if len(waiting) > FEW_ROWS:
            self._fold(waiting)
            return
        with replacing(self.fresh) as draft:
            pq.write_table(_marked(waiting.columns, generation), draft, compression="zstd")

    def _fold(self, heard: Rows) -> Kept:
        """Rewrite the month with what waited beside it and what was heard, a piece at a time."""
        kept = Kept()
        with _opened(self.settled) as settled, replacing(self.settled) as draft:
            generation = _generation(settled)
            fresh = self._read_fresh(generation)
            schema = _schema(self.table, settled, fresh, heard)
            marked = _marked(schema.empty_table(), generation + 1).schema
            with pq.ParquetWriter(draft, marked, compression="zstd") as writer:
                for below, waiting, above in self._pieces(settled, fresh, heard):
                    merged = merge(overlay(below, waiting), above)
                    kept += merged.kept
                    for group in _groups(merged.rows):
                        whole = pa.concat_tables([schema.empty_table(), group], promote_options="default")
                        writer.write_table(whole.cast(marked), row_group_size=len(whole))
        self.fresh.unlink(missing_ok=True)
        sync_folder(self.folder)
        return kept

    def _pieces(
        self, settled: pq.ParquetFile | None, fresh: Rows, heard: Rows
    ) -> Iterator[tuple[Rows, Rows, Rows]]:
        """Yield the settled rows group by group, each with the others' rows that belong among them."""
        if settled is None or not settled.num_row_groups:
            yield self._empty(), fresh, heard
            return
        lasts = _bounds(settled, self.table)[1]
        for group, waiting, above in zip(
            range(len(lasts)), _split(fresh, lasts), _split(heard, lasts), strict=True
        ):
            below = settled.read_row_group(group, use_threads=False).replace_schema_metadata(None)
            yield Rows(self.table, below), waiting, above

    def _read_both(self, columns: Collection[str] | None, bounds: tuple[float, float] | None) -> _Known:
        """Return what both files hold; the small one is opened first, so that it is never the newer one."""
        with _opened(self.fresh) as fresh, _opened(self.settled) as settled:
            generation = _generation(settled)
            above = self._rows(fresh if _generation(fresh) == generation else None, columns)
            return _Known(overlay(self._rows(settled, columns, bounds), above), above, generation)

    def _read_fresh(self, generation: int) -> Rows:
        with _opened(self.fresh) as fresh:
            return self._rows(fresh if _generation(fresh) == generation else None)

    def _rows(
        self,
        opened: pq.ParquetFile | None,
        columns: Collection[str] | None = None,
        bounds: tuple[float, float] | None = None,
    ) -> Rows:
        """Return the rows of a file whose groups are not wholly out of bounds."""
        if opened is None:
            return self._empty()
        names = [
            name
            for name in opened.schema_arrow.names
            if columns is None or name in columns or name in self.table.key
        ]
        groups = np.arange(opened.num_row_groups)
        if bounds is not None and len(groups):
            firsts, lasts = _bounds(opened, self.table)
            groups = groups[(firsts <= bounds[1]) & (lasts >= bounds[0])]
        read = opened.read_row_groups(groups.tolist(), names, use_threads=False)
        return Rows(self.table, read.replace_schema_metadata(None))

    def _empty(self) -> Rows:
        return Rows(self.table, _schema(self.table, None).empty_table())


def places_of(rows: Rows) -> Places:
    """Return the values of the first column of the key, by which files are ordered."""
    column = rows.table.key[0]
    if column in rows.table.instants:
        return rows.instants(column).view(np.int64)
    return rows.numbers(column)


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile | None]:
    """Open a file, None if it is not there; DamagedHistoryError from whatever is read in it."""
    try:
        with path.open("rb") as source, pq.ParquetFile(source) as opened:
            yield opened
    except FileNotFoundError:
        yield None
    except (pa.ArrowException, OSError) as error:
        raise DamagedHistoryError(path, error) from error


def _generation(opened: pq.ParquetFile | None) -> int:
    return 0 if opened is None else int((opened.schema_arrow.metadata or {}).get(_GENERATION, 0))


def _marked(columns: pa.Table, generation: int) -> pa.Table:
    return columns.replace_schema_metadata({_GENERATION: str(generation).encode()})


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        seen = path.stat()
    except FileNotFoundError:
        return 0, 0, 0
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _schema(table: Table, settled: pq.ParquetFile | None, *others: Rows) -> pa.Schema:
    """Return every column that is in one of them, and those of the key, each of its kind."""
    names = {*table.key, *(name for rows in others for name in rows.columns.column_names)}
    if settled is not None:
        names.update(settled.schema_arrow.names)
    return pa.schema([(name, TYPES[table.kind(name)]) for name in sorted(names)])


def _bounds(opened: pq.ParquetFile, table: Table) -> tuple[Places, Places]:
    """Return the first and the last place in each group of rows."""
    column = opened.schema_arrow.names.index(table.key[0])
    groups = [opened.metadata.row_group(n).column(column).statistics for n in range(opened.num_row_groups)]
    return np.array([_number(group.min) for group in groups]), np.array([_number(g.max) for g in groups])


def _number(place: datetime | float) -> float:
    return epoch_ms(place) if isinstance(place, datetime) else place


def _between(rows: Rows, first: float, last: float) -> Rows:
    places = places_of(rows)
    begins, ends = np.searchsorted(places, first), np.searchsorted(places, last, "right")
    return Rows(rows.table, rows.columns.slice(begins, ends - begins))


def _split(rows: Rows, lasts: Places) -> Iterator[Rows]:
    """Yield what belongs to each group; what is beyond the last group belongs to it too."""
    begins = 0
    for ends in [*np.searchsorted(places_of(rows), lasts[:-1], "right").tolist(), len(rows)]:
        yield Rows(rows.table, rows.columns.slice(begins, ends - begins))
        begins = ends


def _groups(rows: Rows) -> Iterator[pa.Table]:
    """Yield the rows in groups, none of which shares a place with another."""
    changes = np.flatnonzero(np.diff(places_of(rows))) + 1
    wanted = np.searchsorted(changes, np.arange(GROUP_ROWS, len(rows), GROUP_ROWS))
    begins = 0
    for ends in [*np.unique(changes[wanted[wanted < len(changes)]]).tolist(), len(rows)]:
        yield rows.columns.slice(begins, ends - begins)
        begins = ends
