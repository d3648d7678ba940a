"""NEM13: registers that are read by hand, a 250 record a register and pair of reads."""

from __future__ import annotations

import numpy as np

from manta.metering.codes import Flow, Mark, is_energy, read_mark, read_nmi, read_suffix, read_unit, scale_of
from manta.metering.columns import NO_TIME_MS, AccumulationColumns, AccumulationFile, Stream
from manta.metering.nem12 import read_header
from manta.metering.rows import Row, read_rows

_DIRECTIONS = {"I": Flow.EXPORT, "E": Flow.IMPORT}
"""Seen from the grid: I is energy into it, E is energy out of it to the connection point."""

_Record = tuple[int, int, int, float, float, float, Mark, int]


def read_nem13(file: str, body: bytes) -> AccumulationFile:
    """Read a whole NEM13 file, or refuse it with the line and the cause."""
    rows = read_rows(file, body)
    header = read_header(next(rows), "NEM13")
    streams: dict[Stream, int] = {}
    records: list[_Record] = []
    transactions = 0
    for row in rows:
        match row.fields[0].strip(" "):
            case "250":
                records.append(_read_record(row, streams))
            case "550":
                _check_transaction(row, after_read=bool(records))
                transactions += 1
            case "900":
                if not records:
                    raise row.error("there is no metering data between header and end")
                row.bare(1)
            case other:
                raise row.error(f"a NEM13 file has no record {other[:20]!r} here")
    return AccumulationFile(file, header, transactions, _columns(streams, records))


def _read_record(row: Row, streams: dict[Stream, int]) -> _Record:
    stream = _read_stream(row)
    previous_ms = row.instant_ms(9, "time of the previous read", NO_TIME_MS)
    current_ms = row.instant_ms(14, "time of the current read", NO_TIME_MS)
    if NO_TIME_MS in (previous_ms, current_ms):
        raise row.error("time of the read is missing")
    if previous_ms >= current_ms:
        raise row.error("the previous read is not before the current one")
    if read_mark(row, 10).quality is None or (mark := read_mark(row, 15)).quality is None:
        raise row.error("a register that is read by hand cannot have quality V")
    row.instant_ms(22, "load time", NO_TIME_MS)
    row.bare(23)
    return (
        streams.setdefault(stream, len(streams)),
        previous_ms,
        current_ms,
        float(f"{row.number(18, 'quantity')}e{scale_of(stream.unit)}"),
        float(row.number(8, "previous read")),
        float(row.number(13, "current read")),
        mark,
        row.instant_ms(21, "update time", NO_TIME_MS),
    )


def _read_stream(row: Row) -> Stream:
    direction = row.needed(7, "direction", most=1)
    if direction not in _DIRECTIONS:
        raise row.error(f"a direction is I or E, was {direction!r}")
    unit = read_unit(row, 19)
    return Stream(
        nmi=read_nmi(row, 1),
        suffix=read_suffix(row, 4),
        register=row.text(3, "register", most=10),
        unit=unit,
        flow=_DIRECTIONS[direction] if is_energy(unit) else Flow.NONE,
        length=0,
        configuration=row.needed(2, "NMI configuration"),
        data_stream=row.text(5, "data stream", most=10),
        meter=row.text(6, "meter serial number", most=20),
        next_read=row.day(20, "next scheduled read"),
    )


def _check_transaction(row: Row, *, after_read: bool) -> None:
    if not after_read:
        raise row.error("a transaction (550) stands before any read (250)")
    row.needed(3, "transaction code", most=1)
    row.bare(5)


def _columns(streams: dict[Stream, int], records: list[_Record]) -> AccumulationColumns:
    stream_no, previous_ms, current_ms, value, previous, current, marks, updated_ms = zip(
        *records, strict=True
    )
    return AccumulationColumns(
        streams=tuple(streams),
        stream_no=np.array(stream_no, np.int32),
        previous_ms=np.array(previous_ms, np.int64),
        current_ms=np.array(current_ms, np.int64),
        value=np.array(value, np.float64),
        previous_read=np.array(previous, np.float64),
        current_read=np.array(current, np.float64),
        quality=np.array([mark.quality for mark in marks], np.uint8),
        method=np.array([mark.method for mark in marks], np.uint8),
        reason=np.array([mark.reason for mark in marks], np.int16),
        updated_ms=np.array(updated_ms, np.int64),
    )
