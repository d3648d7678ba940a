"""What every driver on Modbus keeps, tried on the dump of each make and model."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from math import isclose

import pytest
from pymodbus.constants import ExcCodes
from tests.dumps_of_devices import driven, modbus_dumps

from manta.domain.der import ComponentKind, Setpoints
from manta.domain.lease import Outcome
from manta.drivers.catalogue import CATALOGUE
from manta.drivers.port import Applied, DeviceError, Order

NOW = datetime(2026, 1, 14, 7, 0, tzinfo=UTC)
SOON = NOW + timedelta(minutes=5)
DUMPS = modbus_dumps()


@pytest.fixture(params=DUMPS.values(), ids=DUMPS.keys())
def dump(request):
    return request.param


@pytest.fixture
def commanded(dump):
    """The same, of a make that takes commands."""
    if not dump["orders"]:
        pytest.skip("this make is read alone")
    return dump


def writes(of):
    return [(address, words) for address, words in of]


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


async def test_an_order_becomes_these_writes_and_a_release_those(commanded):
    for order in commanded["orders"]:
        async with driven(commanded) as (driver, device):
            applied = await driver.apply(Order(order["power_kw"], SOON), NOW)
            assert applied == Applied(Outcome.ACCEPTED, order["power_kw"])
            assert device.written == writes(order["writes"])
            device.written.clear()
            assert (await driver.apply(None, NOW)).outcome is Outcome.ACCEPTED
            assert device.written == writes(order.get("release", commanded["release"]))


async def test_an_order_whose_time_is_over_is_a_release(commanded):
    async with driven(commanded) as (driver, device):
        applied = await driver.apply(Order(1.0, NOW), NOW)
        assert applied.power_kw is None
        assert device.written == writes(commanded.get("release_alone", commanded["release"]))


async def test_what_has_no_expiry_is_released_when_it_is_closed_and_the_rest_let_be(commanded):
    first = commanded["orders"][0]
    async with driven(commanded) as (driver, device):
        await driver.apply(Order(first["power_kw"], SOON), NOW)
        device.written.clear()
        await driver.close()
        if CATALOGUE[commanded["make"]].descriptor.needs_watchdog:
            assert device.written == writes(first.get("release", commanded["release"]))
        else:
            assert device.written in ([], writes(first.get("release", commanded["release"])))


async def test_a_device_that_says_no_is_a_refusal_with_its_reason(commanded):
    def refuse(_, __):
        return ExcCodes.DEVICE_FAILURE

    async with driven(commanded, answer=refuse) as (driver, device):
        applied = await driver.apply(Order(1.0, SOON), NOW)
        assert applied.outcome is Outcome.REFUSED
        assert "exception 4" in applied.because
        assert device.written == []


async def test_a_make_that_is_read_alone_refuses_every_power(dump):
    if dump["orders"]:
        pytest.skip("this make takes commands")
    assert CATALOGUE[dump["make"]].descriptor.setpoints is Setpoints.NONE
    async with driven(dump) as (driver, device):
        assert (await driver.apply(Order(1.0, SOON), NOW)).outcome is Outcome.REFUSED
        assert (await driver.apply(None, NOW)).outcome is Outcome.ACCEPTED
        assert device.written == []


async def test_a_device_that_is_gone_is_silent(dump):
    async with driven(dump) as (driver, _):
        await driver.identify()
        gone = driver
    if dump["orders"]:
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
