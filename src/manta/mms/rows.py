"""Rows of a market table as columns, found by name, and how a later publication replaces an earlier one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import cast

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
import pyarrow.compute as pc  # type: ignore[import-untyped]  # the same
from numpy.typing import NDArray

from manta.domain.time import NEM_TIME
from manta.mms.catalogue import Kind, Table

INSTANT = pa.timestamp("ms", "UTC")
NAME = pa.dictionary(pa.int32(), pa.string())
TYPES = {Kind.INSTANT: INSTANT, Kind.NUMBER: pa.float64(), Kind.NAME: NAME, Kind.TEXT: pa.string()}

_SHAPE = r"^[1-9][0-9]{3}/[0-9]{2}/[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?$"
_INT64 = pa.int64()
_NOT_A_TIME = np.iinfo(np.int64).min
AHEAD_MS = NEM_TIME.utcoffset(None) // timedelta(milliseconds=1)
"""NEM time is this far ahead of UTC."""


class CellError(ValueError):
    """A value that its column cannot hold: in which row, counted from 0, and why."""

    def __init__(self, row: int, cause: str) -> None:
        super().__init__(f"row {row}: {cause}")
        self.row = row
        self.cause = cause


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of one table, column by column."""

    table: Table
    columns: pa.Table

    def __len__(self) -> int:
        return int(self.columns.num_rows)

    def __contains__(self, column: str) -> bool:
        return column in self.columns.column_names

    def numbers(self, column: str) -> NDArray[np.float64]:
        """Return a column of numbers; unknown is NaN, never 0."""
        return _numpy_known(self.columns[column], np.float64, np.nan)

    def instants(self, column: str) -> NDArray[np.datetime64]:
        """Return a column of instants, UTC, in milliseconds; unknown is NaT."""
        return _numpy_known(self.columns[column], np.int64, _NOT_A_TIME).view("datetime64[ms]")

    def texts(self, column: str) -> list[str | None]:
        """Return a column of names or texts; unknown is None."""
        return cast("list[str | None]", self.columns[column].to_pylist())


def _numpy_known[T: np.generic](column: pa.ChunkedArray, dtype: type[T], unknown: float) -> NDArray[T]:
    """Return a column's values, and another for what is unknown."""
    pieces = [
        np.where(_known(chunk), _numpy(chunk, dtype), unknown) if chunk.null_count else _numpy(chunk, dtype)
        for chunk in column.chunks
    ]
    return np.concatenate([np.array([], dtype), *pieces]).astype(dtype, copy=False)


def _numpy[T: np.generic](array: pa.Array, dtype: type[T]) -> NDArray[T]:
    """Return the values as they lie in memory; Arrow's own way begins with an import of pandas."""
    if not len(array):
        return np.array([], dtype)
    return np.frombuffer(array.buffers()[1], dtype)[array.offset : array.offset + len(array)]


def _known(array: pa.Array) -> NDArray[np.bool_]:
    """Tell which values are known."""
    if not array.null_count:
        return np.ones(len(array), np.bool_)
    bits = np.unpackbits(np.frombuffer(array.buffers()[0], np.uint8), bitorder="little")
    return bits[array.offset : array.offset + len(array)].astype(np.bool_)


