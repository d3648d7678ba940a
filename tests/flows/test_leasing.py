"""From intents to leases: in the record before they leave, signed by one governor at a time, never lost."""

import asyncio
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from tests.flows.governors import SEED, House, acks, stopped
from tests.worlds import virtual

from manta.bus.signing import BatchSigner, verify_batch
from manta.domain.market import Region
from manta.wire.events import IntentsReady

BATTERIES = [0, 4, 8, 12]


@virtual
async def test_leases_are_in_the_record_before_the_answer_and_before_they_leave():
    house = House()
    leasing = await house.start("a")

    written = await leasing.answer(house.wants(5.0))

    assert len(house.record.leases) == 1
    batch = house.record.leases[0]
    assert written.batch == str(batch.id)
    assert (written.leased, written.refused, written.because) == (4, {}, "")
    assert leasing.sender.sent == []
    await house.clock.sleep(seconds=1)
    assert leasing.sender.devices == dict.fromkeys(BATTERIES, 1)
    assert [what for what, _, _ in house.record.log] == ["write", "send"]
    assert verify_batch(BatchSigner(SEED).public_key, batch)
    await house.close()


@virtual
async def test_what_is_refused_is_said_by_guard():
    house = House()
    leasing = await house.start("a")
    await house.clock.sleep(seconds=15)
    house.reports(leasing, sites=[0, 1])

    written = await leasing.answer(house.wants(5.0))

    assert (written.leased, written.refused) == (2, {"freshness": 2})
    await house.close()


@virtual
async def test_asked_again_the_same_leases_are_the_answer_and_nothing_is_written_twice():
    house = House()
    leasing = await house.start("a")
    ready = house.wants(5.0)

    first = await leasing.answer(ready)
    house.reports(leasing, soc=0.3)
    await house.clock.sleep(seconds=3)
    assert await leasing.answer(ready) == first

    assert [what for what, _, _ in house.record.log].count("write") == 1
    assert leasing.sender.devices == dict.fromkeys(BATTERIES, 1)
    await house.close()


@virtual
async def test_asked_again_after_a_restart_the_same_leases_are_the_answer():
    house = House()
    leasing = await house.start("a")
    ready = house.wants(5.0)
    first = await leasing.answer(ready)
    await house.kill("a")
    successor = await house.start("b")
    await house.clock.sleep(seconds=10)

    assert await successor.answer(ready) == first
    assert len(house.record.leases) == 1
    await house.close()


@virtual
async def test_what_the_record_refuses_is_not_sent_and_the_answer_says_why():
    house = House()
    leasing = await house.start("a")
    house.record.refuses = "lease_is_short: the lease is too long"

    written = await leasing.answer(house.wants(5.0))
    await house.clock.sleep(seconds=30)

    assert written.batch is None
    assert "too long" in written.because
    assert leasing.sender.sent == []
    await house.close()


@virtual
async def test_intents_that_are_not_in_the_record_are_not_governed():
    house = House()
    leasing = await house.start("a")
    written = await leasing.answer(IntentsReady(str(UUID(int=9)), "harbour", "NSW1", "t"))
    assert (written.batch, written.because) == (None, "no such intent batch in the record")
    await house.close()


@virtual
async def test_a_crash_between_write_and_send_loses_nothing():
    house = House()
    leasing = await house.start("a")
    written = await leasing.answer(house.wants(5.0))
    await house.kill("a")
    assert leasing.sender.sent == []

    successor = await house.start("b")
    await house.clock.sleep(seconds=8)

    assert successor.sender.devices == dict.fromkeys(BATTERIES, 1)
    assert {str(batch.id) for _, batch in successor.sender.sent} == {written.batch}
    await house.close()


@virtual
async def test_who_does_not_answer_is_sent_the_lease_again_until_it_is_over():
    house = House()
    leasing = await house.start("a")
    written = await leasing.answer(house.wants(5.0))
    await house.clock.sleep(seconds=5)
    leasing.delivery.hear(acks(UUID(written.batch), [0, 4, 8]))

    await house.clock.sleep(seconds=36)
    assert leasing.sender.devices == {0: 1, 4: 1, 8: 1, 12: 5}

    await house.clock.sleep(minutes=20)
    (batch,) = house.record.leases
    assert max(at for at, _ in leasing.sender.sent) <= batch.expires_at
    assert leasing.delivery.resent == leasing.sender.devices[12] - 1
    await house.close()


@virtual
async def test_an_answer_to_a_batch_whose_id_ends_in_zeros_counts():
    house = House()
    leasing = await house.start("a")
    written = await leasing.answer(house.wants(5.0))
    batch = house.record.leases[0]
    leasing.delivery._parcels = {UUID(int=5 << 64): leasing.delivery._parcels[batch.id]}
    leasing.delivery.hear(acks(UUID(int=5 << 64), BATTERIES))
    await house.clock.sleep(seconds=15)
    assert written.leased == 4
    assert leasing.sender.sent == []
    await house.close()


@virtual
async def test_a_newer_lease_takes_the_place_of_an_older_one_that_nobody_answered():
    house = House()
    leasing = await house.start("a")
    await leasing.answer(house.wants(5.0))
    await house.clock.sleep(seconds=3)
    newer = await leasing.answer(house.wants(4.0, cycle=1))
    await house.clock.sleep(seconds=10)
    last = leasing.sender.sent[-1][1]
    assert {str(b.id) for at, b in leasing.sender.sent[1:]} == {newer.batch}
    assert last.sequence == 2
    await house.close()


