"""What every driver on Modbus keeps, tried on the dump of each make and model."""

from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import isclose

import pytest
from pymodbus.constants import ExcCodes
from tests.dumps_of_devices import device_of, modbus_dumps

from manta.domain.der import ComponentKind, Setpoints
from manta.domain.lease import Outcome
from manta.drivers.catalogue import CATALOGUE, Endpoint
from manta.drivers.port import DeviceError, Order

NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
DUMPS = modbus_dumps()


@pytest.fixture(params=DUMPS.values(), ids=DUMPS.keys())
def dump(request):
    return request.param


@asynccontextmanager
async def driven(dump, **options):
    device = device_of(dump, **options)
    async with device.serving() as port:
        driver = CATALOGUE[dump["make"]].connect(Endpoint("127.0.0.1", port, dump["unit"]))
        try:
            yield driver, device
        finally:
            await driver.close()


async def test_it_says_who_it_is(dump):
    async with driven(dump) as (driver, _):
        identity, capability = await driver.identify()
    assert asdict(identity) == pytest.approx(dump["identity"])
    assert asdict(capability) == pytest.approx(dump["capability"])


async def test_it_is_read_in_our_units_and_our_sign(dump):
    async with driven(dump) as (driver, _):
        sample = await driver.read(NOW)
    assert sample.status.running == dump["running"]
    for kind, expected in dump["sample"].items():
        seen = asdict(sample.measurements[ComponentKind(kind)])
        assert {name: seen[name] for name in expected} == pytest.approx(expected), kind


async def test_the_site_adds_up(dump):
    async with driven(dump) as (driver, _):
        seen = (await driver.read(NOW)).measurements
    behind_inverter = {ComponentKind.PV_STRING, ComponentKind.BATTERY}
    hidden = behind_inverter if ComponentKind.INVERTER in seen else set()
    parts = [kind for kind in seen if kind not in hidden | {ComponentKind.GRID_METER}]
    behind = [seen[kind].power_kw for kind in parts]
    if None in behind or ComponentKind.LOAD not in seen:
        pytest.skip("this make does not tell every part")
    assert isclose(sum(behind), seen[ComponentKind.GRID_METER].power_kw, abs_tol=0.05)


async def test_an_order_becomes_these_writes_and_a_release_those(dump):
    for order in dump["orders"]:
        async with driven(dump) as (driver, device):
            applied = await driver.apply(Order(order["power_kw"], SOON), NOW)
            assert (applied.outcome, applied.because) == (Outcome.ACCEPTED, "")
            assert device.written == [(address, words) for address, words in order["writes"]]
            device.written.clear()
            assert (await driver.apply(None, NOW)).outcome is Outcome.ACCEPTED
            assert device.written == [(address, words) for address, words in dump["release"]]


async def test_an_order_whose_time_is_over_is_a_release(dump):
    async with driven(dump) as (driver, device):
        applied = await driver.apply(Order(1.0, NOW), NOW)
        assert applied.power_kw is None
        assert device.written == [(address, words) for address, words in dump["release"]]


async def test_what_it_has_no_expiry_for_it_releases_when_it_is_closed(dump):
    if not CATALOGUE[dump["make"]].descriptor.needs_watchdog:
        pytest.skip("the device lets go by itself")
    async with driven(dump) as (driver, device):
        await driver.apply(Order(1.0, SOON), NOW)
        device.written.clear()
        await driver.close()
        assert device.written == [(address, words) for address, words in dump["release"]]


async def test_a_device_that_says_no_is_a_refusal_with_its_reason(dump):
    def refuse(_, __):
        return ExcCodes.DEVICE_FAILURE

    async with driven(dump, answer=refuse) as (driver, device):
        applied = await driver.apply(Order(1.0, SOON), NOW)
        assert applied.outcome is Outcome.REFUSED
        assert "exception 4" in applied.because
        assert device.written == []


async def test_a_device_that_is_gone_is_silent(dump):
    async with driven(dump) as (driver, _):
        await driver.identify()
        gone = driver
    assert (await gone.apply(Order(1.0, SOON), NOW)).outcome is Outcome.SILENT
    with pytest.raises(DeviceError):
        await gone.read(NOW)


async def test_its_facts_are_whole(dump):
    make = CATALOGUE[dump["make"]]
    facts = make.descriptor
    assert facts.make == dump["make"]
    assert facts.setpoints is not Setpoints.NONE or not dump["orders"]
    assert facts.expiry is None or facts.refresh * 2 <= facts.expiry
    assert facts.poll > timedelta()
    assert make.caption
    assert make.reached


def test_every_make_on_modbus_has_a_dump():
    reached = {name for name, make in CATALOGUE.items() if make.reached.startswith("Modbus")}
    assert reached == {dump["make"] for dump in DUMPS.values()}
