"""OpenElectricity: the prices of the NEM as somebody else read them, through its own client library.

It follows AEMO's files as we do, so that it proves what we read, not what AEMO published. It states no
standing of a price, for which reason none of its prices is firm here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import aiohttp
import pydantic
from openelectricity import AsyncOEClient  # type: ignore[import-untyped]  # it has no marker of its types
from openelectricity.client import APIError  # type: ignore[import-untyped]  # the same
from openelectricity.models.timeseries import (  # type: ignore[import-untyped]  # the same
    NetworkTimeSeries,
    TimeSeriesResponse,
)
from openelectricity.types import MarketMetric  # type: ignore[import-untyped]  # the same

from manta.domain.market import Price, PriceStatus, Region
from manta.domain.reference import FLOOR_PER_MWH, cap_per_mwh
from manta.domain.time import NEM_TIME, DispatchInterval
from manta.markets.agreement import Word
from manta.markets.asking import Asking, Refused, Waits
from manta.markets.fetching import Clock

URL = "https://api.openelectricity.org.au/v4/"
MOST_ASKED, WITHIN = 400, timedelta(days=1)
"""Below the 500 questions a day of its free plan. Confidence M."""
WITHIN_S = 20.0
LONGEST = timedelta(days=7)
"""Asked for in one question."""
MOST_POINTS = 20_000
SOURCE = "OpenElectricity"

_library = logging.getLogger("openelectricity")
_library.handlers.clear()  # on import it sets itself up to write to standard output
_library.setLevel(logging.WARNING)


class OpenElectricity:
    """One key's way to OpenElectricity; a question that may not be asked now is not asked."""

    def __init__(self, key: str, *, clock: Clock, url: str = URL, within_s: float = WITHIN_S) -> None:
        self._key, self._url, self._clock, self._within_s = key, url, clock, within_s
        self._asking = Asking(clock, MOST_ASKED, WITHIN)

    async def prices(self, start: datetime, end: datetime) -> Sequence[Price] | Refused | Waits:
        """Return the prices of all regions for the intervals that end after ``start`` and not after ``end``.

        $/MWh, oldest first; an interval without a price is not there.
        """
        if not timedelta(0) < end - start <= LONGEST:
            return Refused(f"from {start} to {end} is not a stretch of at most {LONGEST.days} days")
        if (halt := self._asking.begin()) is not None:
            return halt
        try:
            async with asyncio.timeout(self._within_s):
                answer = await self._ask(start, end)
            prices = list(_prices(answer, self._clock.now()))
        except APIError as error:
            return self._judged(error)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return self._asking.failed(f"no answer: {type(error).__name__} {error}".rstrip()[:300])
        except (pydantic.ValidationError, ValueError, TypeError, OverflowError) as error:
            return self._asking.failed(f"its answer cannot be believed: {error}"[:300])
        self._asking.answered()
        wanted = (price for price in prices if start < price.interval.end <= end)
        return sorted(wanted, key=lambda price: (price.interval, price.region))

    async def _ask(self, start: datetime, end: datetime) -> TimeSeriesResponse:
        async with AsyncOEClient(api_key=self._key, base_url=self._url) as client:
            return await client.get_market(
                network_code="NEM",
                metrics=[MarketMetric.PRICE],
                interval="5m",
                date_start=_local(start),
                date_end=_local(end),
                primary_grouping="network_region",
            )

    def _judged(self, error: APIError) -> Refused | Waits:
        because = f"it answers {error.status_code}: {str(error.detail)[:200]}"
        match error.status_code:
            case 401 | 403:
                return self._asking.barred(because)
            case 429:
                return self._asking.throttled(None, because)
            case 400 | 404 | 422:
                self._asking.answered()
                return Refused(because)
        return self._asking.failed(because)


def words(prices: Sequence[Price]) -> Iterator[Word]:
    """Yield prices as words to compare the dispatch price with."""
    for price in prices:
        if price.heard_at is not None:
            yield Word(SOURCE, price.region, price.interval, price.per_mwh, price.heard_at)


def _prices(answer: TimeSeriesResponse, heard_at: datetime) -> Iterator[Price]:
    """Yield what an answer holds; ValueError where it is not what was asked for, or cannot be."""
    series = [each for each in answer.data if each.metric == MarketMetric.PRICE]
    if not answer.success or len(series) != 1:
        raise ValueError(f"it holds {len(series)} series of prices: {str(answer.error)[:100]}")
    only = series[0]
    if (only.network_code, only.interval, only.unit) != ("NEM", "5m", "$/MWh"):
        raise ValueError(f"it is of {only.network_code}, {only.interval}, {only.unit[:20]}")
    if sum(len(result.data) for result in only.results) > MOST_POINTS:
        raise ValueError(f"it holds more than {MOST_POINTS:,} prices")
    seen: set[tuple[Region, DispatchInterval]] = set()
    for price in _of_series(only, heard_at):
        if (price.region, price.interval) in seen:
            raise ValueError(f"{price.region} {price.interval} stands twice")
        seen.add((price.region, price.interval))
        yield price


def _of_series(series: NetworkTimeSeries, heard_at: datetime) -> Iterator[Price]:
    """Yield the prices of a series; its times are taken for the ends of intervals, as its older API has them.

    Confidence L: were they beginnings, what it is compared with would be off by one interval.
    """
    for result in series.results:
        region = Region(result.columns.region or "")
        for point in result.data:
            at, per_mwh = point.root
            if at.tzinfo is None:
                raise ValueError(f"{at} has no zone")
            interval = DispatchInterval(at.astimezone(UTC))
            if per_mwh is None:
                continue
            if not FLOOR_PER_MWH <= per_mwh <= cap_per_mwh(interval):
                raise ValueError(f"{region} {interval}: {per_mwh:g} $/MWh is outside the market's bounds")
            yield Price(region, interval, per_mwh, PriceStatus.NOT_FIRM, heard_at=heard_at)


def _local(at: datetime) -> datetime:
    """Return an instant as the API asks for it: network time without a zone."""
    return at.astimezone(NEM_TIME).replace(tzinfo=None)
