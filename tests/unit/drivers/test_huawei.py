from datetime import UTC, datetime, timedelta

import pytest
from tests.dumps_of_devices import in_memory, modbus_dumps

from manta.domain.der import ComponentKind, Running
from manta.drivers.port import Order

DUMP = modbus_dumps()["huawei/SUN2000-5KTL-L1"]
NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
PERIOD = 47083


@pytest.mark.parametrize(("asked_kw", "held_kw"), [(9.0, 4.5), (-9.0, -5.0), (4.4, 4.4)])
async def test_a_power_is_clamped_to_what_the_battery_offers_now(asked_kw, held_kw):
    driver, memory = in_memory(DUMP)
    assert (await driver.apply(Order(asked_kw, SOON), NOW)).power_kw == held_kw
    at = 47249 if asked_kw > 0 else 47247
    assert memory.words(at, 2) == [0, round(abs(held_kw) * 1_000)]


@pytest.mark.parametrize(
    ("lasts", "minutes"),
    [
        (timedelta(seconds=1), 1),
        (timedelta(seconds=61), 2),
        (timedelta(minutes=5), 5),
        (timedelta(days=2), 10),
    ],
)
async def test_a_period_is_whole_minutes_and_never_longer_than_a_lost_controller_may_last(lasts, minutes):
    driver, memory = in_memory(DUMP)
    await driver.apply(Order(1.0, NOW + lasts), NOW)
    assert memory.words(PERIOD) == [minutes]
    assert timedelta(minutes=minutes) <= driver.descriptor.expiry
    assert driver.descriptor.refresh <= driver.descriptor.expiry / 2


async def test_an_export_limit_is_undone_by_the_release():
    driver, memory = in_memory(DUMP)
    await driver.apply(Order(1.0, SOON, export_limit_kw=1.5), NOW)
    assert memory.words(47415, 3) == [6, 0, 1_500]
    await driver.apply(None, NOW)
    assert memory.words(47415, 3) == [0, 0, 0]


async def test_a_meter_that_is_not_there_is_unknown_and_so_is_the_household():
    driver, memory = in_memory(DUMP)
    memory.spaces["holding"] |= {37113: 0x7FFF, 37114: 0xFFFF}
    seen = (await driver.read(NOW)).measurements
    assert seen[ComponentKind.GRID_METER].power_kw is None
    assert seen[ComponentKind.LOAD].power_kw is None


@pytest.mark.parametrize(
    ("state", "running"),
    [(0x0200, Running.RUNNING), (0x0201, Running.DERATED), (0x0203, Running.ISLANDED)]
    + [(0x0300, Running.FAULT), (0x0301, Running.STOPPED), (0xA000, Running.STANDBY)]
    + [(0x7777, Running.UNKNOWN)],
)
async def test_its_state_is_told_in_our_words(state, running):
    driver, memory = in_memory(DUMP)
    memory.spaces["holding"][32089] = state
    assert (await driver.read(NOW)).status.running is running
