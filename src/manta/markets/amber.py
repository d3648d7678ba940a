"""Amber, the retailer that passes the spot price through: what a home pays now and in the next hours.

Its REST API counts cents per kWh with GST and allows 50 questions in 5 minutes. Here prices are $/MWh, still
with GST, positive where the home pays; a feed-in price below zero is money for the home.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import isfinite
from typing import Literal

import httpx
import msgspec
import structlog

from manta.markets.asking import Asking, Refused, Waits
from manta.markets.fetching import Clock, GoneError, UnreachableError, fetch

log = structlog.get_logger()

URL = "https://api.amber.com.au/v1"
MOST_ASKED, WITHIN = 50, timedelta(minutes=5)
MOST_BYTES = 2_000_000
MOST_AHEAD = 288
"""Intervals asked for in one question."""
MOST_CENTS = 5_000.0
"""Twice the highest market price cap with GST."""
_PER_MWH = 10.0
"""Dollars a megawatt-hour in a cent a kilowatt-hour."""
_SITE = re.compile(r"[0-9A-Za-z]{1,40}")
_SECOND = timedelta(seconds=1)


class Kind(StrEnum):
    """What a price is of."""

    ACTUAL = "ActualInterval"
    CURRENT = "CurrentInterval"
    FORECAST = "ForecastInterval"


class Channel(StrEnum):
    """What a price is for."""

    GENERAL = "general"
    FEED_IN = "feedIn"
    CONTROLLED_LOAD = "controlledLoad"


class Spike(StrEnum):
    """Whether Amber sees a price spike."""

    NONE = "none"
    POTENTIAL = "potential"
    SPIKE = "spike"


@dataclass(frozen=True, slots=True)
class HomePrice:
    """What a home pays over an interval through one channel."""

    kind: Kind
    channel: Channel
    starts_at: datetime
    ends_at: datetime
    per_mwh: float
    """$/MWh with GST, network and losses; negative: the home is paid."""
    spot_per_mwh: float
    """The wholesale part alone, $/MWh with GST, no losses."""
    spike: Spike
    renewables: float
    """The share of the grid's generation, 0 to 1."""
    is_estimate: bool
    """The interval still runs, and its price may change until it ends."""
    low_per_mwh: float | None
    """Of a forecast, what it may be at least and at most."""
    high_per_mwh: float | None


@dataclass(frozen=True, slots=True)
class AmberSite:
    """A home as Amber knows it."""

    id: str
    nmi: str
    status: str


class _Advanced(msgspec.Struct):
    low: float
    predicted: float
    high: float


class _Interval(msgspec.Struct, rename="camel"):
    type: Kind
    duration: Literal[5, 30]
    spot_per_kwh: float
    per_kwh: float
    nem_time: datetime
    end_time: datetime
    renewables: float
    channel_type: Channel
    spike_status: Spike
    estimate: bool = False
    advanced_price: _Advanced | None = None


class _Site(msgspec.Struct):
    id: str
    nmi: str
    status: str = ""


