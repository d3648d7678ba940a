"""The record in memory, for replays and scenario tests; it keeps the promises of the real one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from manta.domain.identity import BatchId, SiteId, TenantId
from manta.domain.lease import Dispatch, DispatchOutcome
from manta.domain.market import Price, Region
from manta.domain.rule import SpotRule
from manta.domain.time import DispatchInterval, epoch_ms
from manta.wire.batches import DeviceTable, IntentBatch, LeaseBatch, SiteTable
from manta.wire.columns import ACK, READING

COUNTER = np.dtype([("device_no", "<i4"), ("import_kwh", "<f8"), ("export_kwh", "<f8"), ("at_ms", "<i8")])
LONGEST_LEASE = timedelta(minutes=15)
_NAMES = UUID("b7c1de9a-6a0e-5d44-9c0e-2f7a91f3c8d1")


class Enrolment:
    """Who takes part."""

    def __init__(
        self, sites: SiteTable, devices: DeviceTable, rules: Sequence[tuple[TenantId, SpotRule]] = ()
    ) -> None:
        self.sites, self.devices, self.all_rules = sites, devices, list(rules)

    async def tables(self) -> tuple[SiteTable, DeviceTable]:
        """Return the tables."""
        return self.sites, self.devices

    async def rules(self) -> Sequence[tuple[TenantId, SpotRule]]:
        """Return the enabled rules."""
        return [(tenant, rule) for tenant, rule in self.all_rules if rule.enabled]


class Decisions:
    """Prices, intents and dispatches, each written once."""

    def __init__(self) -> None:
        self.prices: dict[tuple[Region, DispatchInterval], Price] = {}
        self.intents: dict[UUID, IntentBatch] = {}
        self.dispatches: dict[UUID, Dispatch] = {}
        self.outcomes: dict[UUID, DispatchOutcome] = {}

    async def save_prices(self, prices: Sequence[Price]) -> Sequence[Price]:
        """Keep the later of two rows for one interval and return those that are new or changed."""
        return [price for price in prices if self._keep(price)]

    def _keep(self, price: Price) -> bool:
        key = (price.region, price.interval)
        known = self.prices.get(key)
        if known is not None:
            same = (known.per_mwh, known.status) == (price.per_mwh, price.status)
            older = known.changed_at and price.changed_at and price.changed_at < known.changed_at
            if same or older:
                return False
        self.prices[key] = price
        return True

    async def save_intents(self, batch: IntentBatch) -> None:
        """Keep a batch; the same id again changes nothing."""
        self.intents.setdefault(batch.id, batch)

    async def save_dispatch(self, dispatch: Dispatch) -> None:
        """Keep a dispatch; the same id again changes nothing."""
        self.dispatches.setdefault(dispatch.id, dispatch)

    async def save_outcome(self, tenant: TenantId, outcome: DispatchOutcome) -> None:
        """Keep how a dispatch was answered; it must be this tenant's."""
        if self.dispatches[outcome.dispatch].tenant != tenant:
            raise PermissionError(f"dispatch {outcome.dispatch} is not {tenant}'s")
        self.outcomes.setdefault(outcome.dispatch, outcome)


@dataclass(slots=True)
class _Writer:
    holder: str
    epoch: int
    until: datetime


class Leases:
    """Lease batches, fenced: only the region's current writer adds one."""

    def __init__(self, decisions: Decisions, now: Callable[[], datetime]) -> None:
        self._decisions, self._now = decisions, now
        self._writers: dict[Region, _Writer] = {}
        self.batches: dict[UUID, LeaseBatch] = {}
        """By the intents that they answer."""

    async def take(self, region: Region, holder: str, ttl: timedelta) -> int | None:
        """Take or keep a region; a new holder, or one that was late, gets a new epoch."""
        now, writer = self._now(), self._writers.get(region)
        if writer is None:
            writer = self._writers[region] = _Writer(holder, 1, now + ttl)
        elif writer.until < now:
            writer.holder, writer.epoch = holder, writer.epoch + 1
        elif writer.holder != holder:
            return None
        writer.until = now + ttl
        return writer.epoch

    async def intents(self, tenant: TenantId, batch: BatchId) -> IntentBatch | None:
        """Read an intent batch of a tenant."""
        found = self._decisions.intents.get(batch)
        return found if found is not None and found.tenant == tenant else None

    async def write(self, batch: LeaseBatch) -> LeaseBatch:
        """Keep a lease batch, or return the one that answers the same intents already."""
        if known := self.batches.get(batch.intents):
            return known
        writer = self._writers.get(batch.region)
        if writer is None or writer.epoch != batch.epoch:
            raise PermissionError(f"epoch {batch.epoch} of {batch.region} is not current")
        if batch.expires_at > batch.created_at + LONGEST_LEASE:
            raise PermissionError(f"a lease until {batch.expires_at} is longer than {LONGEST_LEASE}")
        self.batches[batch.intents] = batch
        return batch

    async def live(self, at: datetime) -> Sequence[LeaseBatch]:
        """Read the batches with a lease still running, oldest first."""
        live = [batch for batch in self.batches.values() if batch.expires_at > at]
        return sorted(live, key=lambda batch: (batch.created_at, batch.epoch, batch.sequence))

    async def last_sequence(self, region: Region, epoch: int) -> int:
        """Return the highest sequence of an epoch, 0 if none."""
        ours = (b.sequence for b in self.batches.values() if (b.region, b.epoch) == (region, epoch))
        return max(ours, default=0)


