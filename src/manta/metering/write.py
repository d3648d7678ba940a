"""NEM12 written: whole days, 400 records where quality varies, values that read back the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import NEM_TIME, from_epoch_ms
from manta.metering.codes import NO_METHOD, NO_REASON, VARIABLE, Quality, scale_of
from manta.metering.columns import NO_TIME_MS, Header, IntervalColumns, Stream

_DAY_MS = 86_400_000
_MINUTE_MS = 60_000
_MARKET_TIME_MS = 36_000_000
_MOST_DECIMALS = 30
_COMMA_OR_QUOTE = frozenset(',"\r\n')


def write_nem12(header: Header, columns: IntervalColumns) -> bytes:
    """Write a NEM12 file; a day that is not whole, or is there twice, is refused.

    A day has one update time, the latest of its intervals. A null interval is written as 0 with quality N.
    """
    lines = [
        f"100,NEM12,{_stamp(header.made_at, '%Y%m%d%H%M')},{_text(header.sender)},{_text(header.receiver)}"
    ]
    for number, stream in enumerate(columns.streams):
        mine = np.flatnonzero(columns.stream_no == number)
        if len(mine):
            lines.append(_stream(stream))
            lines.extend(_days(stream, columns, mine[np.argsort(columns.end_ms[mine], kind="stable")]))
    return "\r\n".join([*lines, "900", ""]).encode("ascii")


def _stream(stream: Stream) -> str:
    texts = (
        stream.nmi,
        stream.configuration or stream.suffix,
        stream.register,
        stream.suffix,
        stream.data_stream,
        stream.meter,
        stream.unit,
    )
    next_read = f"{stream.next_read:%Y%m%d}" if stream.next_read else ""
    return f"200,{','.join(map(_text, texts))},{stream.length},{next_read}"


def _days(stream: Stream, columns: IntervalColumns, rows: NDArray[np.int64]) -> Iterator[str]:
    step_ms = stream.length * _MINUTE_MS
    count = _DAY_MS // step_ms
    starts_ms = columns.end_ms[rows] - step_ms + _MARKET_TIME_MS
    for day in np.split(np.arange(len(rows)), np.flatnonzero(np.diff(starts_ms // _DAY_MS)) + 1):
        place = starts_ms[day] % _DAY_MS
        if not np.array_equal(place, np.arange(count) * step_ms):
            at = from_epoch_ms(int(columns.end_ms[rows[day[0]]]))
            raise ValueError(
                f"{stream.nmi} {stream.suffix}: the day of {at:%Y-%m-%d %H:%M} UTC is not {count} intervals"
            )
        yield from _day(stream, columns, rows[day])


def _day(stream: Stream, columns: IntervalColumns, rows: NDArray[np.int64]) -> Iterator[str]:
    runs = list(_runs(columns, rows))
    date = from_epoch_ms(int(columns.end_ms[rows[0]]) - stream.length * _MINUTE_MS).astimezone(NEM_TIME)
    values = ",".join(_value(value, scale_of(stream.unit)) for value in columns.value[rows].tolist())
    updated_ms = int(columns.updated_ms[rows].max())
    updated = "" if updated_ms == NO_TIME_MS else _stamp(from_epoch_ms(updated_ms), "%Y%m%d%H%M%S")
    mark = _mark(columns, rows[0]) if len(runs) == 1 else f"{VARIABLE},,"
    yield f"300,{date:%Y%m%d},{values},{mark},{updated},"
    if len(runs) > 1:
        for first, last in runs:
            yield f"400,{first + 1},{last},{_mark(columns, rows[first])}"


def _runs(columns: IntervalColumns, rows: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield each run of intervals with the same quality, method and reason."""
    marks = np.stack([each[rows].astype(np.int64) for each in _marks(columns)])
    changes = np.flatnonzero((marks[:, 1:] != marks[:, :-1]).any(axis=0)) + 1
    edges = [0, *changes.tolist(), len(rows)]
    yield from zip(edges[:-1], edges[1:], strict=True)


def _marks(columns: IntervalColumns) -> tuple[NDArray[np.integer], ...]:
    return columns.quality, columns.method, columns.reason, columns.note_no


def _mark(columns: IntervalColumns, row: np.int64) -> str:
    quality, method, reason, note_no = (int(each[row]) for each in _marks(columns))
    digits = "" if method == NO_METHOD else f"{method:02d}"
    code = "" if reason == NO_REASON else str(reason)
    return f"{Quality(quality).letter}{digits},{code},{_text(columns.notes[note_no])}"


def _value(value: float, scale: int) -> str:
    """Return the shortest decimal, in the stream's unit, that reads back as this very number."""
    if np.isnan(value):
        return "0"
    text = format(Decimal(repr(value)).scaleb(-scale), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    whole, _, decimals = text.lstrip("-").partition(".")
    if len(whole) > 15 or len(decimals) > _MOST_DECIMALS or not np.isfinite(value):
        raise ValueError(f"{value} is not a value that a meter data file can hold")
    return "0" if text == "-0" else text


def _stamp(at: datetime, form: str) -> str:
    return f"{at.astimezone(NEM_TIME):{form}}"


def _text(text: str) -> str:
    """Return a text as a field, quoted where it must be."""
    if not text.isprintable() or not text.isascii():
        raise ValueError(f"{text!r} cannot stand in a meter data file")
    return '"' + text.replace('"', '""') + '"' if _COMMA_OR_QUOTE & set(text) else text
