"""How a region stands in the market at this moment: its price, the price's age, what the week adds up to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from manta.desk.known import known_prices
from manta.desk.ports import MarketRecord, PriceRecord
from manta.desk.week import LAG, WEEK, Week, week_of
from manta.domain.market import Price, PriceStatus, Region
from manta.domain.reference import (
    FLOOR_PER_MWH,
    administered_cap_per_mwh,
    cap_per_mwh,
    threshold_per_mwh,
)
from manta.domain.time import FIVE_MINUTES, HALF_HOUR, DispatchInterval, from_epoch_ms
from manta.rules.cumulative import WINDOW
from manta.wire.series import PRICE_STATUSES

IN_HAND = timedelta(seconds=90)
"""After an interval began its price is in hand; from then on it is late."""
_ADMINISTERED = PRICE_STATUSES.index(PriceStatus.ADMINISTERED)


@dataclass(frozen=True, slots=True)
class Cumulative:
    """What the prices of a week add up to, $/MWh, and where that has AEMO administer them."""

    upto: datetime | None
    """End of the week's newest known interval; null where none is known."""
    per_mwh: float | None
    """Null while a price of the week is unknown."""
    summed_per_mwh: float
    """Of the known intervals, however few."""
    summed_intervals: int
    window_intervals: int
    threshold_per_mwh: float
    administered_cap_per_mwh: float
    """While prices are administered none is above this, or below its negative."""
    day_mean_per_mwh: float | None
    """Mean of the last 24 hours; null while one of their prices is unknown."""
    crosses_at: datetime | None
    """When the threshold is passed if every price is that mean; null where it is not within a week."""


@dataclass(frozen=True, slots=True)
class RegionStanding:
    """A region's price and standing in the market at this moment."""

    region: Region
    per_mwh: float | None
    """The newest price; null where none was ever published."""
    status: PriceStatus | None
    interval_end: datetime | None
    age_s: float | None
    """Since the price's interval began."""
    late_s: float | None
    """How long the next price is overdue; null where it is not."""
    demand_kw: float | None
    """The region's demand over the newest interval of the last half-hour for which it is known."""
    cap_per_mwh: float
    floor_per_mwh: float
    cumulative: Cumulative


async def standing(
    market: MarketRecord, record: PriceRecord, region: Region, heard: Price | None, at: datetime
) -> RegionStanding:
    """Return how a region stands; ``heard`` is the newest price of our own record."""
    running = DispatchInterval.containing(at)
    newest = await _newest(market, region, heard)
    week, demand_kw = await asyncio.gather(
        _week(market, record, region, running.end),
        market.demand_kw(region, running.end - HALF_HOUR, running.end),
    )
    return RegionStanding(
        region=region,
        per_mwh=newest.per_mwh if newest else None,
        status=newest.status if newest else None,
        interval_end=newest.interval.end if newest else None,
        age_s=(at - newest.interval.start).total_seconds() if newest else None,
        late_s=_late_s(newest, at),
        demand_kw=demand_kw,
        cap_per_mwh=cap_per_mwh(running),
        floor_per_mwh=FLOOR_PER_MWH,
        cumulative=_cumulative(week, running),
    )


async def _newest(market: MarketRecord, region: Region, heard: Price | None) -> Price | None:
    """Return the newest price of either source; the record's, where both have it."""
    extent = await market.extent(region)
    if extent is None or (heard is not None and heard.interval.end >= extent[1]):
        return heard
    series = await market.prices(region, extent[1] - FIVE_MINUTES, extent[1])
    if not len(series):
        return heard
    interval = DispatchInterval(from_epoch_ms(int(series.ends_ms[-1])))
    return Price(region, interval, float(series.per_mwh[-1]), PRICE_STATUSES[series.status[-1]])


async def _week(market: MarketRecord, record: PriceRecord, region: Region, end: datetime) -> Week | None:
    series = await known_prices(market, record, region, end - WEEK - (LAG + 1) * FIVE_MINUTES, end)
    return week_of(series.ends_ms, series.per_mwh, series.cumulative_per_mwh, series.status == _ADMINISTERED)


def _late_s(newest: Price | None, at: datetime) -> float | None:
    if newest is None:
        return None
    late = at - (newest.interval.end + IN_HAND)
    return late.total_seconds() if late > timedelta() else None


def _cumulative(week: Week | None, running: DispatchInterval) -> Cumulative:
    threshold = threshold_per_mwh(running)
    return Cumulative(
        upto=week.end if week else None,
        per_mwh=week.cumulative_per_mwh if week else None,
        summed_per_mwh=week.summed_per_mwh if week else 0.0,
        summed_intervals=week.summed_intervals if week else 0,
        window_intervals=WINDOW,
        threshold_per_mwh=threshold,
        administered_cap_per_mwh=administered_cap_per_mwh(running),
        day_mean_per_mwh=week.day_mean_per_mwh if week else None,
        crosses_at=week.crosses_at(threshold) if week else None,
    )
