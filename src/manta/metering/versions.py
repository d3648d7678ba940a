"""Which of several versions of an interval holds: files repeat, correct and replace one another."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from manta.metering.columns import IntervalColumns

_DAY_MS = 86_400_000
_MARKET_TIME_MS = 36_000_000
"""Ten hours: a day of a meter is a day of market time."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """One version of each interval, and what became of the others."""

    columns: IntervalColumns
    """By register, then by time."""
    repeated: int
    """Rows that said again what another had said."""
    superseded: int
    """Rows that a later or better version replaced."""
    conflicting: IntervalColumns
    """Versions of equal standing and different value: nobody can say which is true, so none was taken."""


def join(parts: list[IntervalColumns]) -> IntervalColumns:
    """Put the intervals of several files one after another; a register keeps one number."""
    streams = {stream: None for part in parts for stream in part.streams}
    notes = {note: None for part in parts for note in ("", *part.notes)}
    stream_no, note_no = _numbers(list(streams)), _numbers(list(notes))
    moved = [
        replace(
            part,
            stream_no=np.array([stream_no[stream] for stream in part.streams], np.int32)[part.stream_no],
            note_no=np.array([note_no[note] for note in part.notes], np.int32)[part.note_no],
        )
        for part in parts
    ]
    return IntervalColumns(
        tuple(streams),
        tuple(notes),
        stream_no=np.concatenate([part.stream_no for part in moved]),
        end_ms=np.concatenate([part.end_ms for part in moved]),
        value=np.concatenate([part.value for part in moved]),
        quality=np.concatenate([part.quality for part in moved]),
        method=np.concatenate([part.method for part in moved]),
        reason=np.concatenate([part.reason for part in moved]),
        note_no=np.concatenate([part.note_no for part in moved]),
        updated_ms=np.concatenate([part.updated_ms for part in moved]),
    )


def resolve(columns: IntervalColumns) -> Resolved:
    """Keep one version of each interval of each register.

    The latest update wins; of versions of one moment, or of none, the better quality: actual, final
    substitute, substitute, estimate, null. A meter exchange is the same register with another serial number.
    A day that is there with two interval lengths is taken in the length of its latest update, so that nothing
    counts twice.
    """
    kept = columns.take(_one_length(columns))
    order = np.lexsort((kept.quality, kept.updated_ms, kept.end_ms, _registers(kept)))
    same = _same(order, _registers(kept), kept.end_ms)
    equal = same & _same(order, kept.updated_ms, kept.quality)
    differs = equal & ~_equal(kept.value[order[:-1]], kept.value[order[1:]])
    standing = np.concatenate(([0], np.cumsum(~equal)))[: len(order)]
    best = np.append(~same, True)[: len(order)]
    clash = np.isin(standing, standing[:-1][differs]) & np.isin(standing, standing[best])
    repeated = int((equal & ~differs & ~clash[1:]).sum())
    chosen = order[best & ~clash]
    return Resolved(
        columns=kept.take(chosen),
        repeated=repeated,
        superseded=len(columns) - len(chosen) - repeated - int(clash.sum()),
        conflicting=kept.take(order[clash]),
    )


def _one_length(columns: IntervalColumns) -> NDArray[np.bool_]:
    """Say which rows have the interval length that the latest update of their day and register has."""
    lengths = np.array([stream.length for stream in columns.streams])[columns.stream_no]
    days = np.stack((_registers(columns), (columns.end_ms - 1 + _MARKET_TIME_MS) // _DAY_MS))
    _, day = np.unique(days, axis=1, return_inverse=True)
    order = np.lexsort((columns.updated_ms, day))
    last = np.append(np.diff(day[order]) != 0, True)[: len(order)]
    one_length: NDArray[np.bool_] = lengths == lengths[order[last]][day]
    return one_length


def _registers(columns: IntervalColumns) -> NDArray[np.int64]:
    numbers = _numbers(list(dict.fromkeys(stream.key for stream in columns.streams)))
    return np.array([numbers[stream.key] for stream in columns.streams])[columns.stream_no]


def _numbers[Thing](things: list[Thing]) -> dict[Thing, int]:
    return {thing: number for number, thing in enumerate(things)}


def _same(order: NDArray[np.int64], *columns: NDArray[np.int64] | NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Say of each row but the last whether the next one has the same in all these columns."""
    same = np.ones(max(len(order) - 1, 0), np.bool_)
    for column in columns:
        same &= column[order[:-1]] == column[order[1:]]
    return same


def _equal(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.bool_]:
    equal: NDArray[np.bool_] = (one == other) | (np.isnan(one) & np.isnan(other))
    return equal