@virtual
async def test_a_bus_that_is_away_is_tried_again():
    house = House()
    leasing = await house.start("a")
    leasing.sender.away = True
    await leasing.answer(house.wants(5.0))
    await house.clock.sleep(seconds=5)
    leasing.sender.away = False
    await house.clock.sleep(seconds=6)
    assert leasing.sender.devices == dict.fromkeys(BATTERIES, 1)
    await house.close()


@virtual
async def test_a_governor_that_was_overtaken_while_it_wrote_sends_nothing():
    house = House()
    first = await house.start("a")
    house.record.gate = asyncio.Event()
    asking = asyncio.create_task(first.answer(house.wants(5.0)))
    await house.clock.sleep(seconds=1)
    second = await house.start("b")
    house.record.away.add("a")
    await house.clock.sleep(seconds=10)
    assert second.epochs == {Region.NSW: 2}

    house.record.away.clear()
    house.record.gate.set()
    written = await asking
    await house.clock.sleep(seconds=30)

    assert written.batch is None
    assert "fenced" in written.because
    assert first.sender.sent == second.sender.sent == house.record.leases == []
    await house.close()


@virtual
async def test_a_governor_that_was_stopped_between_write_and_send_sends_nothing_when_it_wakes():
    house = House()
    first = await house.start("a")
    await first.answer(house.wants(5.0))
    stopped(seconds=30)
    house.record.away.add("a")

    second = await house.start("b")
    await house.clock.sleep(seconds=8)

    assert first.sender.sent == []
    assert second.sender.devices == dict.fromkeys(BATTERIES, 1)
    assert second.epochs == {Region.NSW: 2}
    await house.close()


@virtual
async def test_a_governor_in_waiting_gives_no_answer_and_takes_over_within_ten_seconds():
    house = House()
    first, second = await house.start("a"), await house.start("b")
    ready = house.wants(5.0)
    assert (first.epochs, second.epochs) == ({Region.NSW: 1}, {Region.NSW: None})
    assert await second.answer(ready) is None

    await house.kill("a")
    await house.clock.sleep(seconds=8)
    house.reports(second)

    assert second.epochs == {Region.NSW: 2}
    assert (await second.answer(ready)).leased == 4
    await house.close()


@virtual
async def test_without_the_record_a_region_is_given_up_in_time():
    house = House()
    leasing = await house.start("a")
    ready = house.wants(5.0)
    house.record.away.add("a")
    with pytest.raises(ConnectionError):
        await leasing.answer(ready)

    await house.clock.sleep(seconds=7)
    assert leasing.epochs == {Region.NSW: None}

    house.record.away.clear()
    await house.clock.sleep(seconds=3)
    house.reports(leasing)
    assert leasing.epochs == {Region.NSW: 2}
    assert (await leasing.answer(ready)).leased == 4
    await house.close()


@virtual
async def test_a_commit_that_nobody_confirmed_is_found_and_sent():
    house = House()
    leasing = await house.start("a")
    ready = house.wants(5.0)
    house.record.breaks_after_commit = True
    with pytest.raises(ConnectionError):
        await leasing.answer(ready)

    house.reports(leasing, soc=0.21)
    written = await leasing.answer(ready)
    await house.clock.sleep(seconds=1)

    (batch,) = house.record.leases
    assert (written.batch, written.leased) == (str(batch.id), 4)
    assert leasing.sender.devices == dict.fromkeys(BATTERIES, 1)
    await house.close()


@virtual
async def test_a_commit_that_nobody_confirmed_is_sent_even_if_nobody_asks_again():
    house = House()
    leasing = await house.start("a")
    house.record.breaks_after_commit = True
    with pytest.raises(ConnectionError):
        await leasing.answer(house.wants(5.0))

    await house.clock.sleep(seconds=3)

    assert leasing.sender.devices == dict.fromkeys(BATTERIES, 1)
    await house.close()


@virtual
async def test_leases_of_a_region_that_another_governor_holds_count_under_the_tenants_cap():
    regions = [Region.NSW] * 2 + [Region.SA] * 2
    house = House(4, caps={"harbour": 12.0}, vpp=["nsw", "nsw", "sa", "sa"], region=regions)
    house.record.holds[Region.SA] = ("b", 1, house.clock.now() + timedelta(days=1))
    nsw = await house.start("a")
    del house.record.holds[Region.SA]
    house.record.holds[Region.NSW] = ("a", 1, house.clock.now() + timedelta(days=1))
    sa = await house.start("b")
    house.reports(nsw)

    await nsw.answer(house.wants(5.0))
    await sa.answer(house.wants(5.0, vpp="sa", region=Region.SA))

    total_kw = sum(np.abs(batch.rows["power_kw"]).sum() for batch in house.record.leases)
    assert len(house.record.leases) == 2
    assert abs(total_kw - 12.0) < 1e-9
    await house.close()


@virtual
async def test_reversals_are_remembered_across_a_restart():
    house = House()
    leasing = await house.start("a")
    await leasing.answer(house.wants(5.0))
    await house.kill("a")
    successor = await house.start("b")
    await house.clock.sleep(seconds=8)
    house.reports(successor)

    written = await successor.answer(house.wants(-5.0, cycle=1, price_per_mwh=-100.0))

    assert written.leased == 4
    assert np.isnan(house.record.leases[-1].rows["power_kw"]).all()
    await house.close()


@virtual
async def test_homes_that_join_are_leased_once_they_are_enrolled():
    house = House(2)
    leasing = await house.start("a")
    grown = House(3)
    house.sites, house.devices = grown.sites, grown.devices
    assert (await leasing.answer(house.wants(5.0))).refused == {"known_device": 1}

    await leasing.enrol(house.sites, house.devices, house.caps)
    await house.clock.sleep(minutes=20)
    house.reports(leasing)
    assert (await leasing.answer(house.wants(5.0, cycle=1))).leased == 3
    await house.close()