class Amber:
    """One account's way to Amber's API; a question that may not be asked now is not asked."""

    def __init__(self, token: str, *, client: httpx.AsyncClient, clock: Clock, url: str = URL) -> None:
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._client = client
        self._url = url.rstrip("/")
        self._asking = Asking(clock, MOST_ASKED, WITHIN)

    async def sites(self) -> Sequence[AmberSite] | Refused | Waits:
        """Return the homes of the account."""
        return await self._ask("/sites", _sites)

    async def prices(
        self, site: str, *, ahead: int = 12, resolution_min: Literal[5, 30] = 30
    ) -> Sequence[HomePrice] | Refused | Waits:
        """Return a home's current price and forecasts of ``ahead`` intervals, by channel, oldest first."""
        if _SITE.fullmatch(site) is None:
            return Refused(f"{site[:40]!r} is not how Amber names a site")
        if not 0 <= ahead <= MOST_AHEAD:
            return Refused(f"0 to {MOST_AHEAD} intervals ahead can be asked for, not {ahead}")
        return await self._ask(
            f"/sites/{site}/prices/current?next={ahead}&previous=0&resolution={resolution_min}", _home_prices
        )

    async def _ask[T](self, path: str, read: Callable[[bytes], T]) -> T | Refused | Waits:
        if (halt := self._asking.begin()) is not None:
            return halt
        try:
            answer = await fetch(
                self._client, self._url + path, self._headers, MOST_BYTES, statuses=_STATUSES
            )
        except GoneError:
            self._asking.answered()
            return Refused(f"Amber knows no {path.partition('?')[0]}")
        except UnreachableError as error:
            return self._asking.failed(str(error))
        return self._judged(answer, path, read)

    def _judged[T](
        self, answer: httpx.Response, path: str, read: Callable[[bytes], T]
    ) -> T | Refused | Waits:
        match answer.status_code:
            case 401 | 403:
                log.error("amber does not know us", status=answer.status_code)
                return self._asking.barred(f"Amber answers {answer.status_code}: the token is not valid")
            case 429:
                after = answer.headers.get("Retry-After") or answer.headers.get("RateLimit-Reset")
                return self._asking.throttled(after, "Amber says that we ask too often")
            case 400 | 422:
                self._asking.answered()
                return Refused(f"Amber answers {answer.status_code} to {path}")
        try:
            held = read(answer.content)
        except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as error:
            return self._asking.failed(f"Amber's answer cannot be believed: {error}"[:300])
        self._asking.answered()
        return held


_STATUSES = frozenset({200, 400, 401, 403, 422, 429})


def _sites(body: bytes) -> Sequence[AmberSite]:
    return [AmberSite(each.id, each.nmi, each.status) for each in msgspec.json.decode(body, type=list[_Site])]


def _home_prices(body: bytes) -> Sequence[HomePrice]:
    read = [_home_price(each) for each in msgspec.json.decode(body, type=list[_Interval])]
    if len({(each.channel, each.ends_at) for each in read}) != len(read):
        raise ValueError("an interval stands twice")
    return sorted(read, key=lambda each: (each.channel, each.ends_at))


def _home_price(each: _Interval) -> HomePrice:
    """Return a price as the house counts; ValueError for what cannot be."""
    if each.nem_time.tzinfo is None or each.end_time.tzinfo is None:
        raise ValueError("a time without a zone")
    lasts, ends_at = timedelta(minutes=each.duration), each.nem_time.astimezone(UTC)
    if abs(each.end_time - each.nem_time) > _SECOND:
        raise ValueError(f"nemTime {each.nem_time} is not endTime {each.end_time}")
    if (ends_at - datetime(2000, 1, 1, tzinfo=UTC)) % lasts:
        raise ValueError(f"no interval of {each.duration} minutes ends at {each.nem_time}")
    band = each.advanced_price
    cents = [each.per_kwh, each.spot_per_kwh, *((band.low, band.predicted, band.high) if band else ())]
    if not all(isfinite(c) and abs(c) <= MOST_CENTS for c in cents):
        raise ValueError(f"no price is {max(cents, key=abs)} c/kWh")
    if not 0.0 <= each.renewables <= 100.0:
        raise ValueError(f"renewables are {each.renewables} %")
    return HomePrice(
        kind=each.type,
        channel=each.channel_type,
        starts_at=ends_at - lasts,
        ends_at=ends_at,
        per_mwh=each.per_kwh * _PER_MWH,
        spot_per_mwh=each.spot_per_kwh * _PER_MWH,
        spike=each.spike_status,
        renewables=each.renewables / 100.0,
        is_estimate=each.estimate,
        low_per_mwh=min(band.low, band.high) * _PER_MWH if band else None,
        high_per_mwh=max(band.low, band.high) * _PER_MWH if band else None,
    )