def parse_instants(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the instants that a column of dictionary-encoded market times names.

    Each different text is read once, strictly: 2025/02/30 and 24:00:00 do not exist.
    """
    chunks = []
    row = 0
    for chunk in column.chunks:
        chunks.append(pc.take(_distinct_instants(chunk, row), chunk.indices))
        row += len(chunk)
    return pa.chunked_array(chunks, INSTANT)


def _distinct_instants(chunk: pa.DictionaryArray, row: int) -> pa.Array:
    texts = chunk.dictionary
    good = pc.match_substring_regex(texts, _SHAPE)
    if not pc.all(good, min_count=0).as_py():
        raise _no_instant(chunk, row, good.to_pylist().index(False))
    try:
        local = pc.replace_substring(texts, "/", "-").cast(pa.timestamp("ms"))
    except pa.ArrowInvalid as error:
        wrong = next(n for n in range(len(texts)) if not _is_instant(texts[n].as_py()))
        raise _no_instant(chunk, row, wrong) from error
    return array_of(_numpy(local, np.int64) - AHEAD_MS, INSTANT)


def array_of(values: NDArray[np.int64], kind: pa.DataType = _INT64) -> pa.Array:
    """Return NumPy's numbers as Arrow's, without the import of pandas that Arrow's own way begins with."""
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def _is_instant(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y/%m/%d %H:%M:%S" if len(text) > len("2025/08/20") else "%Y/%m/%d")  # noqa: DTZ007
    except ValueError:
        return False
    return True


def _no_instant(chunk: pa.DictionaryArray, row: int, wrong: int) -> CellError:
    where = row + chunk.indices.to_pylist().index(wrong)
    text = chunk.dictionary[wrong].as_py()[:30]
    return CellError(where, f"{text!r} is not a time such as 2025/08/20 18:10:00")


def check_numbers(column: pa.ChunkedArray) -> None:
    """Refuse what is written as a number and is none: CellError for nan and infinity."""
    finite = pc.is_finite(column)
    if not pc.all(finite, min_count=0).as_py():
        raise CellError(finite.to_pylist().index(False), "it is not a finite number")


def check_present(column: pa.ChunkedArray) -> None:
    """Refuse an empty cell of a key."""
    if column.null_count:
        raise CellError(column.is_null().to_pylist().index(True), "it is empty, and of the key")


def upsert(table: Table, parts: Iterable[Rows]) -> Rows:
    """Return what is known after every part has been heard, one row a key, ordered by the key.

    Of rows with one key the last changed wins. Parts may come in any order and repeatedly: the result is the
    same. Two rows that say they changed at one instant and differ nevertheless are a fault of the publisher;
    the one whose values sort last is taken, which again does not depend on the order in which they came.
    """
    columns = pa.concat_tables([part.columns for part in parts], promote_options="permissive")
    columns = columns.select(sorted(columns.column_names)).unify_dictionaries()
    key = [name for name in table.key if name in columns.column_names]
    if not columns.num_rows:
        return Rows(table, columns)
    ranks = [_ranks(columns[name]) for name in key]
    newest = [_ranks(columns[name]) for name in table.newest_by if name in columns.column_names]
    order = np.lexsort((*reversed(newest), *reversed(ranks)))
    last = _changes(ranks, order)
    winners = order[last]
    tied = ~_changes([*ranks, *newest], order) & ~last
    if tied.any():
        winners = _settle(columns, ranks, newest)
    return Rows(table, columns.take(array_of(winners)))


def _settle(
    columns: pa.Table, ranks: list[NDArray[np.int64]], newest: list[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Return the winners where some rows of a key changed at one instant: those whose values sort last."""
    values = [_ranks(columns[name]) for name in sorted(columns.column_names)]
    order = np.lexsort((*reversed(values), *reversed(newest), *reversed(ranks)))
    return order[_changes(ranks, order)]


def _ranks(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return each value's place among the column's values; the unknown come first."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    encoded = column.combine_chunks().dictionary_encode()
    values = encoded.dictionary
    place = np.empty(len(values), np.int64)
    place[_numpy(pc.sort_indices(values), np.uint64)] = np.arange(len(values))
    known = _known(encoded.indices)
    ranks = np.full(len(known), -1)
    ranks[known] = place[_numpy(encoded.indices.drop_null(), np.int32)]
    return ranks


def _changes(ranks: list[NDArray[np.int64]], order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell of each place in an order whether the next one differs; the last one does."""
    differs = (rank[order][1:] != rank[order][:-1] for rank in ranks)
    none = np.zeros(len(order) - 1, np.bool_)
    return np.append(reduce(np.logical_or, differs, none), True)
