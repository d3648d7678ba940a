"""Local time in columns: the wall clock of a zone for many instants at once, daylight saving included."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from manta.domain.time import from_epoch_ms

FIVE_MINUTES_MS = 300_000
HALF_HOUR_MS = 1_800_000
_DAY_MS = 86_400_000
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class WallClock:
    """What the clock on the wall says at each of some instants."""

    day: NDArray[np.int64]
    """Local days since 1970."""
    month_no: NDArray[np.int64]
    """Local months since January 1970."""
    month: NDArray[np.int64]
    """1 to 12."""
    weekday: NDArray[np.int64]
    """Monday is 0."""
    slot: NDArray[np.int64]
    """Which five minutes of the clock's day, 0 to 287, whatever the day's true length."""


def wall_clock(at_ms: NDArray[np.int64], zone: str) -> WallClock:
    """Read the wall clock of a zone."""
    local_ms = at_ms + _offsets_ms(at_ms, zone)
    day = local_ms // _DAY_MS
    month_no = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return WallClock(
        day=day,
        month_no=month_no,
        month=month_no % 12 + 1,
        weekday=(day + 3) % 7,  # 1 January 1970 was a Thursday
        slot=local_ms % _DAY_MS // FIVE_MINUTES_MS,
    )


def _offsets_ms(at_ms: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return local minus UTC; clocks change on half hours of UTC, and few days have a change."""
    place = ZoneInfo(zone)
    days, day_of = np.unique(at_ms // _DAY_MS, return_inverse=True)
    begins = np.array([_offset_ms(int(day) * _DAY_MS, place) for day in days], np.int64)
    ends = np.array([_offset_ms((int(day) + 1) * _DAY_MS, place) for day in days], np.int64)
    offsets_ms = begins[day_of]
    changing = np.flatnonzero((begins != ends)[day_of])
    halves, half_of = np.unique(at_ms[changing] // HALF_HOUR_MS, return_inverse=True)
    each = np.array([_offset_ms(int(half) * HALF_HOUR_MS, place) for half in halves], np.int64)
    offsets_ms[changing] = each[half_of]
    return offsets_ms


def _offset_ms(at_ms: int, place: ZoneInfo) -> int:
    offset = from_epoch_ms(at_ms).astimezone(place).utcoffset()
    assert offset is not None, place  # noqa: S101  # a ZoneInfo always knows
    return offset // _MILLISECOND
