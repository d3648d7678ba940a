"""NEM12: intervals of interval meters, a 300 record a register and day, 400 records where quality varies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import NEM_TIME, epoch_ms
from manta.metering.codes import (
    Flow,
    Mark,
    Quality,
    flow_of,
    is_energy,
    read_interval,
    read_mark,
    read_nmi,
    read_suffix,
    read_unit,
    scale_of,
)
from manta.metering.columns import NO_TIME_MS, Header, IntervalColumns, IntervalFile, Stream
from manta.metering.rows import MeterFileError, Row, read_rows

MOST_INTERVALS = 20_000_000
_MINUTE_MS = 60_000
_DAY = 24 * 60
_VALUE = r"(?:\d{1,15}(?:\.\d{0,30})?|\.\d{1,30})"
_VALUES = re.compile(rf"{_VALUE}(?:,{_VALUE})*", re.ASCII)
_SIGNED_VALUES = re.compile(rf"-?{_VALUE}(?:,-?{_VALUE})*", re.ASCII)


def read_nem12(file: str, body: bytes) -> IntervalFile:
    """Read a whole NEM12 file, or refuse it with the line and the cause."""
    rows = read_rows(file, body)
    header = read_header(next(rows), "NEM12")
    reading = _Reading(file)
    for row in rows:
        reading.take(row)
    return IntervalFile(
        file, header, len(reading.days), reading.events, reading.transactions, _columns(reading)
    )


def read_header(row: Row, kind: str) -> Header:
    """Read the 100 record of a file of this kind."""
    version = row.needed(1, "file version", most=10)
    if version != kind:
        raise row.error(f"it is not {kind} but {version!r}")
    made_at = row.instant(2, "time of the header")
    if made_at is None:
        raise row.error("time of the header is missing")
    row.bare(5)
    sender, receiver = row.text(3, "sender", most=20), row.text(4, "receiver", most=20)
    return Header(made_at.astimezone(UTC), sender, receiver)


@dataclass(slots=True)
class _Day:
    """A 300 record, with the 400 records that follow it."""

    row: Row
    stream_no: int
    starts_ms: int
    value: NDArray[np.float64]
    mark: Mark
    updated_ms: int
    events: list[tuple[int, int, Mark]] = field(default_factory=list)

    def told(self) -> int:
        """Return the last interval that 400 records have spoken of."""
        return self.events[-1][1] if self.events else 0


class _Reading:
    """A file as far as it has been read."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.streams: dict[Stream, int] = {}
        self.days: list[_Day] = []
        self.events = 0
        self.transactions = 0
        self.intervals = 0
        self._stream: Stream | None = None
        self._empty: Row | None = None
        self._day: _Day | None = None

    def take(self, row: Row) -> None:
        """Take the next record in."""
        match row.fields[0].strip(" "):
            case "300":
                self._close()
                self._open_day(row)
            case "400":
                self._take_event(row)
            case "200":
                self._close()
                self._open_stream(row)
            case "500":
                self._close()
                self._take_transaction(row)
            case "900":
                self._close()
                self._end(row)
            case other:
                raise row.error(f"a NEM12 file has no record {other[:20]!r} here")

    def _open_stream(self, row: Row) -> None:
        self._no_empty_stream()
        self._stream = _read_stream(row)
        self._empty = row
        self.streams.setdefault(self._stream, len(self.streams))

    def _no_empty_stream(self) -> None:
        if self._empty is not None:
            raise self._empty.error("no day (300) follows this register (200)")

    def _open_day(self, row: Row) -> None:
        if self._stream is None:
            raise row.error("a day (300) stands before any register (200)")
        self._day = _read_day(row, self._stream, self.streams[self._stream])
        self._empty = None
        self.intervals += len(self._day.value)
        if self.intervals > MOST_INTERVALS:
            raise row.error(f"more than {MOST_INTERVALS:,} intervals")

    def _take_event(self, row: Row) -> None:
        day = self._day
        if day is None:
            raise row.error("an event (400) does not follow a day (300)")
        first, last = row.whole(1, "first interval"), row.whole(2, "last interval")
        count = len(day.value)
        if not 1 <= first <= last <= count:
            raise row.error(f"intervals {first} to {last} are not within 1 to {count}")
        if first <= day.told():
            raise row.error(f"interval {first} has been spoken of: the last range ended at {day.told()}")
        if day.mark.quality is None and first != day.told() + 1:
            raise row.error(f"ranges leave a gap from interval {day.told() + 1} to {first - 1}")
        mark = read_mark(row, 3)
        if mark.quality is None:
            raise row.error("a range of intervals (400) cannot have quality V")
        row.bare(6)
        day.events.append((first, last, mark))
        self.events += 1

    def _take_transaction(self, row: Row) -> None:
        if self._stream is None:
            raise row.error("a transaction (500) stands before any register (200)")
        row.needed(1, "transaction code", most=1)
        row.instant(3, "time of the read")
        row.bare(5)
        self.transactions += 1

    def _close(self) -> None:
        """Finish the open day: where quality varies its ranges have to reach the last interval."""
        if (day := self._day) is None:
            return
        if day.mark.quality is None:
            if not day.events:
                raise day.row.error("quality V needs ranges of intervals (400), none follow")
            if day.told() != len(day.value):
                line = day.row.line + len(day.events)
                cause = f"ranges end at interval {day.told()}, the day has {len(day.value)}"
                raise MeterFileError(self.file, line, cause)
        self.days.append(day)
        self._day = None

    def _end(self, row: Row) -> None:
        self._no_empty_stream()
        if not self.days:
            raise row.error("there is no metering data between header and end")
        row.bare(1)


