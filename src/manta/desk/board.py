"""The board: the newest snapshot, prices and takings, from which Overview and the live stream are drawn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import structlog

from manta.desk.ports import EarningsRecord, PriceRecord
from manta.domain.identity import TenantId
from manta.domain.market import Price, PriceStatus, Region
from manta.domain.time import FIVE_MINUTES, NEM_TIME, DispatchInterval, from_epoch_ms
from manta.door.errors import AWAY, Unavailable
from manta.door.shapes import FleetNow, Health, Overview, RegionOverview
from manta.flows.ports import Clock
from manta.wire.events import FleetSnapshot, PricePublished, RegionNow

log = structlog.get_logger()

FRESH = timedelta(seconds=10)
LOST = timedelta(seconds=60)
"""A snapshot older than this says nothing of now."""
HEARD_WELL = 0.95
"""Share of sites heard, from which on a region is in good health."""
NOTHING = Decimal("0.000000")
TAKINGS_EVERY = timedelta(seconds=10)


class Board:
    """Keeps what was heard last and draws the overview from it."""

    def __init__(self, prices: PriceRecord, earnings: EarningsRecord, clock: Clock) -> None:
        self._prices, self._earnings, self._clock = prices, earnings, clock
        self._snapshots: dict[TenantId, FleetSnapshot] = {}
        self._newest: dict[Region, Price] = {}
        self._revenue: dict[TenantId, tuple[datetime, Mapping[Region, Decimal]]] = {}
        self._turn = asyncio.Lock()

    async def begin(self) -> None:
        """Read the prices that were published before we listened."""
        for price in (await self._prices.latest()).values():
            self.priced(price)

    def heard(self, snapshot: FleetSnapshot) -> None:
        """Put up a snapshot."""
        self._snapshots[TenantId(snapshot.tenant)] = snapshot

    def priced(self, price: Price) -> None:
        """Put up a price, unless a later interval's is already there."""
        before = self._newest.get(price.region)
        if before is None or price.interval >= before.interval:
            self._newest[price.region] = price

    def age_s(self) -> float | None:
        """Return the age of the newest snapshot of any tenant; None if there is none."""
        newest = max((s.at_ms for s in self._snapshots.values()), default=None)
        return None if newest is None else (self._clock.now() - from_epoch_ms(newest)).total_seconds()

    async def overview(self, tenant: TenantId) -> Overview:
        """Draw a tenant's overview; Unavailable while nothing was heard of its fleet."""
        snapshot = self._snapshots.get(tenant)
        if snapshot is None:
            raise Unavailable(
                "The fleet has not been heard yet. The engine reports each second once it runs."
            )
        now = self._clock.now()
        revenue = await self._revenue_today(tenant, now)
        at = from_epoch_ms(snapshot.at_ms)
        regions = [self._region(region, revenue, now, now - at) for region in snapshot.regions]
        return Overview(at, _sum(regions), regions)

    def _region(
        self, seen: RegionNow, revenue: Mapping[Region, Decimal], now: datetime, age: timedelta
    ) -> RegionOverview:
        region = Region(seen.region)
        price = self._newest.get(region)
        return RegionOverview(
            region=region,
            sites=seen.sites,
            heard=seen.heard,
            power_kw=seen.power_kw,
            battery_kw=seen.battery_kw,
            pv_kw=seen.pv_kw,
            load_kw=seen.load_kw,
            stored_kwh=seen.stored_kwh,
            capacity_kwh=seen.capacity_kwh,
            headroom_up_kw=seen.headroom_up_kw,
            headroom_down_kw=seen.headroom_down_kw,
            leased=seen.leased,
            price_per_mwh=price.per_mwh if price else None,
            price_status=price.status if price else None,
            price_interval_end=price.interval.end if price else None,
            price_age_s=price_age_s(price, now),
            revenue_today_aud=revenue.get(region, NOTHING),
            health=health_of(seen, age, price, now),
        )

    async def _revenue_today(self, tenant: TenantId, now: datetime) -> Mapping[Region, Decimal]:
        async with self._turn:
            kept = self._revenue.get(tenant)
            if kept is None or not timedelta() <= now - kept[0] < TAKINGS_EVERY:
                kept = (now, await self._read_revenue(tenant, now, kept[1] if kept else None))
                self._revenue[tenant] = kept
            return kept[1]

    async def _read_revenue(
        self, tenant: TenantId, now: datetime, before: Mapping[Region, Decimal] | None
    ) -> Mapping[Region, Decimal]:
        """Read the ledger; while it is away what it said last stands, so that the live picture goes on."""
        try:
            return await self._earnings.by_region(tenant, market_midnight(now), now)
        except AWAY as error:
            if before is None:
                raise
            log.warning("revenue not read", tenant=tenant, error=f"{type(error).__name__}: {error}")
            return before


def market_midnight(at: datetime) -> datetime:
    """Return when the calendar day began, market time."""
    return at.astimezone(NEM_TIME).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def price_of(event: PricePublished) -> Price:
    """Return a published price as the domain knows it."""
    return Price(
        Region(event.region),
        DispatchInterval(from_epoch_ms(event.interval_end_ms)),
        event.per_mwh,
        PriceStatus(event.status),
        heard_at=from_epoch_ms(event.heard_ms),
    )


def price_age_s(price: Price | None, now: datetime) -> float | None:
    """Return how long we have had a price."""
    return None if price is None or price.heard_at is None else (now - price.heard_at).total_seconds()


def health_of(seen: RegionNow, age: timedelta, price: Price | None, now: datetime) -> Health:
    """Judge a region: silent if nobody is heard, good if nearly all are and its price is of this interval."""
    if age > LOST or (seen.sites and not seen.heard):
        return "silent"
    priced = price is not None and now - price.interval.end <= FIVE_MINUTES
    if age > FRESH or not priced or seen.heard < HEARD_WELL * seen.sites:
        return "degraded"
    return "good"


def _sum(regions: Sequence[RegionOverview]) -> FleetNow:
    return FleetNow(
        sites=sum(r.sites for r in regions),
        heard=sum(r.heard for r in regions),
        power_kw=sum(r.power_kw for r in regions),
        battery_kw=sum(r.battery_kw for r in regions),
        pv_kw=sum(r.pv_kw for r in regions),
        load_kw=sum(r.load_kw for r in regions),
        stored_kwh=sum(r.stored_kwh for r in regions),
        capacity_kwh=sum(r.capacity_kwh for r in regions),
        headroom_up_kw=sum(r.headroom_up_kw for r in regions),
        headroom_down_kw=sum(r.headroom_down_kw for r in regions),
        leased=sum(r.leased for r in regions),
        revenue_today_aud=sum((r.revenue_today_aud for r in regions), NOTHING),
    )
