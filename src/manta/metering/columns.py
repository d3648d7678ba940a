"""Meter data in columns: one row an interval, whatever the number of meters."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray

from manta.domain.identity import Nmi
from manta.metering.codes import Flow, Quality

NO_TIME_MS = -(2**63)
"""Where a file does not say when a value was made: before all that say."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One register of one meter, as a 200 or 250 record describes it."""

    nmi: Nmi
    suffix: str
    register: str
    unit: str
    """As the specification spells it; empty where the file did not say."""
    flow: Flow
    length: int
    """Of an interval, in whole minutes; 0 where a meter is read by hand."""
    configuration: str = ""
    data_stream: str = ""
    meter: str = ""
    next_read: date | None = None

    @property
    def key(self) -> tuple[Nmi, str, str]:
        """What stays the same from file to file."""
        return self.nmi, self.suffix, self.register


@dataclass(frozen=True, slots=True)
class IntervalColumns:
    """Metered intervals, in the order in which they were read."""

    streams: tuple[Stream, ...]
    notes: tuple[str, ...]
    """Reason descriptions; the first is empty."""
    stream_no: NDArray[np.int32]
    end_ms: NDArray[np.int64]
    """When the interval ends, milliseconds since 1970, UTC."""
    value: NDArray[np.float64]
    """A magnitude: kWh of energy, kVArh of reactive energy, else in the stream's unit; NaN where null."""
    quality: NDArray[np.uint8]
    method: NDArray[np.uint8]
    reason: NDArray[np.int16]
    note_no: NDArray[np.int32]
    updated_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.end_ms)

    @property
    def energy_kwh(self) -> NDArray[np.float64]:
        """Energy toward the grid: export positive, import negative, NaN where not energy or not known."""
        flows = np.array([stream.flow or np.nan for stream in self.streams], np.float64)
        energy_kwh: NDArray[np.float64] = flows[self.stream_no] * self.value
        return energy_kwh

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Self:
        """Return some of the rows."""
        kept = {
            field.name: getattr(self, field.name)
            if field.name in ("streams", "notes")
            else getattr(self, field.name)[rows]
            for field in fields(self)
        }
        return type(self)(**kept)

    def qualities(self) -> dict[Quality, int]:
        """Count the intervals of each quality."""
        counts = np.bincount(self.quality, minlength=len(Quality))
        return {quality: int(counts[quality]) for quality in Quality if counts[quality]}


@dataclass(frozen=True, slots=True)
class AccumulationColumns:
    """Registers read by hand: what was counted between two reads."""

    streams: tuple[Stream, ...]
    stream_no: NDArray[np.int32]
    previous_ms: NDArray[np.int64]
    current_ms: NDArray[np.int64]
    value: NDArray[np.float64]
    """The quantity, a magnitude in kWh or kVArh."""
    previous_read: NDArray[np.float64]
    """What the register showed, in the stream's unit."""
    current_read: NDArray[np.float64]
    quality: NDArray[np.uint8]
    """Of the current read."""
    method: NDArray[np.uint8]
    reason: NDArray[np.int16]
    updated_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.current_ms)

    @property
    def energy_kwh(self) -> NDArray[np.float64]:
        """Energy toward the grid: export positive, import negative, NaN where it is not energy."""
        flows = np.array([stream.flow or np.nan for stream in self.streams], np.float64)
        energy_kwh: NDArray[np.float64] = flows[self.stream_no] * self.value
        return energy_kwh


@dataclass(frozen=True, slots=True)
class Header:
    """Who sent a file to whom, and when it was made."""

    made_at: datetime
    sender: str
    receiver: str


@dataclass(frozen=True, slots=True)
class IntervalFile:
    """A NEM12 file, whole."""

    file: str
    header: Header
    days: int
    """How many 300 records there are."""
    events: int
    """How many 400 records."""
    transactions: int
    """How many 500 records: field service, checked and not kept."""
    columns: IntervalColumns


@dataclass(frozen=True, slots=True)
class AccumulationFile:
    """A NEM13 file, whole."""

    file: str
    header: Header
    transactions: int
    """How many 550 records."""
    columns: AccumulationColumns
