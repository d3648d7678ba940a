"""Meter to ledger: each interval's energy at its price, again while late readings and revised prices come.

An interval is settled when its last counters have had time to arrive, and looked at again until nothing is
expected to change. The books reverse and repost what stands with other figures, so that settling twice is
settling once. What is not known is not posted; it is counted by reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
import structlog
from numpy.typing import NDArray

from manta.domain.identity import SiteId, TenantId
from manta.domain.market import REGIONS, PriceStatus, Region
from manta.domain.site import DEVICE_KINDS, DeviceKind
from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.domain.units import settlement_price
from manta.flows.ports import Books, Clock, Enrolment, History
from manta.settlement import money
from manta.settlement.energy import FINDINGS, Counters, Finding, by_site, energy_of
from manta.wire.batches import DeviceTable, SiteTable

log = structlog.get_logger()

_METER = DEVICE_KINDS.index(DeviceKind.METER)


@dataclass(slots=True)
class Settled:
    """What one round did."""

    posted: int = 0
    """Postings made, reversals and their successors counted as one."""
    standing: int = 0
    """Postings that stood as they are."""
    unpriced: int = 0
    """Postings that wait for a price, or for one that can be believed."""
    homes: int = 0
    """Lines in the postings made."""
    unknown: Counter[Finding] = field(default_factory=Counter)
    """Meters whose energy is not known, by reason."""


@dataclass(frozen=True, slots=True)
class Meters:
    """Who is metered, one row a meter."""

    device_no: NDArray[np.int32]
    site_no: NDArray[np.int32]
    most_kw: NDArray[np.float64]

    @classmethod
    def of(cls, sites: SiteTable, devices: DeviceTable) -> Meters:
        """Take the meters from the tables."""
        device_no = np.flatnonzero(devices.kind == _METER).astype(np.int32)
        site_no = devices.site_no[device_no]
        most_kw = np.maximum(sites.import_limit_kw, sites.export_limit_kw)[site_no]
        return cls(device_no, site_no, most_kw)


class Settlement:
    """The journey of metered energy; one object for all tenants of this settler."""

    def __init__(
        self,
        clock: Clock,
        enrolment: Enrolment,
        history: History,
        books: Books,
        after: timedelta = timedelta(seconds=40),
        look_back: timedelta = timedelta(hours=2),
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        """``tell`` is called after every round that went through."""
        self._clock, self._enrolment, self._history, self._books = clock, enrolment, history, books
        self._after, self._look_back, self._tell = after, look_back, tell
        self._stands: dict[tuple[TenantId, Region, DispatchInterval], int] = {}

    async def run(self, first_look_back: timedelta = timedelta(hours=24)) -> None:
        """Settle after every interval, for ever; after an absence, a round looks back over all of it."""
        due = self._latest()
        reached_at = due.end - first_look_back
        while True:
            await self._clock.sleep_until(due.end + self._after)
            due = max(due, self._latest())
            try:
                await self.settle(_until(due, due.end - reached_at + self._look_back))
                reached_at = due.end
                self._tell()
            except Exception as failure:  # the next round does this one's work too
                log.error("interval not settled", interval=str(due), because=repr(failure))
            due = DispatchInterval(due.end + FIVE_MINUTES)

    def _latest(self) -> DispatchInterval:
        """Return the newest interval whose counters have had time to arrive."""
        return DispatchInterval.containing(self._clock.now() - self._after - FIVE_MINUTES)

    async def settle_until(self, due: DispatchInterval) -> Settled:
        """Settle an interval and look again at those before it."""
        return await self.settle(_until(due, self._look_back))

    async def settle(self, intervals: Sequence[DispatchInterval]) -> Settled:
        """Settle consecutive intervals, oldest first, in portions that fit in memory."""
        sites, devices = await self._enrolment.tables()
        meters, done = Meters.of(sites, devices), Settled()
        most = self._look_back // FIVE_MINUTES
        for begin in range(0, len(intervals), most):
            portion = intervals[begin : begin + most]
            before = DispatchInterval(portion[0].start)
            counters = await self._history.meter_counters([before, *portion])
            for interval in portion:
                earlier = counters.get(DispatchInterval(interval.start))
                later = counters.get(interval)
                if later is not None and len(later):
                    await self._settle_one(sites, meters, interval, earlier, later, done)
        self._forget(intervals[-1].end if intervals else self._clock.now())
        log.info(
            "settled", until=str(intervals[-1]) if intervals else None, posted=done.posted,
            standing=done.standing, unpriced=done.unpriced, homes=done.homes, unknown=dict(done.unknown),
        )  # fmt: skip
        return done

    async def _settle_one(
        self,
        sites: SiteTable,
        meters: Meters,
        interval: DispatchInterval,
        before: Counters | None,
        after: Counters,
        done: Settled,
    ) -> None:
        energy = energy_of(
            meters.device_no, meters.most_kw, interval, after[:0] if before is None else before, after
        )
        for number in np.flatnonzero(counts := np.bincount(energy.finding, minlength=len(FINDINGS))):
            if FINDINGS[number] is not Finding.KNOWN:
                done.unknown[FINDINGS[number]] += int(counts[number])
        site_no, watt_hours = by_site(energy, meters.site_no)
        group = sites.region[site_no].astype(np.int64) * len(sites.tenants) + sites.tenant_no[site_no]
        prices: dict[Region, Decimal | None] = {}
        for each in np.unique(group).tolist():
            region, tenant = REGIONS[each // len(sites.tenants)], sites.tenants[each % len(sites.tenants)]
            if region not in prices:
                prices[region] = await self._price(region, interval)
            price = prices[region]
            if price is None:
                done.unpriced += 1
                continue
            ours = group == each
            posting = money.post(site_no[ours], watt_hours[ours], price)
            await self._post(TenantId(tenant), region, interval, sites, posting, price, done)

    async def _price(self, region: Region, interval: DispatchInterval) -> Decimal | None:
        price = await self._books.price(region, interval)
        if price is None or price.status is PriceStatus.SUSPECT:
            return None
        return settlement_price(price.per_mwh)

    async def _post(
        self,
        tenant: TenantId,
        region: Region,
        interval: DispatchInterval,
        sites: SiteTable,
        posting: money.Posting,
        price: Decimal,
        done: Settled,
    ) -> None:
        key = (tenant, region, interval)
        figures = hash((posting.site_no.tobytes(), posting.watt_hours.tobytes(), price))
        if self._stands.get(key) == figures:
            done.standing += 1
            return
        made = await self._books.post(
            tenant,
            interval,
            region,
            [SiteId(sites.ids[number]) for number in posting.site_no.tolist()],
            posting.micro_aud.tolist(),
            posting.watt_hours.tolist(),
            price,
        )
        self._stands[key] = figures
        done.posted += made is not None
        done.standing += made is None
        done.homes += len(posting.site_no) if made is not None else 0

    def _forget(self, now: datetime) -> None:
        """Keep in mind only what the next round looks at; the books know the rest."""
        oldest = now - 2 * self._look_back
        self._stands = {key: figures for key, figures in self._stands.items() if key[2].end > oldest}


def _until(due: DispatchInterval, look_back: timedelta) -> list[DispatchInterval]:
    """Return the intervals of a stretch that ends with one of them, oldest first."""
    count = max(1, look_back // FIVE_MINUTES)
    return [DispatchInterval(due.end - back * FIVE_MINUTES) for back in reversed(range(count))]
