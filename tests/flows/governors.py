"""Governors around one record, in virtual time."""

import asyncio
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid5

import numpy as np
from tests.unit.governor.towns import tables
from tests.worlds import EVENING, VirtualClock

from manta.bus.signing import BatchSigner
from manta.domain.market import REGIONS, Region
from manta.domain.time import DispatchInterval, epoch_ms
from manta.flows.leasing import Leasing
from manta.governor.limits import Limits
from manta.wire.batches import IntentBatch
from manta.wire.columns import ACK, INTENT, READING
from manta.wire.events import IntentsReady

CAPS = {"harbour": 1e6, "rival": 1e6}
SEED = bytes(range(32))


class Record:
    """The lease record as PostgreSQL keeps it: fenced epochs, one answer to each intent batch."""

    def __init__(self, clock):
        self.clock = clock
        self.holds = {}
        self.asked = {}
        self.leases = []
        self.log = []
        self.away = set()
        """Governors that cannot reach it."""
        self.refuses = None
        self.breaks_after_commit = False
        self.gate = None

    def seen_by(self, holder):
        return _Connection(self, holder)

    def save(self, batch):
        self.asked[batch.id] = batch
        return IntentsReady(str(batch.id), batch.tenant, str(batch.region), batch.trace)


class _Connection:
    """One governor's way to the record."""

    def __init__(self, record, holder):
        self.record, self.holder = record, holder

    def _reach(self):
        if self.holder in self.record.away:
            raise ConnectionError("the record is away")

    async def take(self, region, holder, ttl):
        self._reach()
        now, held = self.record.clock.now(), self.record.holds.get(region)
        if held is None:
            epoch = 1
        elif held[0] == holder or held[2] <= now:
            epoch = held[1] + (held[0] != holder or held[2] <= now)
        else:
            return None
        self.record.holds[region] = (holder, epoch, now + ttl)
        return epoch

    async def intents(self, tenant, batch):
        self._reach()
        found = self.record.asked.get(batch)
        return found if found and found.tenant == tenant else None

    async def write(self, batch):
        record = self.record
        if record.gate:
            await record.gate.wait()
        self._reach()
        holder, epoch, until = record.holds[batch.region]
        if epoch != batch.epoch or until <= record.clock.now():
            raise PermissionError(f"fenced: epoch {batch.epoch} does not hold region {batch.region}")
        if record.refuses:
            raise PermissionError(record.refuses)
        record.log.append(("write", self.holder, batch.id))
        for stands in record.leases:
            if stands.intents == batch.intents:
                return replace(stands)
        keys = [(b.region, b.epoch, b.sequence) for b in record.leases]
        assert (batch.region, batch.epoch, batch.sequence) not in keys
        record.leases.append(batch)
        if record.breaks_after_commit:
            record.breaks_after_commit = False
            raise ConnectionError("the connection broke, who knows when")
        return batch

    async def live(self, at):
        self._reach()
        return [replace(b) for b in self.record.leases if b.expires_at > at]

    async def last_sequence(self, region, epoch):
        self._reach()
        return max(
            (b.sequence for b in self.record.leases if (b.region, b.epoch) == (region, epoch)), default=0
        )


class Sender:
    """Where leases leave; tells what left when, and whether it was in the record by then."""

    def __init__(self, record, holder):
        self.record, self.holder = record, holder
        self.sent = []
        self.away = False

    async def send(self, batch):
        if self.away:
            raise ConnectionError("the bus is away")
        assert any(batch.id == written.id for written in self.record.leases), "sent what was not written"
        self.record.log.append(("send", self.holder, batch.id))
        self.sent.append((self.record.clock.now(), batch))

    @property
    def devices(self):
        """How often each device was sent a lease."""
        count = defaultdict(int)
        for _, batch in self.sent:
            for device in batch.rows["device_no"].tolist():
                count[device] += 1
        return dict(count)


class House:
    """One record, any number of governors, one enrolment, homes that report when told to."""

    def __init__(self, homes=4, caps=CAPS, **enrolment):
        self.clock = VirtualClock()
        self.record = Record(self.clock)
        self.sites, self.devices = tables(homes, **enrolment)
        self.caps = caps
        self.running = {}

    async def start(self, name, limits=None):
        """Start a governor, and give it the second that a first round takes."""
        connection, sender = self.record.seen_by(name), Sender(self.record, name)
        leasing = Leasing(self.clock, connection, sender, BatchSigner(SEED), name, limits or Limits())
        await leasing.enrol(self.sites, self.devices, self.caps)
        self.running[name] = asyncio.create_task(leasing.run())
        leasing.sender = sender
        await self.clock.sleep(seconds=1)
        self.reports(leasing)
        return leasing

    async def kill(self, name):
        task = self.running.pop(name)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def close(self):
        for name in list(self.running):
            await self.kill(name)

    def reports(self, leasing, soc=0.9, load_kw=-2.0, sites=None):
        """Have every home report now."""
        rows = np.zeros(len(self.devices.ids), READING)
        now_ms = epoch_ms(self.clock.now())
        rows["device_no"] = np.arange(len(rows))
        rows["sequence"] = rows["at_ms"] = rows["heard_ms"] = now_ms
        rows["power_kw"] = np.where(self.devices.kind == 2, load_kw, 0.0)
        rows["soc"] = np.where(self.devices.kind == 0, soc, np.nan)
        leasing.view.fold(rows if sites is None else rows[np.isin(self.devices.site_no, sites)])

    def wants(self, power_kw=5.0, cycle=0, devices=None, vpp="nsw", region=Region.NSW, **about):
        """Put intents on the record and return the message that says so."""
        if devices is None:
            here = self.sites.region[self.devices.site_no] == REGIONS.index(region)
            devices = np.flatnonzero((self.devices.kind == 0) & here)
        rows = np.zeros(len(devices), INTENT)
        rows["device_no"], rows["power_kw"], rows["export_limit_kw"] = devices, power_kw, np.nan
        interval = DispatchInterval.containing(self.clock.now())
        usual = IntentBatch(
            id=uuid5(UUID(int=7), f"{vpp}/{interval.end}/{cycle}"),
            tenant="harbour",
            vpp=vpp,
            region=region,
            interval=interval,
            cycle=cycle,
            price_per_mwh=12_500.0,
            price_status="firm",
            because="selling",
            trace=f"trace-{cycle}",
            created_at=self.clock.now(),
            rows=rows,
        )
        return self.record.save(replace(usual, **about))


def acks(batch, devices):
    rows = np.zeros(len(devices), ACK)
    rows["batch"], rows["device_no"] = batch.bytes, devices
    return rows


def stopped(seconds):
    """Let time pass while nobody runs, as SIGSTOP does."""
    asyncio.get_running_loop().passed_s += timedelta(seconds=seconds).total_seconds()


__all__ = ["EVENING", "House", "acks", "stopped"]
