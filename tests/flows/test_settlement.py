"""Meter to ledger: what each home earned, again when more is known, and never twice."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.houses import Home, price, readings, tables
from tests.worlds import EVENING, VirtualClock, virtual

from manta.domain.identity import TenantId
from manta.domain.market import PriceStatus, Region
from manta.domain.time import FIVE_MINUTES, DispatchInterval
from manta.flows.settlement import Settlement
from manta.settlement.energy import Finding
from manta.store import memory

SPIKE = 12_500.0
FIRST = DispatchInterval.containing(EVENING)
METER = 3


def after(intervals):
    return DispatchInterval(FIRST.end + intervals * FIVE_MINUTES)


class Metered:
    """Some homes' meters, a market and the books."""

    def __init__(self, *homes):
        self.sites, self.devices = tables(*(homes or (Home(),)))
        self.meters = np.array([n for n, id_ in enumerate(self.devices.ids) if "meter" in id_])
        self.record = memory.Decisions()
        self.books = memory.Books(self.record)
        self.history = memory.History(self.meters)
        self.clock = VirtualClock()
        self.enrolment = memory.Enrolment(self.sites, self.devices)
        self.restart()

    def restart(self):
        self.settlement = Settlement(self.clock, self.enrolment, self.history, self.books)

    async def prices(self, per_mwh, *intervals, **more):
        for interval in intervals or (FIRST,):
            await self.record.save_prices([price(per_mwh, interval.start, **more)])

    async def counts(self, at, export_kwh, import_kwh=0.0, home=0):
        row = {"device_no": self.meters[home], "import_kwh": import_kwh, "export_kwh": export_kwh, "at": at}
        await self.history.append(readings(row))

    async def exports(self, kwh, interval=FIRST, home=0):
        """Let a home's counter move from 100 kWh within one interval."""
        await self.counts(interval.start - timedelta(seconds=5), 100.0, home=home)
        await self.counts(interval.end - timedelta(seconds=5), 100.0 + kwh, home=home)

    async def settles(self, interval=FIRST):
        return await self.settlement.settle_until(interval)

    def earned(self, home=0):
        """Return a home's (micro_aud, watt_hours)."""
        return self.books.balance(f"home/h-{home}")


@virtual
async def test_a_home_earns_its_export_at_the_price_of_the_interval():
    world = Metered()
    await world.prices(SPIKE)
    await world.exports(0.725)

    done = await world.settles()

    assert world.earned() == (9_062_500, 725)
    assert (done.posted, done.homes) == (1, 1)


@virtual
async def test_six_dear_intervals_pay_a_home_about_fifty_dollars():
    world = Metered()
    for n in range(6):
        await world.prices(SPIKE, after(n))
    await world.counts(FIRST.start - timedelta(seconds=5), 100.0)
    for n in range(6):
        await world.counts(after(n).end - timedelta(seconds=5), 100.0 + 4.0 * (n + 1) / 6)

    await world.settles(after(5))

    assert world.earned() == (50_000_000, 4_000)


@virtual
async def test_an_import_costs_and_a_negative_price_turns_it_around():
    world = Metered(Home(), Home())
    await world.prices(-50.0)
    for home in (0, 1):
        await world.counts(FIRST.start - timedelta(seconds=5), 0.0, home=home)
    await world.counts(FIRST.end - timedelta(seconds=5), 0.0, import_kwh=1.0, home=0)
    await world.counts(FIRST.end - timedelta(seconds=5), 1.0, import_kwh=0.0, home=1)

    await world.settles()

    assert world.earned(0) == (50_000, -1_000)  # paid to take a kilowatt-hour at -$50
    assert world.earned(1) == (-50_000, 1_000)


@virtual
async def test_what_is_not_known_is_not_posted_and_is_counted_by_reason():
    world = Metered(Home(), Home(), Home())
    await world.prices(SPIKE)
    await world.exports(0.5, home=0)
    await world.exports(-1.0, home=1)  # runs backwards: a swapped meter
    await world.counts(FIRST.start - timedelta(seconds=5), 1.0, home=2)  # and then silence

    done = await world.settles()

    assert [world.earned(home)[1] for home in (0, 1, 2)] == [500, 0, 0]
    assert done.unknown[Finding.BACKWARDS] == 1
    assert done.unknown[Finding.MISSING] >= 1


@virtual
async def test_settling_twice_is_settling_once_also_after_a_restart():
    world = Metered()
    await world.prices(SPIKE)
    await world.exports(0.725)
    await world.settles()

    again = await world.settles()
    world.restart()
    anew = await world.settles()

    assert (again.posted, again.standing) == (anew.posted, anew.standing) == (0, 1)
    assert len(world.books.txns) == 1


