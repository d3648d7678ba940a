from datetime import UTC, datetime, timedelta

import pytest
from tests.dumps_of_devices import in_memory, modbus_dumps, space

from manta.domain.der import ComponentKind
from manta.domain.lease import Outcome
from manta.drivers.port import DeviceError, Order
from manta.drivers.sunspec_models import BASES, layout

GEN24 = modbus_dumps()["sunspec/Primo-GEN24-6.0-Plus"]
SIM = modbus_dumps()["sunspec/SIM-5K-7xx"]
NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)


def beginning_at(dump, base):
    """The same device with its chain somewhere else."""
    return dump | {
        "holding": {str(at - 40_000 + base): [word] for at, word in space(dump["holding"]).items()}
    }


def address_of(dump, model, offset):
    """Where a word of a model stands, found by walking the chain."""
    words = space(dump["holding"])
    at = 40_002
    while words[at] != model:
        at += 2 + words[at + 1]
    return at + offset


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("dump", [GEN24, SIM], ids=["GEN24", "7xx"])
async def test_its_models_are_found_wherever_the_chain_begins(dump, base):
    driver, _ = in_memory(beginning_at(dump, base))
    identity, _ = await driver.identify()
    assert identity.serial == dump["identity"]["serial"]


async def test_a_device_without_a_chain_is_told_as_such():
    driver, memory = in_memory(GEN24)
    memory.spaces["holding"][40_000] = 0
    with pytest.raises(DeviceError, match="speaks no SunSpec"):
        await driver.identify()


async def test_a_chain_that_never_ends_is_left():
    driver, memory = in_memory(GEN24)
    memory.spaces["holding"] = {40_000: 0x5375, 40_001: 0x6E53} | {40_002 + 2 * n: 64_999 for n in range(200)}
    with pytest.raises(DeviceError, match="does not end"):
        await driver.identify()


@pytest.mark.parametrize(
    ("dump", "model", "timer"), [(GEN24, 124, 15), (SIM, 704, 31)], ids=["model 124", "model 704"]
)
async def test_a_device_without_a_reversion_timer_is_not_commanded(dump, model, timer):
    driver, memory = in_memory(dump)
    at = address_of(dump, model, timer)
    memory.spaces["holding"] |= {at: 0xFFFF} if model == 124 else {at: 0xFFFF, at + 1: 0xFFFF}
    applied = await driver.apply(Order(1.0, SOON), NOW)
    assert applied.outcome is Outcome.REFUSED
    assert "reversion timer" in applied.because
    assert memory.written == []


async def test_a_reversion_timer_is_never_longer_than_the_expiry_that_is_declared():
    driver, memory = in_memory(GEN24)
    await driver.apply(Order(1.0, NOW + timedelta(days=1)), NOW)
    assert memory.words(address_of(GEN24, 124, 15)) == [driver.descriptor.expiry.total_seconds()]


@pytest.mark.parametrize(("asked_kw", "held_kw"), [(7.0, 5.0), (-7.0, -5.0)])
async def test_a_power_is_clamped_to_the_storage_s_rating(asked_kw, held_kw):
    driver, memory = in_memory(GEN24)
    assert (await driver.apply(Order(asked_kw, SOON), NOW)).power_kw == held_kw
    assert abs(memory.words(address_of(GEN24, 124, 12))[0] - 2**16 * (held_kw < 0)) == 10_000


async def test_an_export_limit_is_refused_for_no_model_has_one():
    driver, memory = in_memory(SIM)
    applied = await driver.apply(Order(1.0, SOON, export_limit_kw=5.0), NOW)
    assert applied.outcome is Outcome.REFUSED
    assert memory.written == []


async def test_a_whole_is_not_set_while_what_the_panels_give_is_unknown():
    driver, memory = in_memory(SIM)
    memory.spaces["holding"][address_of(SIM, 714, 20 + 12)] = 0x8000
    applied = await driver.apply(Order(1.0, SOON), NOW)
    assert applied.outcome is Outcome.SILENT
    assert "panels" in applied.because
    assert memory.written == []


@pytest.mark.parametrize(("maker", "export_kw"), [("Fronius", 1.7), ("SolarEdge", -1.7), ("Nobody", 1.7)])
async def test_the_sign_of_the_meter_is_its_maker_s(maker, export_kw):
    driver, memory = in_memory(GEN24)
    name = maker.encode().ljust(32, b"\0")
    memory.spaces["holding"] |= {
        40_004 + n: int.from_bytes(name[2 * n : 2 * n + 2], "big") for n in range(16)
    }
    seen = (await driver.read(NOW)).measurements
    assert seen[ComponentKind.GRID_METER].power_kw == pytest.approx(export_kw)


async def test_a_point_that_is_not_implemented_is_unknown_and_not_zero():
    driver, memory = in_memory(GEN24)
    memory.spaces["holding"][address_of(GEN24, 203, 18)] = 0x8000
    seen = (await driver.read(NOW)).measurements
    assert seen[ComponentKind.GRID_METER].power_kw is None
    assert seen[ComponentKind.LOAD].power_kw is None


@pytest.mark.parametrize(
    ("model", "point", "offset"),
    [(704, "WSet", 24), (704, "WSetRvrtTms", 31), (124, "OutWRte", 12), (124, "InOutWRte_RvrtTms", 15)]
    + [(123, "WMaxLimPct", 5), (701, "W", 10), (802, "SoC", 11), (203, "W", 18), (120, "WRtg", 3)],
)
def test_points_lie_where_the_standard_has_them(model, point, offset):
    assert layout(model).points[point].offset == offset


def test_a_number_that_the_standard_does_not_define_has_no_layout():
    assert layout(64_999) is None
