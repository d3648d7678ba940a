"""What several makes have in common: what was touched is put back, what cannot be known is not commanded."""

from datetime import UTC, datetime, timedelta
from math import inf

import pytest
from tests.dumps_of_devices import in_memory, modbus_dumps

from manta.domain.der import ComponentKind, Running
from manta.domain.lease import Outcome
from manta.drivers.catalogue import CATALOGUE
from manta.drivers.port import DeviceError, Order

DUMPS = modbus_dumps()
NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
COMMANDED = {name: dump for name, dump in DUMPS.items() if dump["orders"]}
FOXESS = {name: dump for name, dump in DUMPS.items() if name.startswith("foxess")}


@pytest.mark.parametrize("name", ["sigenergy/SigenStor-10.0-EC-TP", "goodwe/GW10K-ET"])
async def test_an_export_limit_is_undone_by_the_release(name):
    driver, memory = in_memory(DUMPS[name])
    before = dict(memory.spaces["holding"])
    await driver.apply(Order(2.0, SOON, export_limit_kw=1.5), NOW)
    assert (await driver.read(NOW)).settings.export_limit_kw == pytest.approx(1.5)
    await driver.apply(None, NOW)
    assert memory.spaces["holding"] == before
    assert (await driver.read(NOW)).settings.export_limit_kw == inf


@pytest.mark.parametrize("name", COMMANDED)
async def test_a_refresh_after_a_change_of_sign_leaves_nothing_that_the_release_does_not_undo(name):
    driver, memory = in_memory(COMMANDED[name])
    for power_kw in (2.0, -2.0, 0.0, 1.0):
        await driver.apply(Order(power_kw, SOON), NOW)
    mode = (await driver.read(NOW)).settings.mode
    await driver.apply(None, NOW)
    after = (await driver.read(NOW)).settings
    own, _ = in_memory(COMMANDED[name])
    assert after.mode == (await own.read(NOW)).settings.mode
    if name.startswith(("sungrow", "goodwe", "solaredge", "sunspec", "alphaess")):
        assert mode != after.mode


@pytest.mark.parametrize("name", FOXESS)
async def test_an_inverter_is_not_set_while_what_the_panels_give_is_unknown(name):
    driver, memory = in_memory(FOXESS[name])

    async def silent(*_):
        raise DeviceError("no answer")

    memory.read = silent
    assert (await driver.apply(Order(1.0, SOON), NOW)).outcome is Outcome.SILENT
    assert memory.written == []


@pytest.mark.parametrize("name", FOXESS)
async def test_a_timeout_is_never_longer_than_the_expiry_that_is_declared(name):
    driver, memory = in_memory(FOXESS[name])
    await driver.apply(Order(1.0, NOW + timedelta(days=1)), NOW)
    assert memory.written[0][1] == [driver.descriptor.expiry.total_seconds()]


@pytest.mark.parametrize("name", [name for name in COMMANDED if not name.startswith("huawei")])
async def test_an_export_limit_that_a_make_cannot_hold_is_refused_before_anything_is_written(name):
    driver, memory = in_memory(COMMANDED[name])
    _, capability = await driver.identify()
    applied = await driver.apply(Order(1.0, SOON, export_limit_kw=5.0), NOW)
    if capability.export_limit and not name.startswith("sungrow"):
        assert applied.outcome is Outcome.ACCEPTED
    else:
        assert applied.outcome is Outcome.REFUSED
        assert memory.written == []


async def test_an_alphaess_is_clamped_to_what_its_battery_offers():
    driver, memory = in_memory(DUMPS["alphaess/SMILE5"])
    assert (await driver.apply(Order(9.0, SOON), NOW)).power_kw == pytest.approx(4.6)
    assert (await driver.apply(Order(-9.0, SOON), NOW)).power_kw == -5.0
    memory.spaces["holding"][0x012C] = 0
    assert (await driver.apply(Order(-9.0, SOON), NOW)).power_kw == 0.0


async def test_an_alphaess_begins_to_act_when_its_mode_is_written_and_not_before():
    driver, memory = in_memory(DUMPS["alphaess/SMILE5"])
    await driver.apply(Order(1.0, SOON), NOW)
    assert memory.written[-1] == (0x0885, [2])
    assert CATALOGUE["alphaess"].connect.pace.writes_blocks


async def test_a_sigenergy_that_left_the_grid_is_islanded():
    driver, memory = in_memory(DUMPS["sigenergy/SigenStor-10.0-EC-TP"])
    memory.spaces["input"][30009] = 1
    assert (await driver.read(NOW)).status.running is Running.ISLANDED


async def test_a_solaredge_that_somebody_else_controls_by_time_of_use_gets_that_back():
    driver, memory = in_memory(DUMPS["solaredge/SE10K-RWS"])
    memory.spaces["holding"][0xE004] = 2
    await driver.apply(Order(1.0, SOON), NOW)
    assert memory.words(0xE004) == [4]
    await driver.apply(Order(2.0, SOON), NOW)
    await driver.apply(None, NOW)
    assert memory.words(0xE004) == [2]


async def test_an_sma_counts_in_and_out_apart_and_we_as_one():
    driver, memory = in_memory(DUMPS["sma/STP10.0-3SE-40"])
    memory.spaces["holding"] |= {30865: 0, 30866: 1_500, 30867: 0, 30868: 0}
    memory.spaces["holding"] |= {31393: 0, 31394: 0, 31395: 0, 31396: 700}
    seen = (await driver.read(NOW)).measurements
    assert seen[ComponentKind.GRID_METER].power_kw == -1.5
    assert seen[ComponentKind.BATTERY].power_kw == pytest.approx(0.7)