@virtual
async def test_a_revised_price_reverses_the_posting_and_makes_a_new_one():
    world = Metered()
    await world.prices(SPIKE, changed_at=EVENING)
    await world.exports(0.725)
    await world.settles()
    await world.prices(300.0, changed_at=EVENING + timedelta(hours=1))

    await world.settles(after(10))

    assert world.earned() == (217_500, 725)
    first, reversal, second = world.books.txns
    assert reversal.reverses == first.id
    assert (second.revision, second.price) == (1, Decimal("300.00"))


@virtual
async def test_a_late_reading_changes_the_posting_of_its_interval():
    world = Metered()
    await world.prices(SPIKE)
    await world.exports(0.5)
    await world.settles()
    await world.counts(FIRST.end - timedelta(seconds=1), 100.7)

    await world.settles(after(2))

    assert world.earned() == (8_750_000, 700)


@virtual
async def test_after_two_hours_an_interval_is_left_as_it_stands():
    world = Metered()
    await world.prices(SPIKE, changed_at=EVENING)
    await world.exports(0.5)
    await world.settles()
    await world.prices(300.0, changed_at=EVENING + timedelta(hours=3))

    await world.settles(after(24))

    assert len(world.books.txns) == 1


@pytest.mark.parametrize("status", [None, PriceStatus.SUSPECT])
def test_an_interval_waits_for_a_price_that_can_be_believed(status):
    @virtual
    async def scenario():
        world = Metered()
        if status:
            await world.prices(SPIKE, status=status, changed_at=EVENING)
        await world.exports(0.5)
        assert (await world.settles()).unpriced == 1
        assert world.books.txns == []

        await world.prices(SPIKE, changed_at=EVENING + timedelta(minutes=1))
        assert (await world.settles()).posted == 1

    scenario()


@virtual
async def test_each_tenant_and_region_has_a_posting_of_its_own():
    homes = [Home(), Home(tenant="zephyr", vpp="z"), Home(region=Region.VIC, vpp="v"), Home(vpp=None)]
    world = Metered(*homes)
    await world.prices(100.0)
    await world.prices(200.0, region=Region.VIC)
    for home in range(4):
        await world.exports(1.0, home=home)

    await world.settles()

    postings = {(txn.tenant, txn.region): set(txn.lines) for txn in world.books.txns}
    assert postings == {
        (TenantId("harbour"), Region.NSW): {"home/h-0", "home/h-3", "market/NSW1"},
        (TenantId("zephyr"), Region.NSW): {"home/h-1", "market/NSW1"},
        (TenantId("harbour"), Region.VIC): {"home/h-2", "market/VIC1"},
    }


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.floats(-0.5, 0.9).map(lambda x: round(x, 3)), min_size=1, max_size=8))
def test_the_books_always_add_up_to_nothing_and_to_what_the_meter_moved(steps):
    @virtual
    async def scenario():
        world = Metered()
        taken, given_ = 500.0, 900.0
        await world.counts(FIRST.start - timedelta(seconds=5), given_, taken)
        for n, step in enumerate(steps):
            await world.prices(100.0 * n - 250.0, after(n))
            given_, taken = given_ + max(step, 0), taken + max(-step, 0)
            await world.counts(after(n).end - timedelta(seconds=5), given_, taken)
            await world.settles(after(n))
        await world.prices(77.77, FIRST, changed_at=EVENING)
        await world.settles(after(len(steps)))

        accounts = {account for txn in world.books.txns for account in txn.lines}
        balances = [world.books.balance(account) for account in accounts]
        assert [sum(side) for side in zip(*balances, strict=True)] == [0, 0]
        assert world.earned()[1] == round(given_ * 1_000) - 900_000 - (round(taken * 1_000) - 500_000)

    scenario()


@virtual
async def test_the_settler_works_forty_seconds_after_each_interval_and_catches_up_by_itself():
    world = Metered()
    posted_at = []
    post, away = world.books.post, [False]

    async def noted(*posting):
        if away[0]:
            raise ConnectionError("the books are away")
        posted_at.append((world.clock.now() - EVENING).total_seconds())
        return await post(*posting)

    world.books.post = noted
    await world.counts(FIRST.start - timedelta(seconds=5), 0.0)
    for n in range(40):
        await world.prices(100.0, after(n))
        await world.counts(after(n).end - timedelta(seconds=5), 0.5 * (n + 1))
    running = asyncio.create_task(world.settlement.run())
    await world.clock.sleep(minutes=11)
    away[0] = True
    await world.clock.sleep(hours=2, minutes=30)
    away[0] = False
    await world.clock.sleep(minutes=10)
    running.cancel()

    assert posted_at[0] % 300 == 40
    settled = {txn.interval for txn in world.books.txns}
    assert {after(n) for n in range(33)} <= settled
