"""The release that is promised: kept after a death in the middle, through failures, and within the budget."""

import asyncio
import random
from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.unit.drivers.test_tesla import SITE, account

from manta.app.virtual import VirtualClock, play
from manta.domain.lease import Outcome
from manta.drivers.port import Order
from manta.drivers.undo import Promise, UndoFile, Watchdog
from manta.simulators.tesla_cloud import TeslaCloud
from manta.simulators.vendor_clouds import Trouble

NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def test_a_promise_outlives_its_process_and_keeps_what_was_set_before_it(tmp_path):
    undo = UndoFile(tmp_path / "undo.json")
    await undo.prepare(Promise("7", NOW, "theirs"))
    assert (await undo.prepare(Promise("7", NOW + HOUR, "ours"))).before == "theirs"
    await undo.prepare(Promise("8", NOW))
    await undo.done("8")
    await undo.done("9")
    assert await UndoFile(tmp_path / "undo.json").open() == {"7": Promise("7", NOW + HOUR, "theirs")}


async def test_a_record_that_cannot_be_read_is_an_error_and_not_an_empty_one(tmp_path):
    (tmp_path / "undo.json").write_text("{half")
    with pytest.raises(msgspec.DecodeError):
        await UndoFile(tmp_path / "undo.json").open()


async def test_many_promises_at_once_are_all_written(tmp_path):
    undo = UndoFile(tmp_path / "undo.json")
    await asyncio.gather(*(undo.prepare(Promise(str(n), NOW)) for n in range(20)))
    assert len(await undo.open()) == 20


async def stopped(task):
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until_asked(tesla, calls, command):
    """Let a command run until it has asked so often, or is done."""
    for _ in range(10_000):
        if len(tesla.api.asked) >= calls or command.done():
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"only {len(tesla.api.asked)} calls came")


def guarded(tesla, path, clock, state=b"{}"):
    """A process that has the account: its driver, and its watchdog running beside."""
    tesla.api.latency_s = 0.05
    home = account(tesla, path, clock, state=state, expires_at=NOW + 99 * HOUR)
    watchdog = asyncio.create_task(Watchdog(clock, home.undo, home.release).run())
    return home, watchdog


def test_a_time_that_is_over_is_released_without_anybody_asking(tmp_path):
    tesla = TeslaCloud(SITE)
    before = deepcopy(tesla.sites[SITE]["info"])

    async def world():
        clock = VirtualClock(NOW)
        home, watchdog = guarded(tesla, tmp_path, clock)
        await home.site(SITE).apply(Order(5.0, NOW + HOUR), NOW)
        await clock.sleep_until(NOW + HOUR - timedelta(seconds=1))
        assert tesla.sites[SITE]["info"] != before
        await clock.sleep_until(NOW + HOUR + timedelta(seconds=31))
        assert tesla.sites[SITE]["info"] == before
        assert await home.undo.open() == {}
        await stopped(watchdog)

    play(world())


def test_a_record_that_cannot_be_read_for_a_while_does_not_end_the_watchdog(tmp_path):
    tesla = TeslaCloud(SITE)
    before = deepcopy(tesla.sites[SITE]["info"])
    record = tmp_path / "undo.json"

    async def world():
        clock = VirtualClock(NOW)
        home, watchdog = guarded(tesla, tmp_path, clock)
        await home.site(SITE).apply(Order(5.0, NOW + HOUR), NOW)
        good = record.read_bytes()
        record.write_bytes(good[:20])
        await clock.sleep_until(NOW + 2 * HOUR)
        assert tesla.sites[SITE]["info"] != before
        record.write_bytes(good)
        await clock.sleep_until(NOW + 2.1 * HOUR)
        assert tesla.sites[SITE]["info"] == before
        await stopped(watchdog)

    play(world())


def test_a_refreshed_order_is_not_cut_short(tmp_path):
    tesla = TeslaCloud(SITE)

    async def world():
        clock = VirtualClock(NOW)
        home, watchdog = guarded(tesla, tmp_path, clock)
        await home.site(SITE).apply(Order(5.0, NOW + HOUR), NOW)
        await home.site(SITE).apply(Order(5.0, NOW + 2 * HOUR), NOW)
        await clock.sleep_until(NOW + 1.9 * HOUR)
        mode = tesla.sites[SITE]["info"]["default_real_mode"]
        await stopped(watchdog)
        return mode

    assert play(world()) == "autonomous"


@pytest.mark.parametrize("calls", range(7))
def test_a_process_that_dies_at_any_call_of_a_command_is_undone_by_the_next(tmp_path, calls):
    """It is killed as its nth call of the command arrives; the vendor is then dead for hours."""
    tesla = TeslaCloud(SITE)
    before = deepcopy(tesla.sites[SITE]["info"])

    async def world():
        clock = VirtualClock(NOW)
        home, watchdog = guarded(tesla, tmp_path, clock)
        command = asyncio.create_task(home.site(SITE).apply(Order(5.0, NOW + HOUR), NOW))
        await until_asked(tesla, calls, command)
        await stopped(command)
        await stopped(watchdog)
        tesla.api.trouble = Trouble.DEAD
        await clock.sleep_until(NOW + 10 * timedelta(minutes=1))
        home, watchdog = guarded(tesla, tmp_path, clock, home.cloud.purses.state())
        await clock.sleep_until(NOW + 4 * HOUR)
        tesla.api.trouble = Trouble.NONE
        asked = len(tesla.api.asked)
        await clock.sleep_until(NOW + 4 * HOUR + timedelta(minutes=6))
        assert tesla.sites[SITE]["info"] == before
        assert await home.undo.open() == {}
        await stopped(watchdog)
        return asked

    assert play(world()) < 60


def test_half_a_command_is_released_at_once_and_not_at_its_end(tmp_path):
    tesla = TeslaCloud(SITE)
    before = deepcopy(tesla.sites[SITE]["info"])

    async def world():
        clock = VirtualClock(NOW)
        home, watchdog = guarded(tesla, tmp_path, clock)
        command = asyncio.create_task(home.site(SITE).apply(Order(5.0, NOW + 6 * HOUR), NOW))
        await until_asked(tesla, 2, command)
        tesla.api.trouble = Trouble.BROKEN
        assert (await command).outcome is Outcome.SILENT
        tesla.api.trouble = Trouble.NONE
        await clock.sleep_until(NOW + timedelta(minutes=2))
        assert tesla.sites[SITE]["info"] == before
        await stopped(watchdog)

    play(world())


def test_through_a_day_of_every_trouble_the_release_comes_and_the_budget_is_kept(tmp_path):
    tesla = TeslaCloud(SITE)
    before = deepcopy(tesla.sites[SITE]["info"])
    chance = random.Random(11)

    async def world():
        clock = VirtualClock(NOW)
        home, watchdog = guarded(tesla, tmp_path, clock)
        site = home.site(SITE)
        while clock.now() < NOW + 23 * HOUR:
            now = clock.now()
            tesla.api.trouble = chance.choice(list(Trouble))
            if chance.random() < 0.3:
                await site.apply(Order(chance.choice((5.0, -5.0)), now + HOUR / 2), now)
            await clock.sleep_until(now + timedelta(minutes=10))
        tesla.api.trouble = Trouble.NONE
        await clock.sleep_until(NOW + 24 * HOUR)
        assert await home.undo.open() == {}
        await stopped(watchdog)

    play(world())
    assert tesla.sites[SITE]["info"] == before
    writes = sum(asked.method == "POST" for asked in tesla.api.asked)
    assert 5 < writes <= 48
    assert len(tesla.api.asked) <= 448
