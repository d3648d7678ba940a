"""Rows laid over rows: what a publication adds to what is known, and what it changes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # the same

from manta.marketdata.months import dated_by
from manta.mms.catalogue import Table
from manta.mms.rows import TYPES, Rows, array_of, upsert

_ORIGIN = "\U0010ffff"
"""A column for where a row came from. Its name sorts after every other, so that it decides between rows that
are the same in all else, and only between those."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What keeping rows came to, counted in keys."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: Kept) -> Kept:
        return Kept(self.added + other.added, self.changed + other.changed, self.unchanged + other.unchanged)

    @property
    def new(self) -> int:
        """How many rows there are that were not there before."""
        return self.added + self.changed


@dataclass(frozen=True, slots=True)
class Merged:
    """Known and heard rows as one: the whole, and those of it that were heard just now."""

    rows: Rows
    new: Rows
    kept: Kept


def uniform(rows: Rows) -> Rows:
    """Return rows whose columns have the types of their kinds; ValueError for a value or a key it lacks.

    A copy may hold an instant as text, or a number as one; on disk every file of a table is alike.
    """
    table = rows.table
    if lacking := [column for column in table.key if column not in rows and column not in table.may_lack]:
        raise ValueError(f"rows of {table} have no column {', '.join(lacking)}")
    columns = {}
    for name in sorted(rows.columns.column_names):
        kind = TYPES[table.kind(name)]
        column = rows.columns[name]
        columns[name] = column if column.type == kind else column.cast(kind)
    if columns[dated_by(table)].null_count:
        raise ValueError(f"a row of {table} has no {dated_by(table)}")
    return Rows(table, pa.table(columns))


def merge(known: Rows, heard: Rows) -> Merged:
    """Return both as one, a row a key; each of them has one row a key already."""
    both = upsert(known.table, [_marked(known, 1), _marked(heard, 0)])
    new = pc.indices_nonzero(pc.equal(both.columns[_ORIGIN], 0))
    added = len(both) - len(known)
    columns = both.columns.drop_columns(_ORIGIN)
    return Merged(
        Rows(known.table, columns),
        Rows(known.table, columns.take(new)),
        Kept(added, len(new) - added, len(heard) - len(new)),
    )


def overlay(below: Rows, above: Rows) -> Rows:
    """Return rows of which the upper ones hide those with the same key, whatever they hold."""
    if not len(above):
        return below
    by_layer: Table = replace(below.table, newest_by=(_ORIGIN,))
    both = upsert(by_layer, [_marked(below, 0), _marked(above, 1)])
    return Rows(below.table, both.columns.drop_columns(_ORIGIN))


def _marked(rows: Rows, origin: int) -> Rows:
    mark = array_of(np.full(len(rows), origin, np.int64))
    return Rows(rows.table, rows.columns.append_column(_ORIGIN, mark))
