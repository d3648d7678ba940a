"""Intents and leases: written once, read back whole, under the epoch that holds the region."""

import asyncio
from datetime import timedelta

import numpy as np
import pytest
from tests.contract.store.houses import HARBOUR, MALLEE, NOW, intents, leases

from manta.domain.market import Region
from manta.store.decisions import Decisions
from manta.store.leases import Leases

pytestmark = pytest.mark.engines

LONG = timedelta(minutes=1)


@pytest.fixture
def engine(record):
    return Decisions(record.engine)


@pytest.fixture
def governor(record):
    return Leases(record.governor)


async def expire(record, region=Region.NSW):
    async with record.superuser.acquire() as conn:
        await conn.execute(
            "update record.writer_lease set until = clock_timestamp() where name = $1", f"region/{region}"
        )


async def test_intents_come_back_as_they_were_written(engine, governor):
    batch = intents()
    batch.rows["power_kw"][1] = np.nan
    await engine.save_intents(batch)
    await engine.save_intents(batch)

    read = await governor.intents(HARBOUR, batch.id)

    assert read.rows.tobytes() == batch.rows.tobytes()
    assert (read.id, read.vpp, read.interval, read.price_per_mwh) == (
        batch.id,
        batch.vpp,
        batch.interval,
        12_500.0,
    )
    assert await governor.intents(MALLEE, batch.id) is None


async def test_leases_come_back_as_they_were_written_while_they_run(engine, governor):
    await engine.save_intents(intents())
    epoch = await governor.take(Region.NSW, "a", LONG)
    batch = leases(intents(), epoch)
    assert await governor.write(batch) is batch

    (live,) = await governor.live(NOW)

    assert live.rows.tobytes() == batch.rows.tobytes()
    assert live.refusals.tobytes() == batch.refusals.tobytes()
    assert (live.id, live.epoch, live.sequence, live.signature) == (batch.id, epoch, 1, b"s" * 64)
    assert await governor.live(batch.expires_at) == []


async def test_the_same_intents_are_answered_once(engine, governor, record):
    await engine.save_intents(intents())
    first = await governor.take(Region.NSW, "a", LONG)
    batch = leases(intents(), first)
    await governor.write(batch)
    await expire(record)
    second = await governor.take(Region.NSW, "b", LONG)

    again = await governor.write(leases(intents(), second, sequence=9))

    assert (again.id, again.epoch, again.sequence) == (batch.id, first, 1)


async def test_a_second_writer_gets_nothing_until_the_first_has_run_out(governor, record):
    assert await governor.take(Region.NSW, "a", LONG) == 1
    assert await governor.take(Region.NSW, "a", LONG) == 1
    assert await governor.take(Region.NSW, "b", LONG) is None
    assert await governor.take(Region.VIC, "b", LONG) == 1

    await expire(record)

    assert await governor.take(Region.NSW, "b", LONG) == 2
    assert await governor.take(Region.NSW, "a", LONG) is None


async def test_a_writer_that_comes_back_too_late_begins_a_new_epoch(governor, record):
    assert await governor.take(Region.NSW, "a", LONG) == 1
    await expire(record)
    assert await governor.take(Region.NSW, "a", LONG) == 2


async def test_of_many_writers_at_once_one_wins(governor):
    taken = await asyncio.gather(*(governor.take(Region.NSW, f"writer {n}", LONG) for n in range(8)))
    assert sorted(taken, key=str) == [1] + [None] * 7


async def test_a_stale_epoch_is_refused(engine, governor, record):
    await engine.save_intents(intents())
    stale = await governor.take(Region.NSW, "a", LONG)
    await expire(record)
    with pytest.raises(PermissionError, match="fenced"):
        await governor.write(leases(intents(), stale))
    await governor.take(Region.NSW, "b", LONG)
    with pytest.raises(PermissionError, match="fenced"):
        await governor.write(leases(intents(), stale))
    with pytest.raises(PermissionError, match="fenced"):
        await governor.write(leases(intents(), epoch=3))


async def test_an_epoch_of_another_region_is_no_epoch(engine, governor):
    await engine.save_intents(intents())
    epoch = await governor.take(Region.VIC, "a", LONG)
    with pytest.raises(PermissionError, match="fenced"):
        await governor.write(leases(intents(), epoch))


async def test_nobody_takes_a_region_between_a_check_and_its_commit(engine, governor, record):
    await engine.save_intents(intents())
    epoch = await governor.take(Region.NSW, "a", timedelta(milliseconds=300))
    async with record.superuser.acquire() as conn:
        writing = conn.transaction()
        await writing.start()
        await conn.execute("select set_config('manta.tenant', 'harbour', true)")
        await conn.execute(
            "insert into record.lease_batch "
            "select gen_random_uuid(), id, tenant_id, vpp_id, region, interval_end, $1, 1, '', "
            "created_at, '', '', sha256(''), '', created_at from record.intent_batch",
            epoch,
        )
        await asyncio.sleep(0.35)  # the lease has run out, the transaction has not
        successor = asyncio.create_task(governor.take(Region.NSW, "b", LONG))
        await asyncio.sleep(0.05)
        assert not successor.done()
        await writing.commit()
    assert await successor == 2


async def test_a_lease_is_fifteen_minutes_at_the_most(engine, governor):
    await engine.save_intents(intents())
    epoch = await governor.take(Region.NSW, "a", LONG)
    with pytest.raises(PermissionError, match="lease_is_short"):
        await governor.write(leases(intents(), epoch, lasting=timedelta(minutes=15, microseconds=1)))
    await governor.write(leases(intents(), epoch, lasting=timedelta(minutes=15)))


async def test_the_last_sequence_is_that_of_all_tenants(engine, governor):
    assert await governor.last_sequence(Region.NSW, 1) == 0
    epoch = await governor.take(Region.NSW, "a", LONG)
    for no, sequence in ((1, 4), (2, 7)):
        await engine.save_intents(intents(no))
        await governor.write(leases(intents(no), epoch, sequence))
    assert await governor.last_sequence(Region.NSW, epoch) == 7
    assert await governor.last_sequence(Region.NSW, epoch + 1) == 0


async def test_a_batch_that_was_tampered_with_is_not_acted_upon(engine, governor, record):
    await engine.save_intents(intents())
    async with record.superuser.acquire() as conn:
        await conn.execute("set session_replication_role = replica")
        with pytest.raises(Exception, match="body_is_whole"):
            await conn.execute("update record.intent_batch set body = set_byte(body, 9, 1)")
        await conn.execute("alter table record.intent_batch drop constraint body_is_whole")
        await conn.execute("update record.intent_batch set body = set_byte(body, 9, 1)")
    with pytest.raises(ValueError, match="does not match its digest"):
        await governor.intents(HARBOUR, intents().id)