def _read_stream(row: Row) -> Stream:
    suffix, unit = read_suffix(row, 4), read_unit(row, 7)
    flow = flow_of(suffix)
    if flow is not Flow.NONE and not is_energy(unit):
        raise row.error(f"register {suffix} counts energy, not {unit or 'what has no unit'}")
    stream = Stream(
        nmi=read_nmi(row, 1),
        suffix=suffix,
        register=row.text(3, "register", most=10),
        unit=unit,
        flow=flow,
        length=read_interval(row, 8, unit),
        configuration=row.needed(2, "NMI configuration"),
        data_stream=row.text(5, "data stream", most=10),
        meter=row.text(6, "meter serial number", most=20),
        next_read=row.day(9, "next scheduled read"),
    )
    row.bare(10)
    return stream


def _read_day(row: Row, stream: Stream, stream_no: int) -> _Day:
    count = _DAY // stream.length
    if len(row.fields) < count + 3:
        raise row.error(f"a day of {stream.length}-minute intervals has {count} values and a quality, "
                        f"this one has {len(row.fields) - 2} fields in all")  # fmt: skip
    day = row.day(1, "date of the day")
    if day is None:
        raise row.error("date of the day is missing")
    mark = read_mark(row, count + 2)
    updated_ms = row.instant_ms(count + 5, "update time", NO_TIME_MS)
    row.instant_ms(count + 6, "load time", NO_TIME_MS)
    row.bare(count + 7)
    value = _read_values(row, row.fields[2 : count + 2], stream)
    starts_ms = epoch_ms(datetime.combine(day, time(), NEM_TIME))
    return _Day(row, stream_no, starts_ms, value, mark, updated_ms)


def _read_values(row: Row, texts: list[str], stream: Stream) -> NDArray[np.float64]:
    """Return the values in kWh or kVArh; a unit shifts the decimal point of the text: nothing is rounded."""
    form = _VALUES if is_energy(stream.unit) else _SIGNED_VALUES
    joined = ",".join(texts)
    if not form.fullmatch(joined) or joined.count(",") >= len(texts):  # a cell may hold commas of its own
        bad = next(place for place, text in enumerate(texts) if not form.fullmatch(text) or "," in text)
        raise row.error(f"value {bad + 1} is not a number from zero up: {texts[bad][:20]!r}")
    if scale := scale_of(stream.unit):
        texts = [f"{text}e{scale}" for text in texts]
    return np.array(list(map(float, texts)))


def _columns(reading: _Reading) -> IntervalColumns:
    days = reading.days
    counts = np.array([len(day.value) for day in days])
    offsets = np.concatenate(([0], np.cumsum(counts)))
    notes = _Notes()
    each_day = [(day.mark, notes.number(day.mark.note)) for day in days]
    quality = np.repeat(np.array([mark.quality or Quality.NULL for mark, _ in each_day], np.uint8), counts)
    method = np.repeat(np.array([mark.method for mark, _ in each_day], np.uint8), counts)
    reason = np.repeat(np.array([mark.reason for mark, _ in each_day], np.int16), counts)
    note_no = np.repeat(np.array([number for _, number in each_day], np.int32), counts)
    for rows, mark in _events(days, offsets):
        quality[rows], method[rows], reason[rows] = mark.quality or 0, mark.method, mark.reason
        note_no[rows] = notes.number(mark.note)
    value = np.concatenate([day.value for day in days])
    value[quality == Quality.NULL] = np.nan
    return IntervalColumns(
        streams=tuple(reading.streams),
        notes=tuple(notes.known),
        stream_no=np.repeat(np.array([day.stream_no for day in days], np.int32), counts),
        end_ms=np.array(list(chain.from_iterable(map(_ends_ms, days))), np.int64),
        value=value,
        quality=quality,
        method=method,
        reason=reason,
        note_no=note_no,
        updated_ms=np.repeat(np.array([day.updated_ms for day in days], np.int64), counts),
    )


def _ends_ms(day: _Day) -> range:
    step = _DAY // len(day.value) * _MINUTE_MS
    return range(day.starts_ms + step, day.starts_ms + _DAY * _MINUTE_MS + 1, step)


def _events(days: list[_Day], offsets: NDArray[np.int64]) -> Iterator[tuple[slice, Mark]]:
    for day, offset in zip(days, offsets.tolist(), strict=False):
        for first, last, mark in day.events:
            yield slice(offset + first - 1, offset + last), mark


class _Notes:
    """Reason descriptions by number."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {"": 0}

    def number(self, note: str) -> int:
        """Return the number of a description, the next one if it is new."""
        return self.known.setdefault(note, len(self.known))
