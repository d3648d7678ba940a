"""Price to power: one published price through every VPP of its region.

A VPP's journey is look → arbitrate → share (flows/wanted.py), then intents in the record → governor →
dispatch in the record → answers counted (flows/carrying.py). A price counts within its own interval only;
when the next one is late nothing is asked and the leases run out by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from manta.domain.identity import TenantId, VppId
from manta.domain.market import Price, PriceStatus, Region
from manta.domain.rule import SpotRule
from manta.domain.time import DispatchInterval
from manta.fleet.view import FleetView
from manta.fleet.vpps import Vpp, vpps_of
from manta.flows.carrying import Carrying, Tell, Turn, published
from manta.flows.ports import Clock, DecisionRecord, Governor, Market
from manta.flows.wanted import Posture, decide
from manta.wire.batches import DeviceTable, SiteTable

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly a decision ages."""

    refresh: timedelta = timedelta(seconds=60)
    """How long a live target stands before it is taken again with fresh telemetry."""
    answers_due: timedelta = timedelta(seconds=20)
    price_late: timedelta = timedelta(seconds=90)
    """How long into an interval its price is missed."""
    early: timedelta = timedelta(seconds=30)
    """How long before its interval a price may be acted on: clocks differ."""
    retry: timedelta = timedelta(seconds=5)
    """When a silent governor is asked again."""
    give_up: timedelta = timedelta(hours=1)
    """How long prices are kept that the record does not take."""
    look: timedelta = timedelta(seconds=5)
    """How often we look whether anything is due."""


@dataclass(slots=True)
class Standing:
    """Where a VPP stands: the price it acted on and what it has been doing since."""

    price: Price | None = None
    cycle: int = 0
    decided_at: datetime | None = None
    """None while it has to be decided anew, whatever the price."""
    posture: Posture = field(default_factory=Posture)
    turn: Turn = field(default_factory=lambda: Turn(asyncio.Lock()))


