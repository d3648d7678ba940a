"""What a region has lived through, as columns: five-minute prices and demand, and their half-hours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from manta.domain.market import Region
from manta.domain.time import epoch_ms

type Floats = NDArray[np.float64]
type Singles = NDArray[np.float32]
type Whole = NDArray[np.int64]
type Reals = NDArray[np.floating]
"""Doubles or singles."""
type Levels = tuple[float, ...]
"""Of quantiles, from 0 to 1, rising."""

FIVE_MINUTES_MS = 300_000
HALF_HOUR_MS = 1_800_000
DAY_MS = 86_400_000
NEM_OFFSET_MS = 36_000_000
"""Market time is ten hours ahead of UTC, all year."""
SLOTS = 48
"""Half-hours in a day."""
INTERVALS_PER_HALF_HOUR = 6


class HistoryError(ValueError):
    """Columns that do not make a history; says which and why."""


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Five-minute columns of one region, without holes in time; a value that is unknown is NaN."""

    region: Region
    ends_ms: Whole
    """The ends of successive dispatch intervals, ms since 1970 UTC."""
    per_mwh: Floats
    """Energy price of each interval, $/MWh."""
    demand_kw: Floats
    """Operational demand of the region, a positive magnitude; NaN unknown."""
    rooftop_kw: Floats | None = None
    """Rooftop PV of the region, positive; None where nobody estimates it."""

    def __post_init__(self) -> None:
        columns = [self.per_mwh, self.demand_kw, *([] if self.rooftop_kw is None else [self.rooftop_kw])]
        if any(column.shape != self.ends_ms.shape for column in columns) or self.ends_ms.ndim != 1:
            raise HistoryError("the columns of a history differ in length")
        if len(self.ends_ms) == 0:
            raise HistoryError("a history needs at least one interval")
        if self.ends_ms[0] % FIVE_MINUTES_MS or np.any(np.diff(self.ends_ms) != FIVE_MINUTES_MS):
            raise HistoryError("the intervals of a history follow each other every five minutes")

    @classmethod
    def from_rows(
        cls,
        region: Region,
        ends_ms: Whole,
        per_mwh: Floats,
        demand_kw: Floats,
        rooftop_kw: Floats | None = None,
    ) -> History:
        """Build a history from rows in any order, with holes; of a repeated interval the later row counts."""
        if len(ends_ms) == 0:
            raise HistoryError("a history needs at least one interval")
        ends = np.arange(ends_ms.min(), ends_ms.max() + 1, FIVE_MINUTES_MS, dtype=np.int64)
        places, beside = np.divmod(ends_ms - ends[0], FIVE_MINUTES_MS)
        if np.any(beside):
            raise HistoryError("a dispatch interval ends on a five-minute mark")

        def laid(values: Floats) -> Floats:
            column = np.full(len(ends), np.nan)
            column[places] = values
            return column

        rooftop = None if rooftop_kw is None else laid(rooftop_kw)
        return cls(region, ends, laid(per_mwh), laid(demand_kw), rooftop)

    def until(self, at: datetime) -> History:
        """Return what had ended by an instant: all that may be known then."""
        return self._cut(slice(None, int(np.searchsorted(self.ends_ms, epoch_ms(at), side="right"))))

    def last(self, count: int) -> History:
        """Return the last intervals alone."""
        return self._cut(slice(max(0, len(self.ends_ms) - count), None))

    def _cut(self, kept: slice) -> History:
        return replace(
            self,
            ends_ms=self.ends_ms[kept],
            per_mwh=self.per_mwh[kept],
            demand_kw=self.demand_kw[kept],
            rooftop_kw=None if self.rooftop_kw is None else self.rooftop_kw[kept],
        )


@dataclass(frozen=True, slots=True, eq=False)
class HalfHours:
    """The whole half-hours of a history; one with an unknown interval is NaN."""

    ends_ms: Whole
    mean_per_mwh: Floats
    highest_per_mwh: Floats
    lowest_per_mwh: Floats
    five_per_mwh: Floats
    """[n, 6] the prices of its five-minute intervals."""
    demand_kw: Floats
    last_demand_kw: Floats
    rooftop_kw: Floats | None

    def first(self, count: int) -> HalfHours:
        """Return the first half-hours alone."""
        return HalfHours(
            ends_ms=self.ends_ms[:count],
            mean_per_mwh=self.mean_per_mwh[:count],
            highest_per_mwh=self.highest_per_mwh[:count],
            lowest_per_mwh=self.lowest_per_mwh[:count],
            five_per_mwh=self.five_per_mwh[:count],
            demand_kw=self.demand_kw[:count],
            last_demand_kw=self.last_demand_kw[:count],
            rooftop_kw=None if self.rooftop_kw is None else self.rooftop_kw[:count],
        )

    def place(self, at: datetime) -> int:
        """Return the number of half-hours that had ended by an instant."""
        return int(np.searchsorted(self.ends_ms, epoch_ms(at), side="right"))


def half_hours(history: History) -> HalfHours:
    """Fold five-minute columns into whole half-hours, keyed by their end; the ragged ends are left out."""
    first = int((-(int(history.ends_ms[0]) - FIVE_MINUTES_MS) % HALF_HOUR_MS) // FIVE_MINUTES_MS)
    count = (len(history.ends_ms) - first) // INTERVALS_PER_HALF_HOUR
    if count < 1:
        raise HistoryError("a history shorter than a half-hour has none")
    cut = slice(first, first + count * INTERVALS_PER_HALF_HOUR)

    def blocks(column: Floats) -> Floats:
        return column[cut].reshape(count, INTERVALS_PER_HALF_HOUR)

    price, demand = blocks(history.per_mwh), blocks(history.demand_kw)
    return HalfHours(
        ends_ms=history.ends_ms[cut][INTERVALS_PER_HALF_HOUR - 1 :: INTERVALS_PER_HALF_HOUR],
        mean_per_mwh=price.mean(1),
        highest_per_mwh=price.max(1),
        lowest_per_mwh=price.min(1),
        five_per_mwh=price,
        demand_kw=demand.mean(1),
        last_demand_kw=demand[:, -1].copy(),
        rooftop_kw=None if history.rooftop_kw is None else blocks(history.rooftop_kw).mean(1),
    )


def slot_of(ends_ms: Whole) -> Whole:
    """Return the half-hour of the market day, 0 to 47, in which each instant ends: 00:30 is 0."""
    return (ends_ms - HALF_HOUR_MS + NEM_OFFSET_MS) // HALF_HOUR_MS % SLOTS
