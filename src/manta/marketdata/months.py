"""Months of the market, UTC+10, and which row of a table belongs to which."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import NEM_TIME
from manta.mms.catalogue import Table
from manta.mms.rows import AHEAD_MS, Rows, array_of

_NAME = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month of the market; an interval belongs to it by when it lies, one that ends at 00:00 to the old."""

    year: int
    month: int

    @classmethod
    def holding(cls, end: datetime) -> Self:
        """Return the month in which an interval lies that ends then."""
        local = (end - _MILLISECOND).astimezone(NEM_TIME)
        return cls(local.year, local.month)

    @classmethod
    def named(cls, name: str) -> Self | None:
        """Return the month that a file's stem names; None if it names none."""
        return cls(int(match[1]), int(match[2])) if (match := _NAME.fullmatch(name)) else None

    @property
    def start(self) -> datetime:
        """When its first interval begins, UTC."""
        return datetime(self.year, self.month, 1, tzinfo=NEM_TIME).astimezone(UTC)

    @property
    def end(self) -> datetime:
        """When its last interval ends, UTC."""
        return self.next.start

    @property
    def next(self) -> Month:
        """The month after it."""
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def dated_by(table: Table) -> str:
    """Return the column whose instant says to which month a row belongs: the first instant of the key."""
    return next(column for column in table.key if column in table.instants)


def months_of(rows: Rows) -> set[Month]:
    """Return the months to which rows belong."""
    return {Month(at.year, at.month) for at in np.unique(_months(rows)).tolist()}


def by_month(rows: Rows) -> Iterator[tuple[Month, Rows]]:
    """Yield the rows of each month, oldest first."""
    months = _months(rows)
    for each in np.unique(months):
        at = each.item()
        chosen = np.flatnonzero(months == each)
        columns = rows.columns if len(chosen) == len(rows) else rows.columns.take(array_of(chosen))
        yield Month(at.year, at.month), Rows(rows.table, columns)


def _months(rows: Rows) -> NDArray[np.datetime64]:
    ahead = np.timedelta64(AHEAD_MS - 1, "ms")
    months: NDArray[np.datetime64] = (rows.instants(dated_by(rows.table)) + ahead).astype("datetime64[M]")
    return months