class Decision:
    """The journey of prices; one object for all VPPs of this engine."""

    def __init__(
        self,
        clock: Clock,
        view: FleetView,
        record: DecisionRecord,
        governor: Governor,
        tell: Tell,
        pace: Pace | None = None,
    ) -> None:
        self._clock, self._view, self._record, self._pace = clock, view, record, pace or Pace()
        self._carrying = Carrying(clock, record, governor, tell, self._pace.answers_due, self._pace.retry)
        self._vpps: list[Vpp] = []
        self._rules: dict[tuple[TenantId, VppId], list[SpotRule]] = {}
        self._standing: dict[tuple[TenantId, VppId, Region], Standing] = {}
        self._missed: set[Region] = set()
        self.in_force: dict[Region, Price] = {}
        """The newest price heard for each region, whatever its status."""

    def enrol(
        self, sites: SiteTable, devices: DeviceTable, rules: Iterable[tuple[TenantId, SpotRule]]
    ) -> None:
        """Take in who takes part; a VPP whose rules changed is decided again at the next refresh."""
        self._view.enrol(sites, devices)
        self._carrying.answers.enrol(len(devices.ids))
        self._vpps = list(vpps_of(sites, devices))
        before, self._rules = self._rules, _by_vpp(rules)
        for vpp in self._vpps:
            standing = self._standing_of(vpp)
            ours = self._view.batteries_at(vpp.site_no)
            standing.posture.held = np.intersect1d(standing.posture.held, ours)
            if before.get((vpp.tenant, vpp.id)) != self._rules.get((vpp.tenant, vpp.id)):
                standing.decided_at = None

    @property
    def leased_until_ms(self) -> NDArray[np.int64]:
        """Until when each device has accepted a power, from its own answer."""
        return self._carrying.answers.leased_until_ms

    def hear_acks(self, rows: NDArray[Any]) -> None:
        """Take in ACK columns."""
        self._carrying.answers.hear(rows)

    async def run(self, market: Market) -> None:
        """Follow the market and keep live targets fresh, for ever."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(market))
                tasks.create_task(self._keep_fresh())
        finally:
            await self.close()

    async def close(self) -> None:
        """Give up what is still to be asked again or counted."""
        await self._carrying.close()

    async def on_prices(self, prices: Sequence[Price]) -> None:
        """Take one publication through: saved first, told next, then each VPP decides."""
        saved = await self._record.save_prices(prices)
        changed = {(price.region, price.interval) for price in saved}
        for price in prices:
            self._note(price, changed)
        for price in saved:
            await self._carrying.tell(published(price))
        await self._side_by_side(
            self._decide(vpp, price)
            for price in prices
            for vpp in self._vpps
            if vpp.region == price.region
            and self._is_usable(price)
            and _is_news(price, changed, self._standing_of(vpp))
        )

    async def refresh(self) -> None:
        """Decide again where a live target has stood long enough or a decision is owed."""
        now = self._clock.now()
        self._notice_late_prices(now)
        due = []
        for vpp in self._vpps:
            standing, price = self._standing_of(vpp), self.in_force.get(vpp.region)
            if price is None or not self._is_usable(price):
                continue
            owed = standing.decided_at is None or standing.price is None
            worn = standing.posture.active and not owed and now - _at(standing) >= self._pace.refresh
            if owed or worn:
                due.append(self._decide(vpp, price))
        await self._side_by_side(due)

    async def _decide(self, vpp: Vpp, price: Price) -> None:
        """Take one VPP through one price; VPPs go side by side, but each does one thing at a time."""
        standing = self._standing_of(vpp)
        async with standing.turn.lock:
            if not self._is_usable(price) or _differs(self.in_force.get(price.region, price), price):
                return  # while we waited for our turn, time or a newer price went past
            now = self._clock.now()
            rules = self._rules.get((vpp.tenant, vpp.id), [])
            wanted = decide(self._view, vpp, rules, price, standing.posture, now)
            standing.cycle = self._cycle(standing, price, now)
            standing.price, standing.decided_at = price, now
            if wanted.target.power_kw is None and not len(wanted.rows):
                return
            try:
                await self._carrying.carry_out(vpp, price, standing.cycle, wanted, standing.turn)
            except BaseException:
                standing.decided_at = None  # owed again
                raise

    def _cycle(self, standing: Standing, price: Price, now: datetime) -> int:
        """Count cycles by the minute, so that after a restart they go on rising."""
        if standing.price is None or standing.price.interval != price.interval:
            return 0
        return max(standing.cycle + 1, 1 + (now - price.interval.start) // self._pace.refresh)

    def _is_usable(self, price: Price) -> bool:
        """Tell whether a price may be acted on now: of this interval, and believed."""
        begins_at, ends_at = price.interval.start - self._pace.early, price.interval.end
        believed = isfinite(price.per_mwh) and price.status is not PriceStatus.SUSPECT
        return believed and begins_at <= self._clock.now() < ends_at

    def _note(self, price: Price, changed: Collection[tuple[Region, DispatchInterval]]) -> None:
        if self._clock.now() < price.interval.start - self._pace.early:
            log.warning("price ahead of its time", region=price.region, interval=str(price.interval))
            return
        known = self.in_force.get(price.region)
        newer = known is None or known.interval < price.interval
        revised = known is not None and known.interval == price.interval
        if newer or (revised and (price.region, price.interval) in changed):
            self.in_force[price.region] = price
            self._missed.discard(price.region)

    def _notice_late_prices(self, now: datetime) -> None:
        for region, price in self.in_force.items():
            if now >= price.interval.end + self._pace.price_late and region not in self._missed:
                self._missed.add(region)
                log.warning("price late, leases run out", region=region, last=str(price.interval))

    async def _follow(self, market: Market) -> None:
        async for prices in market.prices():
            await self._on_prices_surely(prices)

    async def _on_prices_surely(self, prices: Sequence[Price]) -> None:
        """Try again while the record is away: the ledger wants prices that nobody trades on any more."""
        until = self._clock.now() + self._pace.give_up
        while self._clock.now() < until:
            try:
                await self.on_prices(prices)
            except Exception as failure:  # one bad publication must not stop the next
                log.error("prices not taken through", because=repr(failure))
            else:
                return
            await self._clock.sleep_until(self._clock.now() + self._pace.retry)

    async def _keep_fresh(self) -> None:
        while True:
            await self._clock.sleep_until(self._clock.now() + self._pace.look)
            try:
                await self.refresh()
            except Exception as failure:  # the next look comes in seconds
                log.error("targets not refreshed", because=repr(failure))

    def _standing_of(self, vpp: Vpp) -> Standing:
        return self._standing.setdefault((vpp.tenant, vpp.id, vpp.region), Standing())

    async def _side_by_side(self, journeys: Iterable[Coroutine[Any, Any, None]]) -> None:
        """Let VPPs go their ways at once; one that fails takes no other with it, and is owed a decision."""
        for result in await asyncio.gather(*journeys, return_exceptions=True):
            if isinstance(result, Exception):
                log.error("decision failed", because=repr(result))
            elif isinstance(result, BaseException):
                raise result


def _by_vpp(rules: Iterable[tuple[TenantId, SpotRule]]) -> dict[tuple[TenantId, VppId], list[SpotRule]]:
    """Group enabled rules by VPP; the one with the highest threshold speaks last, and so decides."""
    grouped: dict[tuple[TenantId, VppId], list[SpotRule]] = {}
    for tenant, rule in sorted(rules, key=lambda each: (each[1].sell_above_per_mwh, str(each[1].id))):
        if rule.enabled:
            grouped.setdefault((tenant, rule.vpp), []).append(rule)
    return grouped


def _is_news(price: Price, changed: Collection[tuple[Region, DispatchInterval]], standing: Standing) -> bool:
    """Tell whether a VPP has yet to decide on a price; after a start it decides on what stands."""
    acted = standing.price
    if acted is None or acted.interval < price.interval:
        return True
    revised = (price.region, price.interval) in changed
    return acted.interval == price.interval and revised and _differs(acted, price)


def _differs(one: Price, other: Price) -> bool:
    return (one.interval, one.per_mwh, one.status) != (other.interval, other.per_mwh, other.status)


def _at(standing: Standing) -> datetime:
    if standing.decided_at is None:
        raise ValueError("a decision that is owed has no instant")
    return standing.decided_at
