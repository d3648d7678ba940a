"""All that is known of a region's prices: the market's history, continued by our own record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from manta.desk.ports import MarketRecord, PriceRecord
from manta.domain.market import Price, Region
from manta.domain.time import FIVE_MINUTES, epoch_ms, from_epoch_ms
from manta.wire.series import PRICE_STATUSES, PriceSeries

FILLED = timedelta(days=31)
"""The most that the record stands in for history: a price there is a row to fetch, not a column."""


async def known_prices(
    market: MarketRecord, record: PriceRecord, region: Region, start: datetime, end: datetime
) -> PriceSeries:
    """Read the prices of the intervals that end after ``start`` and not after ``end``.

    What the market's history lacks at its end, the record fills in.
    """
    series = await market.prices(region, start, end)
    have = from_epoch_ms(int(series.ends_ms[-1])) if len(series) else start
    if end - have < FIVE_MINUTES:
        return series
    return continued(series, await record.between(region, max(have, end - FILLED), end))


async def known_extent(
    market: MarketRecord, record: PriceRecord, region: Region
) -> tuple[datetime, datetime] | None:
    """Read the ends of the first and the last interval that ``known_prices`` can show."""
    extent, newest = await market.extent(region), (await record.latest()).get(region)
    if newest is None:
        return extent
    last = newest.interval.end
    if extent is not None:
        return extent[0], max(extent[1], last)
    prices = await record.between(region, last - FILLED, last)
    return (prices[0].interval.end if prices else last), last


def continued(series: PriceSeries, prices: Sequence[Price]) -> PriceSeries:
    """Return a series with later prices after it; those of its own time are left out."""
    last_ms = int(series.ends_ms[-1]) if len(series) else None
    later = [price for price in prices if last_ms is None or epoch_ms(price.interval.end) > last_ms]
    if not later:
        return series
    ends_ms = np.array([epoch_ms(price.interval.end) for price in later], np.int64)
    per_mwh = np.array([price.per_mwh for price in later])
    status = np.array([PRICE_STATUSES.index(price.status) for price in later], np.uint8)
    return PriceSeries(
        np.concatenate((series.ends_ms, ends_ms)),
        np.concatenate((series.per_mwh, per_mwh)),
        np.concatenate((series.status, status)),
        np.concatenate((series.cumulative_per_mwh, np.full(len(later), np.nan))),
    )