class Acks:
    """What the devices answered, each batch and device once."""

    def __init__(self) -> None:
        self.rows = np.empty(0, ACK)

    async def save_acks(self, rows: NDArray[Any]) -> None:
        """Keep the first answer of each device to each batch."""
        every = np.concatenate([self.rows, rows])
        _, first = np.unique(every[["batch", "device_no"]], return_index=True)
        self.rows = every[np.sort(first)]


class History:
    """Telemetry history, whole."""

    def __init__(self, meters: NDArray[np.integer]) -> None:
        self._meters = meters
        self._parts: list[NDArray[Any]] = []

    async def append(self, rows: NDArray[Any]) -> None:
        """Keep readings, in whatever order they come."""
        self._parts.append(rows.copy())

    def rows(self) -> NDArray[Any]:
        """Return every reading, as it came."""
        return np.concatenate(self._parts) if self._parts else np.empty(0, READING)

    async def meter_counters(
        self, intervals: Sequence[DispatchInterval]
    ) -> Mapping[DispatchInterval, NDArray[Any]]:
        """Return the last counter of every meter in each interval, by the meter's own time."""
        rows = self.rows()
        rows = rows[np.isin(rows["device_no"], self._meters) & ~np.isnan(rows["export_kwh"])]
        rows = rows[np.lexsort((rows["sequence"], rows["at_ms"]))]
        return {interval: _last_counters(rows, interval) for interval in intervals}


def _last_counters(rows: NDArray[Any], interval: DispatchInterval) -> NDArray[Any]:
    bounds = (epoch_ms(interval.start), epoch_ms(interval.end))
    begin, end = np.searchsorted(rows["at_ms"], bounds)
    latest_first = rows[begin:end][::-1]
    device_no, first = np.unique(latest_first["device_no"], return_index=True)
    counters = np.empty(len(device_no), COUNTER)
    for name in COUNTER.names or ():
        counters[name] = latest_first[name][first]
    return counters


@dataclass(frozen=True, slots=True)
class Txn:
    """One posting, with the market's line; its lines add up to nothing."""

    id: UUID
    tenant: TenantId
    region: Region
    interval: DispatchInterval
    revision: int
    price: Decimal
    lines: Mapping[str, tuple[int, int]]
    """(micro_aud, watt_hours) by account."""
    reverses: UUID | None = None


class Books:
    """The ledger: only ever added to."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self.txns: list[Txn] = []
        self._standing: dict[tuple[TenantId, Region, DispatchInterval], Txn] = {}

    async def post(
        self,
        tenant: TenantId,
        interval: DispatchInterval,
        region: Region,
        sites: Sequence[SiteId],
        micro_aud: Sequence[int],
        watt_hours: Sequence[int],
        price: Decimal,
    ) -> UUID | None:
        """Post one interval of one region, reversing what stands with other figures."""
        if not sites or not len(sites) == len(micro_aud) == len(watt_hours):
            raise ValueError(f"{len(sites)} sites, {len(micro_aud)} amounts, {len(watt_hours)} energies")
        lines = {f"home/{s}": (m, w) for s, m, w in zip(sites, micro_aud, watt_hours, strict=True)}
        lines[f"market/{region}"] = (-sum(micro_aud), -sum(watt_hours))
        standing = self._standing.get((tenant, region, interval))
        if standing is not None and (standing.lines, standing.price) == (lines, price):
            return None
        revision = 0
        if standing is not None:
            revision = standing.revision + 1
            self._add(standing, {name: (-m, -w) for name, (m, w) in standing.lines.items()}, standing.id)
        name = f"{tenant}/{region}/{interval}/{revision}"
        txn = Txn(uuid5(_NAMES, name), tenant, region, interval, revision, price, lines)
        self.txns.append(txn)
        self._standing[tenant, region, interval] = txn
        return txn.id

    def _add(self, txn: Txn, lines: Mapping[str, tuple[int, int]], reverses: UUID) -> None:
        id_ = uuid5(_NAMES, f"reversal/{reverses}")
        self.txns.append(
            Txn(id_, txn.tenant, txn.region, txn.interval, txn.revision, txn.price, lines, reverses)
        )

    async def price(self, region: Region, interval: DispatchInterval) -> Price | None:
        """Return the price as it stands now."""
        return self._decisions.prices.get((region, interval))

    def balance(self, account: str) -> tuple[int, int]:
        """Return what an account holds: (micro_aud, watt_hours)."""
        lines = [txn.lines[account] for txn in self.txns if account in txn.lines]
        return sum(m for m, _ in lines), sum(w for _, w in lines)
