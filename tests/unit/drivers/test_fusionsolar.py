"""FusionSolar, in virtual time against a simulated northbound interface."""

import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from manta.app.virtual import VirtualClock, play
from manta.domain.der import ComponentKind
from manta.domain.lease import Outcome
from manta.drivers.cloud import Cloud
from manta.drivers.cloud_budget import Purses
from manta.drivers.fusionsolar import (
    BATTERY,
    ENDPOINTS,
    INVERTER,
    LIMITS,
    METER,
    FusionSolarAccount,
    FusionSolarPlant,
    Plant,
)
from manta.drivers.port import DeviceError, Order
from manta.simulators.fusionsolar_cloud import FusionSolarCloud
from manta.simulators.vendor_clouds import Trouble

NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PLANT = "NE-1"


def plant_of(code, n=1):
    return Plant(code, {BATTERY: f"{n}1", METER: f"{n}2", INVERTER: f"{n}3"}, 5.0, 10.0)


def opened(huawei, clock, plants=None):
    plants = plants or [plant_of(PLANT)]
    client = httpx.AsyncClient(transport=httpx.ASGITransport(huawei.api), base_url="https://vendor")
    cloud = Cloud(client, clock, ENDPOINTS, Purses(LIMITS), random.Random(5).random)
    account = FusionSolarAccount(cloud, "manta", "secret", tuple(plants))
    return [FusionSolarPlant(account, plant) for plant in plants]


def paths(huawei):
    return [asked.path.rpartition("/")[2] for asked in huawei.api.asked]


@pytest.fixture
def huawei():
    return FusionSolarCloud(PLANT)


def test_each_kind_is_heard_in_its_turn_in_our_units_and_our_sign(huawei):
    async def world():
        clock = VirtualClock(NOW)
        (plant,) = opened(huawei, clock)
        for _ in range(3):
            sample = await plant.read(clock.now())
            await clock.sleep_until(clock.now() + 6 * MINUTE)
        return sample

    sample = play(world())
    assert {kind: seen.power_kw for kind, seen in sample.measurements.items()} == {
        ComponentKind.GRID_METER: 1.8,
        ComponentKind.INVERTER: 2.7,
        ComponentKind.BATTERY: -1.5,
    }
    assert sample.measurements[ComponentKind.BATTERY].soc == 0.625
    assert sample.at == NOW, "a sample is as old as the oldest of its parts"


def test_a_day_of_eager_reading_of_150_plants_is_one_call_in_five_minutes_and_a_hundred_at_a_time(huawei):
    async def world():
        clock = VirtualClock(NOW)
        plants = opened(huawei, clock, [plant_of(f"NE-{n}", n) for n in range(150)])
        while clock.now() < NOW + timedelta(hours=24):
            for plant in plants[::50]:
                with suppress(DeviceError):
                    await plant.read(clock.now())
            await clock.sleep_until(clock.now() + MINUTE)

    play(world())
    asked_s = [asked.passed_s for asked in huawei.api.asked if asked.path.endswith("getDevRealKpi")]
    assert 200 < len(asked_s) <= 24 * 12
    assert all(later - earlier >= 300 for earlier, later in zip(asked_s, asked_s[1:], strict=False))
    assert max(asked.body.count(b",") for asked in huawei.api.asked) <= 101
    assert huawei.sessions == 1


@pytest.mark.parametrize(
    ("power_kw", "switch", "watts"), [(3.0, 2, -3_000), (-3.0, 1, 3_000), (9.0, 2, -5_000)]
)
def test_an_order_ends_by_itself_and_charging_is_positive_to_them(huawei, power_kw, switch, watts):
    async def world():
        (plant,) = opened(huawei, VirtualClock(NOW))
        return await plant.apply(Order(power_kw, NOW + 7.2 * MINUTE), NOW)

    applied = play(world())
    assert (applied.outcome, applied.power_kw) == (Outcome.ACCEPTED, watts / -1_000)
    told = huawei.forced[PLANT]
    assert (told["dispatchSwitch"], told["powerDispatch"], told["dispatchTime"]) == (switch, watts, 8)


@pytest.mark.parametrize("order", [None, Order(3.0, NOW)])
def test_a_release_stops_what_is_forced(huawei, order):
    async def world():
        (plant,) = opened(huawei, VirtualClock(NOW))
        return await plant.apply(order, NOW)

    assert play(world()).outcome is Outcome.ACCEPTED
    assert huawei.forced[PLANT]["dispatchSwitch"] == 0


def test_longer_than_an_hour_or_with_an_export_limit_is_refused_unasked(huawei):
    async def world():
        (plant,) = opened(huawei, VirtualClock(NOW))
        for order in (Order(3.0, NOW + 61 * MINUTE), Order(3.0, NOW + MINUTE, export_limit_kw=1.0)):
            assert (await plant.apply(order, NOW)).outcome is Outcome.REFUSED

    play(world())
    assert huawei.api.asked == []


def test_a_task_that_failed_is_a_refusal_and_one_that_never_shows_is_silence(huawei):
    async def world():
        (plant,) = opened(huawei, VirtualClock(NOW))
        huawei.task_status = 2
        assert (await plant.apply(Order(3.0, NOW + MINUTE), NOW)).outcome is Outcome.REFUSED
        huawei.api.trouble = Trouble.LYING
        assert (await plant.apply(Order(3.0, NOW + MINUTE), NOW)).outcome is Outcome.SILENT

    play(world())


def test_a_session_that_ended_is_begun_anew_once(huawei):
    async def world():
        (plant,) = opened(huawei, VirtualClock(NOW))
        await plant.apply(None, NOW)
        huawei.end_session()
        return (await plant.apply(None, NOW)).outcome

    assert play(world()) is Outcome.ACCEPTED
    assert paths(huawei).count("login") == 2


@pytest.mark.parametrize("code", [407, 429, 20200, 20004])
def test_their_own_codes_for_too_much_shut_the_account(huawei, code):
    async def world():
        clock = VirtualClock(NOW)
        (plant,) = opened(huawei, clock)
        huawei.fails = [code]
        assert (await plant.apply(None, NOW)).outcome is Outcome.SILENT
        asked = len(huawei.api.asked)
        assert (await plant.apply(None, NOW)).outcome is Outcome.SILENT
        assert len(huawei.api.asked) == asked
        await clock.sleep_until(NOW + 6 * MINUTE)
        assert (await plant.apply(None, clock.now())).outcome is Outcome.ACCEPTED

    play(world())


def test_a_plant_that_was_heard_keeps_its_age_while_the_cloud_is_dead(huawei):
    async def world():
        clock = VirtualClock(NOW)
        (plant,) = opened(huawei, clock)
        await plant.read(NOW)
        huawei.api.trouble = Trouble.DEAD
        await clock.sleep_until(NOW + 90 * MINUTE)
        return await plant.read(clock.now())

    assert play(world()).at == NOW


def test_one_that_was_never_heard_is_an_error_and_numbers_that_are_none_are_too(huawei):
    async def world():
        clock = VirtualClock(NOW)
        (plant,) = opened(huawei, clock)
        huawei.api.trouble = Trouble.DEAD
        with pytest.raises(DeviceError):
            await plant.read(NOW)
        huawei.api.trouble = Trouble.NONE
        huawei.devices[BATTERY]["ch_discharge_power"] = "NaN"
        await clock.sleep_until(NOW + 12 * MINUTE)
        with pytest.raises(DeviceError, match="NaN"):
            await plant.read(clock.now())

    play(world())
