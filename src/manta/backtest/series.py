"""Prices of one region over a span without gaps, which is what everything in a replay is lined up with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import Region
from manta.domain.time import NEM_TIME, epoch_ms, from_epoch_ms

STEP_MS = 300_000
HALF_HOUR_MS = 1_800_000
STEPS_PER_HALF_HOUR = 6
STEPS_PER_DAY = 288
STEP_HOURS = STEP_MS / 3_600_000
LOWEST_PER_MWH, HIGHEST_PER_MWH = -1_000.0, 30_000.0
"""What the market's floor and cap have kept and will keep within; a price beyond is a misread file."""


type Floats = NDArray[np.float64]


class SeriesError(ValueError):
    """Prices that cannot be replayed; says where, and what to do about it."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Five-minute prices of a region, one row an interval named by its end, whole half-hours, no gap."""

    region: Region
    end_ms: NDArray[np.int64]
    per_mwh: NDArray[np.float64]
    demand_kw: NDArray[np.float64]
    """Of the region; NaN where the source does not say."""

    def __post_init__(self) -> None:
        if not len(self.end_ms) == len(self.per_mwh) == len(self.demand_kw):
            raise SeriesError("prices, demand and their times differ in number")
        if len(self.end_ms) < STEPS_PER_DAY:
            raise SeriesError(f"{len(self.end_ms)} intervals are less than a day; give more files")
        _check_times(self.end_ms)
        _check_prices(self.end_ms, self.per_mwh)

    def __len__(self) -> int:
        return len(self.end_ms)

    @property
    def starts_ms(self) -> int:
        """When the first interval begins."""
        return int(self.end_ms[0]) - STEP_MS

    @property
    def days(self) -> float:
        """How long it is, in days."""
        return len(self) / STEPS_PER_DAY  # the number of intervals, not a quantity with a unit

    def place(self, at: datetime) -> int:
        """Return the row of the interval that begins at an instant; one past the last for the end."""
        row, beside = divmod(epoch_ms(at) - self.starts_ms, STEP_MS)
        if beside or row % STEPS_PER_HALF_HOUR:
            raise SeriesError(f"{_shown(epoch_ms(at))} is no half-hour mark of market time")
        if not 0 <= row <= len(self):
            held = f"{_shown(self.starts_ms)} to {_shown(int(self.end_ms[-1]))}"
            raise SeriesError(f"the files hold {held} (market time), not {_shown(epoch_ms(at))}")
        return row

    def between(self, first: int, last: int) -> Series:
        """Return the rows from one place up to another, half-open; both on half-hours."""
        part = slice(first, last)
        return Series(self.region, self.end_ms[part], self.per_mwh[part], self.demand_kw[part])

    def half_hours(self) -> NDArray[np.float64]:
        """Return the mean price of each half-hour, in $/MWh."""
        return half_hours(self.per_mwh)


def half_hours(values: Floats) -> Floats:
    """Return the mean of each half-hour of a five-minute column, whatever its unit."""
    means: Floats = values.reshape(-1, STEPS_PER_HALF_HOUR).mean(axis=1)
    return means


def series_of(
    region: Region,
    end_ms: NDArray[np.int64],
    per_mwh: NDArray[np.float64],
    demand_kw: NDArray[np.float64] | None = None,
) -> Series:
    """Put rows in order and cut them to whole half-hours; SeriesError for a gap, a repeat or a bad price.

    A repeated interval with the same price is one; with another it is refused, since nobody can tell which
    was published.
    """
    if not len(end_ms):
        raise SeriesError(f"the files hold no price of {region}; are they of this region?")
    known_kw = np.full(len(end_ms), np.nan) if demand_kw is None else demand_kw
    order = np.argsort(end_ms, kind="stable")
    ends, first = np.unique(end_ms[order], return_index=True)
    prices = per_mwh[order]
    same = np.repeat(prices[first], np.diff(np.append(first, len(prices))))
    if (differs := np.flatnonzero((prices != same) & ~(np.isnan(prices) & np.isnan(same)))).size:
        at = _shown(int(end_ms[order][differs[0]]))
        raise SeriesError(f"two prices of {region} for the interval that ends {at}; leave one file out")
    head = int((-(ends[0] - STEP_MS) // STEP_MS) % STEPS_PER_HALF_HOUR)
    kept = slice(head, head + (len(ends) - head) // STEPS_PER_HALF_HOUR * STEPS_PER_HALF_HOUR)
    return Series(region, ends[kept], prices[first][kept], known_kw[order][first][kept])


def _check_times(end_ms: NDArray[np.int64]) -> None:
    wrong = np.flatnonzero(np.diff(end_ms) != STEP_MS)
    if wrong.size:
        before, after = int(end_ms[wrong[0]]), int(end_ms[wrong[0] + 1])
        if after - before == HALF_HOUR_MS:
            cause = "half-hourly prices cannot be replayed in five-minute steps"
        else:
            cause = f"{wrong.size} gaps" if wrong.size > 1 else "a gap"
        raise SeriesError(
            f"{cause}: after {_shown(before)} comes {_shown(after)} (market time); "
            "add the file that is missing or choose a shorter span"
        )
    if (int(end_ms[0]) - STEP_MS) % HALF_HOUR_MS or len(end_ms) % STEPS_PER_HALF_HOUR:
        raise SeriesError("a replay begins and ends on half-hours")


def _check_prices(end_ms: NDArray[np.int64], per_mwh: NDArray[np.float64]) -> None:
    good = (per_mwh >= LOWEST_PER_MWH) & (per_mwh <= HIGHEST_PER_MWH)
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        raise SeriesError(
            f"{int((~good).sum())} prices are unknown or beyond the market's bounds, "
            f"the first is {per_mwh[row]} $/MWh at {_shown(int(end_ms[row]))}"
        )


def _shown(at_ms: int) -> str:
    return f"{from_epoch_ms(at_ms).astimezone(NEM_TIME):%Y/%m/%d %H:%M}"
