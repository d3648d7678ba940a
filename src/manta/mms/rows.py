"""Rows of a market table as columns, found by name, and how a later publication replaces an earlier one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import cast

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]  # it has no types
from numpy.typing import NDArray

from manta.domain.time import NEM_TIME
from manta.mms.catalogue import Kind, Table

INSTANT = pa.timestamp("ms", "UTC")
NAME = pa.dictionary(pa.int32(), pa.string())
TYPES = {Kind.INSTANT: INSTANT, Kind.NUMBER: pa.float64(), Kind.NAME: NAME, Kind.TEXT: pa.string()}

_SHAPES = tuple(
    np.array([tuple(pair) for pair in zip(lowest, highest, strict=True)], "S1").view(np.uint8)
    for lowest, highest in (("1000/00/00 00:00:00", "9999/99/99 99:99:99"), ("1000/00/00", "9999/99/99"))
)
"""How a time may be written: the least and the greatest octet at each place."""
POOL = pa.jemalloc_memory_pool() if "jemalloc" in pa.supported_memory_backends() else pa.default_memory_pool()
"""Arrow's own choice, mimalloc, begins with 15 MB for what this one does with a tenth of it."""
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
    chunks = column.unify_dictionaries(POOL).chunks
    if not chunks:
        return pa.chunked_array([], INSTANT)
    instants = _instants_of(chunks[0].dictionary)
    _check_instants(chunks, instants)
    instants = np.append(instants - AHEAD_MS, _NOT_A_TIME)
    return pa.chunked_array([_taken(instants, chunk.indices) for chunk in chunks], INSTANT)


def _taken(instants: NDArray[np.int64], places: pa.Array) -> pa.Array:
    """Return the instants at these places; the unknown have the last one's."""
    known = _known(places)
    return array_of(instants[np.where(known, _numpy(places, np.int32), -1)], INSTANT, known)


def _instants_of(texts: pa.StringArray) -> NDArray[np.int64]:
    """Return market times in milliseconds, those that do not exist as not a time."""
    offsets, octets = _text_buffers(texts)
    instants = np.full(len(texts), _NOT_A_TIME)
    for shape in _SHAPES:
        of_shape = np.flatnonzero(np.diff(offsets) == len(shape))
        written = _octets_at(octets, offsets[of_shape], len(shape))
        well_formed = (shape[:, 0] <= written).all(axis=1) & (written <= shape[:, 1]).all(axis=1)
        instants[of_shape[well_formed]] = _milliseconds(written[well_formed])
    return instants


def _milliseconds(written: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return times of the right shape in milliseconds, those that no calendar or clock has as not a time."""
    no_clock = np.zeros(len(written), np.int64)
    year, month, day, hour, minute, second = (
        _whole(written[:, first:last]) if first < written.shape[1] else no_clock
        for first, last in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
    )
    months = (year - 1970) * 12 + month - 1
    begins, ends = (
        m.astype("datetime64[M]").astype("datetime64[D]").view(np.int64) for m in (months, months + 1)
    )
    exist = (month >= 1) & (month <= 12) & (day >= 1) & (day <= ends - begins)
    exist &= (hour < 24) & (minute < 60) & (second < 60)
    seconds = (((begins + day - 1) * 24 + hour) * 60 + minute) * 60 + second
    return np.where(exist, seconds * 1_000, _NOT_A_TIME)


def _whole(digits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the whole number that each row of digits is."""
    return (digits - np.uint8(ord("0"))) @ 10 ** np.arange(digits.shape[1])[::-1]


def _check_instants(chunks: list[pa.DictionaryArray], instants: NDArray[np.int64]) -> None:
    """Refuse the first row, if any, whose time does not exist."""
    if (instants != _NOT_A_TIME).all():
        return
    row = 0
    for chunk in chunks:
        places = np.where(_known(chunk.indices), _numpy(chunk.indices, np.int32), 0)
        wrong = (instants[places] == _NOT_A_TIME) & _known(chunk.indices)
        if wrong.any():
            text = str(chunk.dictionary[int(places[np.argmax(wrong)])].as_py())[:30]
            cause = f"{text!r} is not a time such as 2025/08/20 18:10:00"
            raise CellError(row + int(np.argmax(wrong)), cause)
        row += len(chunk)


def _octets_at(octets: NDArray[np.uint8], places: NDArray[np.int32], width: int) -> NDArray[np.uint8]:
    """Return some octets from each place on, a row a place."""
    windows = np.ndarray((max(len(octets) - width + 1, 0),), f"V{width}", octets, strides=(1,))
    return windows[places].view(np.uint8).reshape(-1, width)


def _text_buffers(texts: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return where each text begins, where the last one ends, and the octets that these are places in."""
    _, offsets, octets = texts.buffers()
    places = np.frombuffer(offsets or bytes(4), np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return places, np.frombuffer(octets or b"", np.uint8)


def array_of(
    values: NDArray[np.int64], kind: pa.DataType = _INT64, known: NDArray[np.bool_] | None = None
) -> pa.Array:
    """Return NumPy's numbers as Arrow's, without the import of pandas that Arrow's own way begins with."""
    bits = None if known is None or known.all() else pa.py_buffer(np.packbits(known, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [bits, pa.py_buffer(np.ascontiguousarray(values))])


def check_numbers(column: pa.ChunkedArray) -> None:
    """Refuse what is written as a number and is none: CellError for nan and infinity."""
    row = 0
    for chunk in column.chunks:
        finite = np.isfinite(_numpy(chunk, np.float64))
        if not finite.all() and (infinite := ~finite & _known(chunk)).any():
            raise CellError(row + int(np.argmax(infinite)), "it is not a finite number")
        row += len(chunk)


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
    import pyarrow.compute as pc  # type: ignore[import-untyped]  # the same; 12 MB that reading does without

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
