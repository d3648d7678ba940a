"""The governor's role between a real record and a real bus: asked by the engine, heard by the gateway."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from uuid import UUID

import msgspec
import numpy as np
import pytest
from tests.contract.store.houses import NOW, intents

from manta.bus.governor import RemoteGovernor
from manta.bus.leases import LeaseSender
from manta.bus.nats import Bus
from manta.bus.signing import BatchSigner, verify_batch
from manta.domain.market import Region
from manta.domain.time import epoch_ms
from manta.flows.leasing import Leasing
from manta.governor.limits import Limits
from manta.roles.governor import run
from manta.settings.observe import Health
from manta.store.decisions import Decisions
from manta.store.leases import Leases
from manta.wire import subjects
from manta.wire.columns import READING, pack
from manta.wire.device import Lease, SealedLease
from manta.wire.events import IntentsReady, SealedLeases
from manta.wire.seal import device_key, is_sealed

pytestmark = pytest.mark.engines

MASTER, SIGNER = bytes(range(32)), BatchSigner(bytes(range(32, 64)))


class Running:
    """A clock that begins on a summer evening and runs as ours do."""

    def __init__(self):
        self.began_s = asyncio.get_running_loop().time()

    def now(self):
        return NOW + timedelta(seconds=asyncio.get_running_loop().time() - self.began_s)

    async def sleep_until(self, at):
        await asyncio.sleep(max(0.0, (at - self.now()).total_seconds()))


class House:
    def __init__(self, server, record):
        self.server, self.record, self.clock = server, record, Running()
        self.leases = asyncio.Queue()

    async def connect(self, role):
        return await Bus.connect(self.server.url, name=role, credentials=self.server.credentials(role))

    async def hear_leases(self, _, body):
        self.leases.put_nowait(msgspec.msgpack.decode(body, type=SealedLeases))

    @asynccontextmanager
    async def governor(self, name):
        bus = await self.connect("governor")
        sender = LeaseSender(bus, MASTER)
        leasing = Leasing(self.clock, Leases(self.record.governor), sender, SIGNER, name, Limits())
        task = asyncio.create_task(run(leasing, sender, self.record.governor, bus, Health("governor")))
        try:
            await until(lambda: leasing.epochs)
            yield leasing
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await bus.close()

    async def report(self):
        """Have both homes say that they are half full and cover no load."""
        rows = np.zeros(4, READING)
        rows["device_no"] = np.arange(4)
        rows["sequence"] = rows["at_ms"] = rows["heard_ms"] = epoch_ms(self.clock.now())
        rows["soc"] = [0.5, np.nan, 0.5, np.nan]
        await self.gateway.publish(subjects.READINGS, pack(rows))

    async def ask(self, power_kw, no=1):
        batch = intents(no)
        batch.rows["device_no"], batch.rows["power_kw"] = [0, 2], power_kw
        batch.rows["export_limit_kw"] = np.nan
        await Decisions(self.record.engine).save_intents(batch)
        ready = IntentsReady(str(batch.id), batch.tenant, batch.region, batch.trace)
        return await RemoteGovernor(self.engine).ask(ready)

    async def expire(self):
        async with self.record.superuser.acquire() as conn:
            await conn.execute("update record.writer_lease set until = clock_timestamp()")


async def until(condition, within_s=5.0):
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what we wait for is across a wire
            await asyncio.sleep(0.005)


@pytest.fixture
async def house(nats_server, record):
    house = House(nats_server, record)
    house.gateway, house.engine = await house.connect("gateway"), await house.connect("engine")
    await house.gateway.subscribe(subjects.LEASES, house.hear_leases)
    yield house
    await house.gateway.close()
    await house.engine.close()


def holds(leasing, region=Region.NSW):
    return leasing.epochs.get(region) is not None


async def heard(house, leasing):
    await house.report()
    await until(lambda: leasing.view.heard_ms[0] > 0)


async def test_intents_become_sealed_leases_that_stand_in_the_record(house):
    async with house.governor("a") as leasing:
        await until(lambda: holds(leasing))
        await heard(house, leasing)

        written = await house.ask(8.7)
        message = await asyncio.wait_for(house.leases.get(), 5)

        (batch,) = await Leases(house.record.governor).live(house.clock.now())
        assert (written.leased, written.refused, written.batch) == (2, {}, str(batch.id))
        assert verify_batch(SIGNER.public_key, batch)
        assert [site for site, _ in message.leases] == ["h-1", "h-2"]
        sealed = msgspec.msgpack.decode(message.leases[0][1], type=SealedLease)
        assert is_sealed(device_key(MASTER, "h-1-battery1"), sealed.lease, sealed.seal)
        lease = msgspec.msgpack.decode(sealed.lease, type=Lease)
        assert (lease.lease, lease.power_kw, lease.trace) == (written.batch, 8.7, "trace-1")

        assert await house.ask(8.7) == written


async def test_a_governor_in_waiting_takes_over_and_sends_what_nobody_answered(house):
    async with AsyncExitStack() as lives:
        first = await lives.enter_async_context(house.governor("a"))
        await until(lambda: holds(first))
        async with house.governor("b") as second:
            await heard(house, first)
            written = await house.ask(5.0)
            assert UUID(written.batch)
            await asyncio.wait_for(house.leases.get(), 5)
            assert not holds(second)

            await lives.aclose()
            await house.expire()
            await until(lambda: holds(second))

            message = await asyncio.wait_for(house.leases.get(), 5)
            assert message.batch == written.batch
            assert second.epochs[Region.NSW] == 2


async def test_a_stale_epoch_is_refused_by_the_record_and_nothing_is_sent(house):
    async with house.governor("a") as leasing:
        await until(lambda: holds(leasing))
        await heard(house, leasing)
        async with house.record.superuser.acquire() as conn:
            await conn.execute("update record.writer_lease set epoch = 9, holder = 'another'")

        written = await house.ask(5.0)

        assert written.batch is None
        assert "fenced" in written.because
        assert house.leases.empty()
